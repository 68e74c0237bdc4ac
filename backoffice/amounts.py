"""How figures are written for people."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from django.conf import settings

from ledger import amounts
from oversight.console.shown import NOTHING


def plain(amount: Decimal, currency: str) -> str:
    """Write an amount with thousands separated, cut (never rounded up) to its currency's decimals: 1,234.50 USD."""
    return amounts.show(amounts.cut(amount, currency), currency)


def short(amount: Decimal) -> str:
    """Write an amount for an axis: 1.2M, 30k, 450."""
    size = abs(amount)
    for unit, letter in ((Decimal(10**9), "bn"), (Decimal(10**6), "M"), (Decimal(10**3), "k")):
        if size >= unit:
            return f"{trim(amount / unit)}{letter}"
    return trim(amount)


def trim(value: Decimal) -> str:
    """Write a figure with at most two decimals and no zeros at its end."""
    text = f"{value:,.2f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(ratio: Decimal | None) -> str:
    """Write a ratio in per cent, cut to two decimals, or a dash: 0.99999 is 99.99 %, never 100 %."""
    return NOTHING if ratio is None else amounts.percent(ratio, decimals=2)


def listed(sums: Iterable[tuple[str, Decimal]]) -> list[str]:
    """Write amounts by currency, one line each, the platform's own first, those that are zero left out."""
    return [plain(amount, currency) for currency, amount in sorted(sums, key=lambda pair: place(pair[0])) if amount]


def place(currency: str) -> tuple[bool, str]:
    """Where a currency stands in a list: the platform's own comes first."""
    return currency != settings.PLATFORM_CURRENCY, currency
