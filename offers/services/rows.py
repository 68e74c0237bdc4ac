"""What every verb of this room begins with: the officer's disinterest, and the offer's lock. Steps."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from offers.errors import OfferNotFound
from offers.models import Offer, OfferInvestment


def locked(offer_id: UUID) -> Offer:
    """Lock an offer. Raises OfferNotFound."""
    try:
        return Offer.objects.lock(offer_id)
    except Offer.DoesNotExist:
        raise OfferNotFound from None


def has_part(offer_id: str, person: Any) -> bool:
    """Answer whether somebody holds or waits for a place: what is shared or given back is to their own benefit."""
    return OfferInvestment.objects.filter(offer_id=offer_id).owned_by(person).under_way().exists()
