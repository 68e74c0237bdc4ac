"""What changes how somebody proves who they are holds their payouts for a day. Source: docs/rules/access.md §9."""

from __future__ import annotations

from datetime import datetime

from accounts import rules, signals
from accounts.models import User
from oversight import audit


def changed(person: User, *, now: datetime) -> None:
    """Note that PIN, password, address or second factor of a locked person changed (a step)."""
    # Whoever waited for the lock comes with an earlier moment: what was proved before the later one stays void.
    person.access_changed_at = max(now, person.access_changed_at or now)
    person.save(update_fields=["access_changed_at"])


def factor_changed(person: User, action: str, *, by: User | None = None, now: datetime, reason: str = "") -> None:
    """Note that a second factor of a locked person changed, tell them and write it down (a step); `by` an officer."""
    changed(person, now=now)
    signals.tell(person, "factor_changed", now=now)
    audit.record(action, actor=by or person, at=now, target=person, reason=reason)


def payouts_held_until(person: User, *, now: datetime) -> datetime | None:
    """Say until when nothing is paid out to a person because of such a change; None if nothing holds them."""
    if person.access_changed_at is None:
        return None
    until = person.access_changed_at + rules.PAYOUTS_HELD_FOR
    return until if now < until else None
