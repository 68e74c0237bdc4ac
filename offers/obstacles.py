"""What a person has in offers, which stands in the way of deleting them."""

from __future__ import annotations

from collections.abc import Iterable

from accounts.models import User
from accounts.obstacles import Obstacle
from offers.models import OfferInvestment


def investments(person: User) -> Iterable[Obstacle]:
    """Object to an investment that isn't repaid, and to a place in a line."""
    if OfferInvestment.objects.owned_by(person).under_way().exists():
        yield Obstacle("offer-investment", "an investment in an offer, or a place in its line")
