"""How the treasury's figures are written on the console's pages."""

from __future__ import annotations

from decimal import Decimal

from ledger import amounts
from ledger.models import Currency
from oversight.console.shown import NOTHING
from treasury.services.previews import show_amount, show_ratio

__all__ = ["amount_of", "bare", "show_ratio"]


def amount_of(amount: Decimal | None, currency: Currency) -> str:
    """Write an amount with its currency, or a dash."""
    return NOTHING if amount is None else show_amount(amount, currency)


def bare(amount: Decimal | None, currency: Currency) -> str:
    """Write an amount without its currency, or a dash."""
    return NOTHING if amount is None else amounts.number(amounts.cut(amount, currency.code), currency.code)
