"""Wrong passwords are counted per identifier, in the database, whether or not anybody has it.

The attempt is counted before the password is looked at and taken back when it was right: many guesses at once
get no more tries than the same guesses one after another.

An address that the person came in from lately has a counter of its own: whoever guesses from elsewhere, on and on,
locks the identifier everywhere but there.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from accounts import rules
from accounts.errors import LockedOut
from accounts.models import LoginFailure, User
from core.commands import command
from oversight.encryption import blind_index
from oversight.models import AuditEvent

LOGGED_IN = "accounts.logged_in"
ENTERED_CONSOLE = "accounts.entered_console"


def counter_of(index: bytes, *, ip: str | None, now: datetime) -> bytes:
    """Return the counter for attempts on this identifier from this address: one query, whoever has it or nobody."""
    came_in = AuditEvent.objects.filter(
        Q(actor__email_index=index) | Q(actor__phone_index=index),
        action__in=[LOGGED_IN, ENTERED_CONSOLE],
        ip=ip,
        at__gt=now - rules.ADDRESS_KNOWN_FOR,
    )
    return blind_index(f"{index.hex()} from {ip}") if ip is not None and came_in.exists() else index


def require_attempt(index: bytes, *, now: datetime) -> None:
    """Count one attempt for this identifier, committed before the password is checked.

    Raises LockedOut while the identifier is locked.
    """
    until = spend_attempt(index, now=now)
    if until is not None:
        raise LockedOut(retry_after=max(1, int((until - now).total_seconds())))


@command
def spend_attempt(index: bytes, *, now: datetime) -> datetime | None:
    """Count one attempt; return until when the identifier is locked if it was already, or None."""
    LoginFailure.objects.bulk_create([LoginFailure(identifier_index=index, last_failed_at=now)], ignore_conflicts=True)
    row = LoginFailure.objects.all().lock(index)
    if row.locked_until is not None and now < row.locked_until:
        return row.locked_until
    previous = 0 if row.locked_until is not None else row.failures
    row.failures = rules.failures_after(previous, last_failed_at=row.last_failed_at, now=now)
    row.last_failed_at = now
    row.locked_until = rules.locked_until(row.failures, now=now)
    row.save(update_fields=["failures", "last_failed_at", "locked_until"])
    return None


def forget(*indexes: bytes | None) -> None:
    """Forget the attempts of these identifiers: the password was right (a step)."""
    LoginFailure.objects.filter(pk__in=[bytes(index) for index in indexes if index is not None]).delete()


@command
def forget_old(*, now: datetime) -> int:
    """Forget attempts so long ago that they count no more; return of how many identifiers."""
    lapsed = LoginFailure.objects.filter(last_failed_at__lt=now - rules.KEEP_ATTEMPTS)
    return lapsed.exclude(locked_until__gt=now).delete()[0]


def counters_of(user: User) -> list[bytes]:
    """Return what wrong passwords and wrong second factors of a person are counted under, wherever they came from."""
    return [bytes(index) for index in (user.email_index, user.phone_index) if index is not None]
