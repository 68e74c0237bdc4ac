"""Seals: each closed day's rows hashed and chained to the day before. Source: docs/rules/ledger.md §3.

A slice is 10,000 ids: one `string_agg` over a day would break at 1 GB.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypedDict
from uuid import UUID

from django.apps import apps
from django.db import connection, transaction

from core.errors import DomainError
from core.guards import Guard
from core.plans import allow_memory
from ledger import chart
from ledger.models import BusinessDay, Seal

SLICE = 10_000
SNAPSHOT_FROM = 1_000
"""New transfers from which an account gets a snapshot at the seal."""

EMPTY = hashlib.sha256(b"").digest()
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
HIGHEST_ID = UUID(int=2**128 - 1)
"""After every id of its moment: a seal's last moment belongs to it whole."""

LedgerHash = Callable[[int, int], tuple[int, bytes]]
"""Count and chained hash of the transfers after one id, up to another."""


class SealRefused(DomainError):
    code = "seal-refused"
    title = "This day can't be sealed"


class Record(TypedDict):
    """What a seal says of one table: which columns, how many rows, their hash in hex."""

    columns: list[str]
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What a seal is made of, recomputed from the rows."""

    transfers: int
    sums: dict[str, str]
    ledger_sha256: bytes
    records: dict[str, Record]


def seal_day(day: date, *, coverage_sha256: bytes = EMPTY) -> Seal:
    """Seal a closed day and keep snapshots (step); a sealed day's seal is returned as it stands.

    `coverage_sha256` is the digest of the day's stored coverage. Raises SealRefused for a day that is open, or
    whose day before isn't sealed.
    """
    standing = Seal.objects.filter(day_id=day).first()
    if standing is not None:
        return standing
    closed, before = _closed_day(day), _previous(day)
    until = settled()
    contents = contents_of(closed.last_transfer_id or 0, until, columns=columns_by_table(), previous=before)
    seal = Seal(
        day_id=day,
        last_transfer_id=closed.last_transfer_id or 0,
        recorded_until=until,
        transfers=contents.transfers,
        sums=contents.sums,
        records=contents.records,
        ledger_sha256=contents.ledger_sha256,
        coverage_sha256=coverage_sha256,
        previous_sha256=bytes(before.sha256) if before else EMPTY,
    )
    seal.sha256 = digest(seal)
    seal.save(force_insert=True)
    _keep_snapshots(day, since=before.last_transfer_id if before else 0, until=closed.last_transfer_id or 0)
    return seal


def digest(seal: Seal) -> bytes:
    """Return the hash of a seal's own fields, the previous seal's among them."""
    fields = {
        "day": str(seal.day_id),
        "last_transfer_id": seal.last_transfer_id,
        "transfers": seal.transfers,
        "sums": seal.sums,
        "recorded_until": seal.recorded_until.astimezone(UTC).isoformat(),
        "records": seal.records,
        "ledger": bytes(seal.ledger_sha256).hex(),
        "coverage": bytes(seal.coverage_sha256).hex(),
        "previous": bytes(seal.previous_sha256).hex(),
    }
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).digest()


def contents_of(
    last_transfer: int,
    recorded_until: datetime,
    *,
    columns: Mapping[str, list[str]],
    previous: Seal | None,
    hash_ledger: LedgerHash | None = None,
) -> Contents:
    """Hash what came after the previous seal: transfers up to this one, records up to this moment.

    `columns` names the tables and which of their columns are hashed. `hash_ledger` hashes the transfers in another
    way than the sealing does, to the same end.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_PINNED)
        return _contents_of(last_transfer, recorded_until, columns, previous, hash_ledger or _hash_ledger)


def _contents_of(
    last_transfer: int,
    recorded_until: datetime,
    columns: Mapping[str, list[str]],
    previous: Seal | None,
    hash_ledger: LedgerHash,
) -> Contents:
    first = previous.last_transfer_id if previous else 0
    transfers, ledger_sha256 = hash_ledger(first, last_transfer)
    records: dict[str, Record] = {}
    for table, names in columns.items():
        after = previous.recorded_until if previous and table in previous.records else BEGINNING
        rows, sha256 = _hash_records(table, names, after, recorded_until)
        records[table] = {"columns": names, "rows": rows, "sha256": sha256.hex()}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT currency_id, trim_scale(sum(amount))::text FROM ledger_transfer"
            " WHERE id > %s AND id <= %s GROUP BY currency_id",
            [first, last_transfer],
        )
        sums = dict(cursor.fetchall())
    return Contents(transfers, sums, ledger_sha256, records)


def columns_by_table() -> dict[str, list[str]]:
    """Return the tables whose rows are stamped by the database's clock, hence sealed, each with its columns.

    The audit trail, decisions, evidence, valuations, …: what is append-only and isn't recomputed from other rows.
    """
    tables: dict[str, list[str]] = {}
    for model in apps.get_models():
        if any(isinstance(one, Guard) and one.name.endswith("_stamped") for one in model._meta.constraints):
            tables[model._meta.db_table] = sorted(str(field.column) for field in model._meta.concrete_fields)
    return dict(sorted(tables.items()))


def settled() -> datetime:
    """Return a moment up to which stamped tables take no more rows.

    Every transaction under way began after it; what such a one writes is recorded later still, and sealed next.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SETTLED)
        (moment,) = cursor.fetchone()
    return moment


def chain(statement: str, first: int, last: int, *, on_slice: Callable[..., None] = lambda: None) -> tuple[int, bytes]:
    """Run `statement` over each slice of the transfers after `first` up to `last`; return their count, hashes chained.

    It gives a slice's count and text, and what else `on_slice` is to hear. The text is hashed here, by the processor's
    own instructions; in a PostgreSQL built without OpenSSL the walk took a tenth longer.
    """
    rows, chained = 0, EMPTY
    with connection.cursor() as cursor:
        for begin in range(first, last, SLICE):
            cursor.execute(statement, [begin, min(begin + SLICE, last)])
            count, text, *heard = cursor.fetchone()
            rows += count
            chained = hashlib.sha256(chained + hashlib.sha256((text or "").encode()).digest()).digest()
            on_slice(*heard)
    return rows, chained


def _hash_ledger(first: int, last: int) -> tuple[int, bytes]:
    return chain(LEDGER_SLICE.format(more=""), first, last)


def _hash_records(table: str, columns: list[str], after: datetime, until: datetime) -> tuple[int, bytes]:
    rows, chained, last_id = 0, EMPTY, HIGHEST_ID
    quote = connection.ops.quote_name
    sql = _RECORDS_SLICE.format(table=quote(table), columns=", ".join(quote(name) for name in columns))
    with connection.cursor() as cursor:
        while True:
            cursor.execute(sql, {"after": after, "last_id": last_id, "until": until, "limit": SLICE})
            count, sliced, next_after, next_id = cursor.fetchone()
            if not count:
                return rows, chained
            rows, after, last_id = rows + count, next_after, next_id
            chained = hashlib.sha256(chained + bytes(sliced)).digest()


def _closed_day(day: date) -> BusinessDay:
    row = BusinessDay.objects.filter(day=day, closed_at__isnull=False).first()
    if row is None:
        raise SealRefused(f"{day} isn't closed.", day=day.isoformat())
    return row


def _previous(day: date) -> Seal | None:
    before = day - timedelta(days=1)
    seal = Seal.objects.filter(day_id=before).first()
    if seal is None and BusinessDay.objects.filter(day=before).exists():
        raise SealRefused(f"{before} comes first: seal it before {day}.", day=before.isoformat())
    return seal


def _keep_snapshots(day: date, *, since: int, until: int) -> None:
    """Snapshot accounts with many new transfers, and all that keep no live balance and moved."""
    given: dict[str, Any] = {
        "day": day,
        "since": since,
        "until": until,
        "many": SNAPSHOT_FROM,
        "balanceless": list(chart.OVERDRAFT_ALLOWED),
    }
    allow_memory()
    with connection.cursor() as cursor:
        cursor.execute(_SNAPSHOTS, given)


# The text of a row must not depend on the session's settings, nor on the order of columns, which are spelled out.
_PINNED = """
    SELECT set_config('DateStyle', 'ISO, YMD', true), set_config('TimeZone', 'UTC', true),
           set_config('IntervalStyle', 'iso_8601', true), set_config('bytea_output', 'hex', true),
           set_config('extra_float_digits', '1', true)
"""
# Accounts, currency and amount of a transfer stand in its transaction's fingerprint, which is hashed here.
LEDGER_SLICE = """
    SELECT count(*), string_agg(ROW(
        x.id, x.line, x.booked_on,
        t.id, t.kind, t.key, t.fingerprint, t.moves, t.effective_on, t.posted_at, t.actor_id, t.memo,
        t.evidence_id, t.approval_id, t.reverses_id
    )::text, E'\\n' ORDER BY x.id){more}
    FROM ledger_transfer x LEFT JOIN ledger_transaction t ON t.id = x.transaction_id
    WHERE x.id > %s AND x.id <= %s
"""
_RECORDS_SLICE = """
    SELECT count(*), sha256(convert_to(string_agg(e.content, E'\\n' ORDER BY e.recorded_at, e.id), 'UTF8')),
           (array_agg(e.recorded_at ORDER BY e.recorded_at DESC, e.id DESC))[1],
           (array_agg(e.id ORDER BY e.recorded_at DESC, e.id DESC))[1]
    FROM (
        SELECT recorded_at, id, ROW({columns})::text AS content FROM {table}
        WHERE recorded_at >= %(after)s AND recorded_at <= %(until)s AND (recorded_at, id) > (%(after)s, %(last_id)s)
        ORDER BY recorded_at, id LIMIT %(limit)s
    ) e
"""
_SETTLED = """
    SELECT least(min(xact_start), clock_timestamp()) - interval '1 microsecond'
    FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL
"""
_SNAPSHOTS = """
    WITH sides AS (
        SELECT debit_account_id AS id, count(*) AS rows FROM ledger_transfer
        WHERE id > %(since)s AND id <= %(until)s GROUP BY 1
        UNION ALL
        SELECT credit_account_id, count(*) FROM ledger_transfer WHERE id > %(since)s AND id <= %(until)s GROUP BY 1
    ), moved AS (
        SELECT id FROM sides GROUP BY id HAVING sum(rows) > %(many)s
        UNION
        SELECT a.id FROM ledger_account a WHERE a.kind = ANY (%(balanceless)s) AND (
            EXISTS (SELECT FROM ledger_transfer x
                    WHERE x.debit_account_id = a.id AND x.id > %(since)s AND x.id <= %(until)s)
            OR EXISTS (SELECT FROM ledger_transfer x
                       WHERE x.credit_account_id = a.id AND x.id > %(since)s AND x.id <= %(until)s))
    )
    INSERT INTO ledger_accountsnapshot (account_id, day, last_transfer_id, debits, credits)
    SELECT a.id, %(day)s, %(until)s, COALESCE(p.debits, 0) + s.debits, COALESCE(p.credits, 0) + s.credits
    FROM moved a
    LEFT JOIN LATERAL (SELECT * FROM ledger_accountsnapshot q WHERE q.account_id = a.id ORDER BY q.day DESC LIMIT 1) p
        ON true
    CROSS JOIN LATERAL (
        SELECT COALESCE((SELECT sum(amount) FROM ledger_transfer x WHERE x.debit_account_id = a.id
                         AND x.id > COALESCE(p.last_transfer_id, 0) AND x.id <= %(until)s), 0) AS debits,
               COALESCE((SELECT sum(amount) FROM ledger_transfer x WHERE x.credit_account_id = a.id
                         AND x.id > COALESCE(p.last_transfer_id, 0) AND x.id <= %(until)s), 0) AS credits) s
    ON CONFLICT DO NOTHING
"""
