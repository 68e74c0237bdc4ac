"""A passkey whose counter went back: somebody may have a copy of it. Source: docs/rules/access.md §10."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from accounts import signals
from accounts.errors import WrongFactor
from accounts.models import User
from core.commands import command
from oversight import alerts, audit


class Copied(WrongFactor):
    """The key's signature was right, its counter wasn't; the caller hears what every wrong factor says."""


@contextmanager
def told(user: User, *, now: datetime) -> Iterator[None]:
    """Tell owner and officers of a copy that is refused within: the refusal itself takes back all that it wrote."""
    try:
        yield
    except Copied:
        note_copy(user.pk, now=now)
        raise


@command
def note_copy(user_id: UUID, *, now: datetime) -> None:
    """Tell the owner, raise an alert and write it down."""
    person = User.objects.lock(user_id)
    signals.tell(person, "passkey_copied", now=now)
    alerts.raise_alert(
        "accounts.passkey_copied",
        dedupe=str(person.pk),
        target=person,
        title="A passkey answered with a counter that went back: there may be a copy of it",
        at=now,
    )
    audit.record("accounts.passkey_copied", actor=person, at=now, target=person)
