"""Wrong passwords are counted per identifier, in the database, whether or not anybody has it.

The attempt is counted before the password is looked at and taken back when it was right: many guesses at once
get no more tries than the same guesses one after another.

An address that the person came in from lately has a counter of its own, and so has the network around it: whoever
guesses from elsewhere, on and on, from however many addresses, locks the identifier everywhere but there.
Source: docs/rules/access.md §3, ADR 26.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import BooleanField, F, Func, Q, QuerySet, Value

from accounts import devices, rules
from accounts.errors import LockedOut
from accounts.models import LoginFailure, User
from accounts.rules import Patience
from core.commands import command
from oversight.encryption import blind_index
from oversight.models import AuditEvent

LOGGED_IN: Final = "accounts.logged_in"
ENTERED_CONSOLE: Final = "accounts.entered_console"
RESET_BY_MAIL: Final = "accounts.password_reset"
CAME_IN: Final = (LOGGED_IN, ENTERED_CONSOLE, RESET_BY_MAIL)
"""What shows that somebody was at an address: who sets a password by mail is let in from there, whoever guesses."""

PASSWORD_CHANGE, SECOND_FACTOR = "password change", "second factor"


def counter_of(index: bytes, *, ip: str | None, now: datetime) -> bytes:
    """Return the counter for attempts on this identifier from this address: one query, whoever has it or nobody."""
    place = _known_place(index, ip=ip, now=now) if ip is not None else None
    return index if place is None else _from(index, place)


def _known_place(index: bytes, *, ip: str, now: datetime) -> str | None:
    """The address, if its person came in from it lately; else its network, if they came in from that."""
    network = devices.network_of(ip)
    came_in = _came_in(Q(actor__email_index=index) | Q(actor__phone_index=index), now=now)
    near = came_in.filter(_within(network)).annotate(is_here=_within(ip)).order_by("-is_here")
    is_here = near.values_list("is_here", flat=True).first()
    return None if is_here is None else (ip if is_here else network)


def _came_in(who: Q, *, now: datetime) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(who, action__in=CAME_IN, at__gt=now - rules.ADDRESS_KNOWN_FOR)


def is_new_network(officer: User, *, ip: str | None, now: datetime) -> bool:
    """Answer whether an officer came in at the console before, but not from this network of late."""
    if ip is None:
        return False
    ever = AuditEvent.objects.filter(actor=officer, action=ENTERED_CONSOLE)
    near = ever.filter(_within(devices.network_of(ip)), at__gt=now - rules.DEVICE_KNOWN_FOR)
    return ever.exists() and not near.exists()


def _within(network: str) -> Any:
    """Whether an event's address lies in a network, or is this address."""
    parts = (F("ip"), Value(network))
    return Func(*parts, template="%(expressions)s", arg_joiner=" <<= ", output_field=BooleanField())


def _from(index: bytes, place: str) -> bytes:
    return blind_index(f"{index.hex()} from {place}")


def counter_of_person(user_id: UUID, what: str) -> bytes:
    """Return the counter for what only somebody who got past a password, or is logged in, can try."""
    return blind_index(f"{what}: {user_id}")


def require_attempt(index: bytes, *, now: datetime, patience: Patience = rules.WITH_PASSWORDS) -> None:
    """Count one attempt for this identifier, committed before the password is checked.

    Raises LockedOut while the identifier is locked.
    """
    until = spend_attempt(index, now=now, patience=patience)
    if until is not None:
        raise LockedOut(retry_after=max(1, int((until - now).total_seconds())))


@command
def spend_attempt(index: bytes, *, now: datetime, patience: Patience = rules.WITH_PASSWORDS) -> datetime | None:
    """Count one attempt; return until when the identifier is locked if it was already, or None."""
    row = _locked(index, now=now)
    if row.locked_until is not None and now < row.locked_until:
        return row.locked_until
    last = row.last_failed_at
    row.failures = rules.failures_after(row.failures, last_failed_at=last, now=now, window=patience.window)
    row.last_failed_at = now
    row.locked_until = rules.locked_until(row.failures, now=now, longest=patience.longest_lock)
    row.save(update_fields=["failures", "last_failed_at", "locked_until"])
    return None


def _locked(index: bytes, *, now: datetime) -> LoginFailure:
    """Make the counter and lock it; a right password beside us may take it away in between."""
    while True:
        LoginFailure.objects.bulk_create(
            [LoginFailure(identifier_index=index, last_failed_at=now)], ignore_conflicts=True
        )
        with contextlib.suppress(LoginFailure.DoesNotExist):
            return LoginFailure.objects.all().lock(index)


def forget(*indexes: bytes | None) -> None:
    """Forget the attempts of these identifiers: the password was right (a step)."""
    found = LoginFailure.objects.all().lock_all([bytes(index) for index in indexes if index is not None])
    LoginFailure.objects.filter(pk__in=[row.pk for row in found]).delete()


@command
def take_back(*indexes: bytes | None) -> None:
    """Forget them, for whoever gave a password outside any command."""
    forget(*indexes)


@command
def forget_old(*, now: datetime) -> int:
    """Forget attempts so long ago that they count no more; return of how many identifiers."""
    lapsed = LoginFailure.objects.filter(last_failed_at__lt=now - rules.KEEP_ATTEMPTS)
    return lapsed.exclude(locked_until__gt=now).delete()[0]


def lift(user: User, *, now: datetime) -> None:
    """Give new tries to somebody who sets a password by mail just now (a step).

    At the second factor once a day: else whoever has the mailbox would have tries there without end.
    """
    lately = resets_by_mail(user).filter(at__gt=now - rules.RESET_LIFTS_FACTOR_EVERY).exists()
    stays = {counter_of_person(user.pk, SECOND_FACTOR)} if lately else set()
    forget(*(index for index in counters_of(user, now=now) if index not in stays))


def resets_by_mail(user: User) -> QuerySet[AuditEvent]:
    """When somebody set a password by mail."""
    return AuditEvent.objects.filter(actor=user, action=RESET_BY_MAIL)


def counters_of(user: User, *, now: datetime) -> list[bytes]:
    """Return all that a person's wrong tries are counted under now, from wherever they came."""
    own = [counter_of_person(user.pk, what) for what in (PASSWORD_CHANGE, SECOND_FACTOR)]
    places = set(_places(user, now=now))
    indexes = [bytes(index) for index in (user.email_index, user.phone_index) if index is not None]
    return [*own, *indexes, *(_from(index, place) for index in indexes for place in places)]


def _places(user: User, *, now: datetime) -> Iterator[str]:
    for ip in _came_in(Q(actor=user), now=now).values_list("ip", flat=True).distinct().iterator():
        if ip is not None:
            yield from (ip, devices.network_of(ip))
