"""The console's pages of offers, of what investors put into them, and of what was shared among them."""

from offers.admin import deeds, investments, offers

__all__ = ["deeds", "investments", "offers"]
