"""How figures of investments are written on the console's pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString


def table(headings: Iterable[str], rows: Iterable[Iterable[Any]], *, nothing: str = "nothing yet") -> SafeString:
    """Show rows below their headings."""
    context = {"headings": list(headings), "rows": [list(row) for row in rows], "nothing": nothing}
    return SafeString(render_to_string("admin/investments/table.html", context))
