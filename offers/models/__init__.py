"""What the room keeps: offers, what investors put into them, and what is done for all of them at once."""

from offers.models.deeds import OfferDeed, OfferShare
from offers.models.investments import OfferInvestment
from offers.models.offers import Offer

__all__ = ["Offer", "OfferDeed", "OfferInvestment", "OfferShare"]
