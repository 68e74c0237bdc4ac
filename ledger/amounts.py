"""How amounts are written, currency by currency, and fractions in per cent. Imports no Django."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_DOWN, Context, Decimal
from typing import Final

from ledger import chart

EXPONENTS: Final[Mapping[str, int]] = {code: exponent for code, exponent, _ in chart.CURRENCIES}

CENTS: Final = 2
"""Decimals that are always written, if the currency has as many."""

MAXIMUM_DIGITS: Final = 15
"""Digits before the point: far above any balance, far below what numeric(38, 18) holds."""

_WIDE: Final = Context(prec=80)


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
    """Write an amount with its currency behind it, for people: 1,234.50 USD."""
    return f"{number(amount, currency)} {currency}"


def change(amount: Decimal, currency: str) -> str:
    """Write what an amount changes by, always with its sign: +1,234.50 USD."""
    return f"{'+' if amount > 0 else ''}{show(amount, currency)}"


def number(amount: Decimal, currency: str) -> str:
    """Write an amount for people, without its currency; of many decimals, those that say nothing are left out."""
    sign = "-" if amount < 0 else ""
    whole, _, decimals = format_amount(abs(amount), currency).partition(".")
    decimals = decimals.rstrip("0").ljust(min(exponent_of(currency), CENTS), "0")
    return f"{sign}{int(whole):,}{'.' if decimals else ''}{decimals}"


def percent(fraction: Decimal, *, decimals: int | None = None) -> str:
    """Write a fraction in per cent for people, whole or cut to so many decimals: 0.99999 is 99.999 % or 99.99 %."""
    hundredths = fraction.scaleb(2, _WIDE)
    if decimals is None:
        return f"{hundredths.normalize(_WIDE):,f} %"
    return f"{hundredths.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_DOWN, context=_WIDE):,f} %"


def cut(amount: Decimal, currency: str) -> Decimal:
    """Cut an amount to its currency's decimals, towards zero: nothing is shown that isn't there."""
    return amount.quantize(Decimal(1).scaleb(-exponent_of(currency)), rounding=ROUND_DOWN, context=_WIDE)
