"""What a person has in products, which stands in the way of deleting them."""

from __future__ import annotations

from collections.abc import Iterable

from accounts.models import User
from accounts.obstacles import Obstacle
from investments.models import Position

Status = Position.Status


def positions(person: User) -> Iterable[Obstacle]:
    """Object to a position that began and isn't closed: something is in it, or owed for it.

    One that was never funded holds nothing, and ends by itself.
    """
    begun = Position.objects.filter(owner_id=person.pk, funded_on__isnull=False).exclude(status=Status.CLOSED)
    if begun.exists():
        yield Obstacle("open-position", "a position that is open, or that something is owed for")
