"""How the ledger's amounts and hashes are written on the console's pages."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils.html import format_html, format_html_join

from ledger import amounts
from oversight.console.shown import NOTHING

GROUP = 8


def money(amount: Decimal | None, currency: str) -> str:
    """Write an amount with its currency, or a dash."""
    return NOTHING if amount is None else amounts.show(amount, currency)


def digest(content: Any) -> str:
    """Write a hash in one piece that may still break on a phone."""
    text = bytes(content).hex()
    groups = ((text[start : start + GROUP],) for start in range(0, len(text), GROUP))
    return format_html('<code class="text-xs">{}</code>', format_html_join("", "{}<wbr>", groups))
