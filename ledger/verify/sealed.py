"""Seals against the rows that they were made of, and against those that somebody kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

from django.db.models import Max, Min

from ledger import seals
from ledger.models import BusinessDay, Seal, Transfer

OnDay = Callable[[str, int], None]


class Walk:
    """The one walk along all transfers with their transactions: hashed for the seals, each row proven on the way.

    It costs as much as all other checks, so what a row shows beside its hash is asked while it is there: that it is a
    line of its transaction, and has its fingerprint if it is the only one. What it can't prove isn't a break yet: the
    query that names it decides. `on_day` hears which day comes next, and of how many.
    """

    def __init__(self, on_day: OnDay = lambda day, of: None) -> None:
        self._on_day = on_day
        self._proven = True
        self._found: dict[date | None, list[str]] = {}

    @cached_property
    def _days(self) -> list[date]:
        return list(Seal.objects.order_by("day_id").values_list("day_id", flat=True))

    @property
    def parts(self) -> list[Callable[[], None]]:
        """The walk's pieces, which may be gone in any order and side by side: each sealed day, and what comes after."""
        return [partial(self._go, day) for day in [*self._days, None] if day not in self._found]

    @property
    def breaks(self) -> list[str]:
        """What is wrong with the seals, by day; goes where nobody has gone yet."""
        for part in self.parts:
            part()
        return [*(what for day in self._days for what in self._found[day]), *_unsealed_days()]

    @property
    def proves_rows(self) -> bool:
        """Whether every transfer was seen to be right."""
        return not self.breaks and self._proven

    @property
    def proven_until(self) -> int:
        """The last transfer up to which each was seen to be booked on the day in whose seal it is."""
        return self._sealed_until if self.proves_rows else 0

    @cached_property
    def _sealed_until(self) -> int:
        return Seal.objects.aggregate(last=Max("last_transfer_id"))["last"] or 0

    def _go(self, day: date | None) -> None:
        self._on_day(str(day or "not sealed yet"), len(self._days) + 1)
        if day is None:
            self._prove_after_the_seals()
            self._found[day] = []
            return
        previous = Seal.objects.filter(day_id__lt=day).order_by("-day_id").first()
        self._found[day] = list(_broken_seal(Seal.objects.get(day_id=day), previous, partial(self._hash, day)))

    def _prove_after_the_seals(self) -> None:
        lowest, highest = Transfer.objects.aggregate(lowest=Min("id"), highest=Max("id")).values()
        if highest is not None:
            self._see(lowest > 0)
            self._hash(None, self._sealed_until, highest)

    def _hash(self, day: date | None, first: int, last: int) -> tuple[int, bytes]:
        """As sealing hashes, and prove each row."""
        proven = _PROVEN.format(booked_on=f"'{day}'" if day else "x.booked_on")
        return seals.chain(seals.LEDGER_SLICE.format(more=proven), first, last, on_slice=self._see)

    def _see(self, proven: bool) -> None:
        if not proven:
            self._proven = False


def _unsealed_days() -> Iterator[str]:
    # The newest closed day alone may still wait for its seal: a day isn't closed before the last one was sealed.
    closed = BusinessDay.objects.filter(closed_at__isnull=False)
    older = closed.filter(day__lt=closed.aggregate(Max("day"))["day__max"] or date.min)
    yield from (f"{row.day} is closed and has no seal" for row in older.filter(seal__isnull=True).order_by("day"))


def _broken_seal(seal: Seal, previous: Seal | None, hash_ledger: seals.LedgerHash) -> Iterator[str]:
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
    contents = seals.contents_of(
        seal.last_transfer_id, seal.recorded_until, columns=columns, previous=previous, hash_ledger=hash_ledger
    )
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


# Beside the sealing's own hash: whether each transfer is of its day, is a line of its transaction, and alone has its
# fingerprint.
_PROVEN: Final = """,
    COALESCE(bool_and(COALESCE(
        x.booked_on = {booked_on} AND x.line BETWEEN 1 AND t.moves
        AND (t.moves > 1 OR t.fingerprint = sha256(convert_to(concat(
            t.kind, '|', x.line, ':', x.debit_account_id, ':', x.credit_account_id, ':', x.currency_id, ':', x.amount
        ), 'UTF8'))), false)), true)
"""
