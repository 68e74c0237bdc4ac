"""How the ledger's hashes are written on the console's pages."""

from __future__ import annotations

from typing import Any

from django.utils.html import format_html, format_html_join

GROUP = 8


def digest(content: Any) -> str:
    """Write a hash in one piece that may still break on a phone."""
    text = bytes(content).hex()
    groups = ((text[start : start + GROUP],) for start in range(0, len(text), GROUP))
    return format_html('<span class="font-mono text-xs">{}</span>', format_html_join("", "{}<wbr>", groups))
