"""The page of an export: plain HTML that needs nothing from outside, for a screen of any width and for paper."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from django.utils.safestring import mark_safe
from django.utils.text import capfirst

from backoffice.export.subject import Subject
from backoffice.export.tables import Figure
from notifications import messages

if TYPE_CHECKING:
    from backoffice.export.archive import Shown

STYLE: Final = "export/style.css"
NOTHING: Final = "–"
RECORDS: Final = frozenset({"person"})
"""Parts of one row, shown line by line."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands under a heading, and whether it is a figure."""

    heading: str
    text: str
    is_figure: bool


def render(subject: Subject, shown: Sequence[Shown], *, days: int) -> str:
    """Write the page. Everything that anybody typed is escaped; a script has no way in, and none would be run."""
    zone = messages.zone_of(subject.user)
    style = render_to_string(STYLE)
    context = {
        "style": mark_safe(style),  # noqa: S308 - our own file
        "style_hash": base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        "user": subject.user,
        "made_at": say(subject.now, zone),
        "zone": zone.key,
        "language": "en",
        "parts": [_part(each, zone) for each in shown if each.count],
        "empty": [each.part.title for each in shown if not each.count],
        "days": days,
    }
    return render_to_string("export/page.html", context)


def _part(shown: Shown, zone: ZoneInfo) -> dict[str, Any]:
    rows = [_cells(row, shown.part.quiet, zone) for row in shown.rows]
    return {
        "name": shown.part.name,
        "title": shown.part.title,
        "note": shown.part.note,
        "count": shown.count,
        "left": shown.count - len(rows),
        "headings": rows[0],
        "rows": rows,
        "is_record": shown.part.name in RECORDS,
    }


def _cells(row: dict[str, Any], quiet: frozenset[str], zone: ZoneInfo) -> list[Cell]:
    return [
        Cell(
            capfirst(name.replace("_", " ")),
            say(value, zone),
            isinstance(value, Figure | int) and not isinstance(value, bool),
        )
        for name, value in row.items()
        if name not in quiet
    ]


def say(value: Any, zone: ZoneInfo) -> str:
    """Write a value for people: moments in their own time zone."""
    if isinstance(value, dict):
        text = "; ".join(f"{name}: {say(each, zone)}" for name, each in value.items())
    elif isinstance(value, list | tuple):
        text = ", ".join(say(each, zone) for each in value)
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, datetime):
        text = f"{value.astimezone(zone):%Y-%m-%d %H:%M}"
    else:
        text = "" if value is None else str(value)
    return text or NOTHING
