"""Reading the inbox."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from core.commands import command
from notifications.models import Notification


def unread_count(person: Any) -> int:
    """Count what a person hasn't read."""
    return Notification.objects.owned_by(person).unread().count()


@command
def mark_read(person: Any, *, ids: Collection[UUID] | None, now: datetime) -> int:
    """Mark these of a person's notifications as read, or all of them; return how many are unread then.

    What was read before keeps its time. An id that isn't theirs, or that is gone by now, counts for nothing.
    """
    locked = Notification.objects.owned_by(person).unread().lock(ids)
    Notification.objects.filter(pk__in=locked).update(read_at=now)
    return unread_count(person)
