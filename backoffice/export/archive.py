"""The archive: `data.json` with all of it, `accruals.csv` day by day, `picture.webp`,
`index.html` to read.

Rows are written as they are read: memory holds a chunk of them, and the few of each part that the page shows.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import IO, Any, Final
from uuid import UUID

from accounts.models import Avatar
from backoffice.export import page
from backoffice.export.contents import PARTS
from backoffice.export.subject import Subject
from backoffice.export.tables import CHUNK, Part, Row, plain, written
from investments.models import Accrual
from oversight.models import PersonErased

SHOWN: Final = 60
"""Rows of each part on the page; the newest. The others stand in `data.json`."""

COLUMNS: Final = ("day", "position", "principal", "rate", "numerator", "denominator", "amount", "currency")


@dataclass
class Shown:
    """A part as the page shows it: its first rows, and how many there are."""

    part: Part
    rows: list[Row] = field(default_factory=list)
    count: int = 0


def write(subject: Subject, file: IO[bytes]) -> None:
    """Write the archive of everything that is held about a person."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("data.json", "w", force_zip64=True) as raw, io.TextIOWrapper(raw, "utf-8") as text:
            shown = _write_json(subject, text)
        with (
            archive.open("accruals.csv", "w", force_zip64=True) as raw,
            io.TextIOWrapper(raw, "utf-8", newline="") as text,
        ):
            days = _write_accruals(subject, text)
        for avatar in Avatar.objects.filter(user=subject.user):
            with contextlib.suppress(PersonErased):
                archive.writestr("picture.webp", avatar.picture)
        archive.writestr("index.html", page.render(subject, shown, days=days))


def _write_json(subject: Subject, text: IO[str]) -> list[Shown]:
    about = {"made_at": subject.now, "of": subject.user.pk, "amounts": "decimal strings", "newest": "first"}
    text.write(f'{{"export": {_json(about)}')
    all_shown = []
    for part in PARTS:
        shown = Shown(part)
        text.write(f",\n{json.dumps(part.name)}: [")
        for row in part.rows(subject):
            text.write(f"{',' if shown.count else ''}\n{_json(row)}")
            shown.count += 1
            if shown.count <= SHOWN:
                shown.rows.append(row)
        text.write("]")
        all_shown.append(shown)
    text.write("}\n")
    return all_shown


def _write_accruals(subject: Subject, text: IO[str]) -> int:
    writer, days = csv.writer(text), 0
    writer.writerow(COLUMNS)
    for row in _accruals(subject):
        writer.writerow(row)
        days += 1
    return days


def _accruals(subject: Subject) -> Iterator[tuple[Any, ...]]:
    paths = ("day", "position__number", "principal", "rate", "numerator", "denominator", "amount")
    days = Accrual.objects.filter(position_id__in=subject.positions).order_by("day", "position_id")
    for day, number, principal, rate, numerator, denominator, amount, code in days.values_list(
        *paths, "position__product__currency"
    ).iterator(chunk_size=CHUNK):
        yield (
            *(day.isoformat(), number, written(principal, code), plain(rate)),
            *(numerator, denominator, written(amount, code), code),
        )


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, default=_as_text)


def _as_text(value: Any) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in an export")
