"""How messages write amounts and dates: in the language and time zone that are active."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from django import template
from django.utils import formats, timezone, translation

from ledger import amounts

register = template.Library()

FRENCH = str.maketrans({",": "\N{NO-BREAK SPACE}", ".": ","})


@register.filter
def money(amount: str, currency: str) -> str:
    """Write an amount: 1,234.50 USD, in French 1 234,50 USD."""
    number = amounts.number(Decimal(amount), currency)
    if _is_french():
        number = number.translate(FRENCH)
    return f"{number}\N{NO-BREAK SPACE}{currency}"


@register.filter
def day(written: str) -> str:
    """Write a date: 2 March 2026, 2 mars 2026, and 1er mars 2026."""
    return _dated(date.fromisoformat(written))


@register.filter
def moment(at: datetime | str) -> str:
    """Write a moment on the reader's clock, and whose clock that is."""
    when = datetime.fromisoformat(at) if isinstance(at, str) else at
    local = timezone.localtime(when)
    return f"{_dated(local)}, {local:%H:%M} ({timezone.get_current_timezone_name()})"


def _dated(on: date) -> str:
    """French counts the first of a month, and no other day of it."""
    number = "1er" if on.day == 1 and _is_french() else on.day
    return f"{number} {formats.date_format(on, 'F Y')}"


def _is_french() -> bool:
    return (translation.get_language() or "").startswith("fr")
