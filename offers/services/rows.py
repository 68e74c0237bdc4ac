"""What every verb of this room begins with: the offer's lock. A step."""

from __future__ import annotations

from uuid import UUID

from offers.errors import OfferNotFound
from offers.models import Offer


def locked(offer_id: UUID) -> Offer:
    """Lock an offer. Raises OfferNotFound."""
    try:
        return Offer.objects.lock(offer_id)
    except Offer.DoesNotExist:
        raise OfferNotFound from None
