"""Seals against the rows that they were made of, and against those that somebody kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from django.db.models import Max

from ledger import seals
from ledger.models import BusinessDay, Seal


def broken_seals() -> Iterator[str]:
    previous: Seal | None = None
    for seal in Seal.objects.order_by("day_id").iterator(chunk_size=500):
        yield from _broken_seal(seal, previous)
        previous = seal
    # The newest closed day alone may still wait for its seal: a day isn't closed before the last one was sealed.
    closed = BusinessDay.objects.filter(closed_at__isnull=False)
    older = closed.filter(day__lt=closed.aggregate(Max("day"))["day__max"] or date.min)
    yield from (f"{row.day} is closed and has no seal" for row in older.filter(seal__isnull=True).order_by("day"))


def _broken_seal(seal: Seal, previous: Seal | None) -> Iterator[str]:
    chained_to = bytes(previous.sha256) if previous else seals.EMPTY
    if bytes(seal.previous_sha256) != chained_to:
        yield f"the seal of {seal.day_id} isn't chained to the day before"
    if bytes(seal.sha256) != seals.digest(seal):
        yield f"the seal of {seal.day_id} isn't the hash of its own fields"
    if BusinessDay.objects.filter(day=seal.day_id, last_transfer_id=seal.last_transfer_id).first() is None:
        yield f"the seal of {seal.day_id} ends at another transfer than the day"
    known = seals.columns_by_table()
    columns = {table: record["columns"] for table, record in seal.records.items() if table in known}
    yield from (f"{table} was sealed on {seal.day_id} and is sealed no more" for table in seal.records.keys() - known)
    contents = seals.contents_of(seal.last_transfer_id, seal.recorded_until, columns=columns, previous=previous)
    if contents.ledger_sha256 != bytes(seal.ledger_sha256):
        yield f"the ledger's rows of {seal.day_id} aren't those that were sealed"
    if (contents.transfers, contents.sums) != (seal.transfers, seal.sums):
        yield (
            f"{seal.day_id} was sealed with {seal.transfers} transfers of {seal.sums}, "
            f"there are {contents.transfers} of {contents.sums}"
        )
    for table, found in contents.records.items():
        if found != seal.records[table]:
            yield (
                f"{table} isn't what was sealed on {seal.day_id}: "
                f"{seal.records[table]['rows']} rows then, {found['rows']} now"
            )
    if previous is not None:
        yield from (f"the seal of {seal.day_id} leaves out {table}" for table in previous.records.keys() - seal.records)


def against(path: Path) -> Iterator[str]:
    """Compare with seals that somebody kept: only so is a chain found that was recomputed to its end."""
    published = published_seals(json.loads(path.read_text()))
    kept = {str(day): bytes(sha256).hex() for day, sha256 in Seal.objects.values_list("day_id", "sha256")}
    for day, sha256 in sorted(published.items()):
        if kept.get(day) is None:
            yield f"{day} was published with a seal and has none"
        elif kept[day] != sha256:
            yield f"{day} was published with the seal {sha256[:16]}…, it has {kept[day][:16]}…"


def published_seals(document: Any) -> dict[str, str]:
    """Return seals by day from {"day": "hex"} or from any document whose objects have `day` and `seal`."""
    if isinstance(document, dict) and document and all(_is_day(key) for key in document):
        return {day: str(sha256) for day, sha256 in document.items()}
    found: dict[str, str] = {}
    if isinstance(document, dict) and isinstance(document.get("seal"), str) and "day" in document:
        found[document["day"]] = document["seal"]
    nested = document if isinstance(document, list) else document.values() if isinstance(document, dict) else []
    for item in nested:
        if isinstance(item, dict | list):
            found |= published_seals(item)
    return found


def _is_day(key: str) -> bool:
    try:
        date.fromisoformat(key)
    except ValueError:
        return False
    return True
