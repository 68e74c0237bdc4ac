"""The console's pages of the ledger. They only show: a reversal begins in the room that posts the kind."""

from ledger.admin import accounts, days, settings, transactions

__all__ = ["accounts", "days", "settings", "transactions"]
