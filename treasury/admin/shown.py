"""How the treasury's figures are written on the console's pages."""

from __future__ import annotations

from decimal import Decimal

from ledger import amounts
from ledger.models import Currency
from treasury.services.previews import percent, show_amount

__all__ = ["amount_of", "bare", "percent"]


def amount_of(amount: Decimal | None, currency: Currency) -> str:
    """Write an amount with its currency, or a dash."""
    return "–" if amount is None else show_amount(amount, currency)


def bare(amount: Decimal | None, currency: Currency) -> str:
    """Write an amount without its currency, or a dash."""
    return "–" if amount is None else amounts.number(amounts.cut(amount, currency.code), currency.code)
