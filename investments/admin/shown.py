"""How figures of investments are written on the console's pages."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from ledger import amounts

NOTHING = "–"


def money(amount: Decimal | None, currency: str) -> str:
    """Write an amount with its currency, or a dash."""
    return NOTHING if amount is None else amounts.show(amount, currency)


def percent(fraction: Decimal) -> str:
    """Write a fraction in per cent."""
    return f"{(fraction * 100).normalize():,f} %"


def rate(version: Any) -> str:
    return f"{percent(version.rate)} a {version.rate_period}"


def table(headings: Iterable[str], rows: Iterable[Iterable[Any]], *, nothing: str = "nothing yet") -> SafeString:
    """Show rows below their headings."""
    context = {"headings": list(headings), "rows": [list(row) for row in rows], "nothing": nothing}
    return SafeString(render_to_string("admin/investments/table.html", context))
