"""What somebody shows who reads a person's mail, and what shows more. Source: docs/rules/access.md §10."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from accounts import lockout
from accounts.models import User
from accounts.services.recovery import RECOVERY
from oversight.models import AuditEvent

PROVING: Final = ("sms", "totp", "passkey", RECOVERY)
"""What finishes a log-in that a mailbox doesn't give. Neither a code by mail nor Google or Apple is among it."""


def is_all(user: User) -> bool:
    """Answer whether the password was set by mail, and nothing but that has shown since who has it."""
    latest = lockout.resets_by_mail(user).order_by("-id").values_list("id", flat=True).first()
    return latest is not None and not has_shown_more(user, since=latest)


def has_shown_more(user: User, *, since: UUID) -> bool:
    """Answer whether a log-in was finished by a code by SMS or a second factor since the row of that id was made.

    Ids are drawn under the person's lock, in the order of time; the moment of a command is when it began to wait.
    """
    log_ins = AuditEvent.objects.filter(actor=user, action=lockout.LOGGED_IN, id__gt=since)
    return log_ins.filter(after__by__in=PROVING).exists()
