"""How lately officers must have proved their second factor. Source: docs/rules/access.md §10."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from core.errors import DomainError

FOR_STAFF: Final = timedelta(hours=12)
FOR_APPROVALS: Final = timedelta(minutes=15)


class SecondFactorNeeded(DomainError):
    code = "second-factor-required"
    title = "Give your second factor first"
    status = 403


def is_fresh(given_at: datetime | None, *, person: Any, within: timedelta, now: datetime) -> bool:
    """Answer whether a second factor that was given then still counts.

    What changes how somebody proves who they are (`access_changed_at`) ends what was proved before it, everywhere.
    """
    if given_at is None or now - given_at >= within:
        return False
    return person.access_changed_at is None or person.access_changed_at <= given_at


def require_fresh(given_at: datetime | None, *, person: Any, within: timedelta, now: datetime) -> None:
    """Refuse whoever has to give it again. Raises SecondFactorNeeded."""
    if not is_fresh(given_at, person=person, within=within, now=now):
        raise SecondFactorNeeded(within_seconds=int(within.total_seconds()))
