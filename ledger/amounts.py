"""How amounts are written, currency by currency. Imports no Django."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from ledger import chart

EXPONENTS: Final[Mapping[str, int]] = {code: exponent for code, exponent, _ in chart.CURRENCIES}

MAXIMUM_DIGITS: Final = 15
"""Digits before the point: far above any balance, far below what numeric(38, 18) holds."""


def exponent_of(currency: str) -> int:
    """Return how many decimals a currency has. Raises KeyError for one that the platform doesn't know."""
    return EXPONENTS[currency]


def is_currency(code: object) -> bool:
    """Answer whether this is the code of a currency of the platform."""
    return isinstance(code, str) and code in EXPONENTS


def is_postable(amount: Decimal, currency: str) -> bool:
    """Answer whether the ledger takes this amount: positive, and no finer than the currency."""
    if currency not in EXPONENTS or not amount.is_finite() or amount <= 0:
        return False
    whole, _, decimals = f"{amount:f}".partition(".")
    return len(whole) <= MAXIMUM_DIGITS and len(decimals.rstrip("0")) <= EXPONENTS[currency]


def format_amount(amount: Decimal, currency: str) -> str:
    """Write an amount with its currency's decimals; a finer one (an accrual) keeps all that it has."""
    exponent = exponent_of(currency)
    plain = f"{amount:f}"
    whole, _, decimals = plain.partition(".")
    decimals = decimals.rstrip("0").ljust(exponent, "0")
    text = f"{whole}.{decimals}" if decimals else whole
    return text.removeprefix("-") if not amount else text


def show(amount: Decimal, currency: str) -> str:
    """Write an amount with its currency behind it, for people."""
    sign = "-" if amount < 0 else ""
    whole, point, decimals = format_amount(abs(amount), currency).partition(".")
    return f"{sign}{int(whole):,}{point}{decimals} {currency}"
