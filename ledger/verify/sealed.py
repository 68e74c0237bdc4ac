"""Seals against the rows that they were made of, and against those that somebody kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from django.db.models import Max, Min

from ledger import seals
from ledger.models import BusinessDay, Seal, Transfer

OnDay = Callable[[str, int], None]


class Walk:
    """The one walk along all transfers with their transactions: hashed for the seals, each row proven on the way.

    It costs more than all other checks, so what a row shows beside its hash is asked while it is there: that it is a
    line of its transaction, and has its fingerprint if it is the only one. What it can't prove isn't a break yet: the
    query that names it decides. `on_day` hears which day comes next, and of how many.
    """

    def __init__(self, on_day: OnDay = lambda day, of: None) -> None:
        self._on_day = on_day
        self._proven = True

    @cached_property
    def breaks(self) -> list[str]:
        """What is wrong with the seals, found by going; the walk is gone once."""
        last, days = 0, Seal.objects.count() + 1
        found: list[str] = []
        previous: Seal | None = None
        for seal in Seal.objects.order_by("day_id").iterator(chunk_size=500):
            self._on_day(str(seal.day_id), days)
            found += _broken_seal(seal, previous, self._hash)
            previous, last = seal, seal.last_transfer_id
        self._on_day("not sealed yet", days)
        self._prove_after(last)
        return [*found, *_unsealed_days()]

    @property
    def proves_rows(self) -> bool:
        """Whether every transfer was seen to be right."""
        return not self.breaks and self._proven

    def _prove_after(self, last: int) -> None:
        lowest, highest = Transfer.objects.aggregate(lowest=Min("id"), highest=Max("id")).values()
        if highest is not None:
            self._proven &= lowest > 0
            self._hash(last, highest)

    def _hash(self, first: int, last: int) -> tuple[int, bytes]:
        """As sealing hashes, and prove each row."""
        return seals.chain(_SLICE, first, last, on_slice=self._see)

    def _see(self, proven: bool) -> None:
        self._proven &= proven


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


# The text of a row is the sealing's own; ids and amount become text once, for it and for the fingerprint.
_SLICE: Final = """
    SELECT count(*), sha256(convert_to(string_agg(ROW(
        r.id, r.line, r.debit, r.credit, r.currency_id, r.exact, r.booked_on,
        r.t_id, r.kind, r.key, r.fingerprint, r.moves, r.effective_on, r.posted_at, r.actor_id, r.memo,
        r.evidence_id, r.approval_id, r.reverses_id
    )::text, E'\\n' ORDER BY r.id), 'UTF8')),
    COALESCE(bool_and(COALESCE(r.line BETWEEN 1 AND r.moves AND (r.moves > 1 OR r.fingerprint = sha256(convert_to(
        r.kind || '|' || r.line || ':' || r.debit || ':' || r.credit || ':' || r.currency_id || ':' || r.exact,
        'UTF8'))), false)), true)
    FROM (
        SELECT x.id, x.line, x.debit_account_id::text AS debit, x.credit_account_id::text AS credit, x.currency_id,
               x.amount::text AS exact, x.booked_on, t.id AS t_id, t.kind, t.key, t.fingerprint, t.moves,
               t.effective_on, t.posted_at, t.actor_id, t.memo, t.evidence_id, t.approval_id, t.reverses_id
        FROM ledger_transfer x LEFT JOIN ledger_transaction t ON t.id = x.transaction_id
        WHERE x.id > %s AND x.id <= %s OFFSET 0
    ) r
"""
