"""`year_accrue`, `year_settle`: a day of positions that have a year behind them, over the same day without it.

The year comes in past all triggers, as so many days would have left it: an accrual, a settlement, a transaction and a
transfer for each position and day. Only the positions are few; how deep one position's rows lie in each index is what a
year changes, and that doesn't hang on how many there are.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from datetime import timedelta

import psycopg

from benchmarks.cases.day import Day
from benchmarks.figures import RUNS, Figure
from benchmarks.server import Bench

POSITIONS = 1_000
DAYS = 365
GROWTH = 1.3
TABLES = ("ledger_transaction", "ledger_transfer", "investments_settlement", "investments_accrual")

_RUNS = """
INSERT INTO investments_settlementrun
    (id, product_id, due_on, status, amount, earned, positions, reserved_at, paid_at, paid_in)
SELECT uuidv7(), %(product)s, day, 'paid', 0, 0, 0, day, day, day
FROM generate_series(%(first)s::timestamp, %(last)s::timestamp, '1 day') AS day
"""
_SETTLEMENTS = """
INSERT INTO investments_settlement
    (run_id, position_id, due_on, exponent, earned, accrued_to_date, paid_to_date, amount, overpaid)
SELECT r.id, p.id, r.due_on, 2, 1, 1, 1, 1, 0
FROM investments_settlementrun r CROSS JOIN investments_position p
WHERE r.due_on BETWEEN %(first)s AND %(last)s ORDER BY r.due_on, p.id
"""
_ACCRUALS = """
INSERT INTO investments_accrual (day, position_id, principal, rate, numerator, denominator, amount)
SELECT day::date, p.id, p.principal, 0.01, 1, 30, 1
FROM generate_series(%(first)s::timestamp, %(last)s::timestamp, '1 day') AS day CROSS JOIN investments_position p
ORDER BY day, p.id
"""
_PAID = """
WITH posted AS (
    INSERT INTO ledger_transaction (id, kind, key, fingerprint, moves, effective_on, posted_at, memo)
    SELECT uuidv7(), 'settlement', 'settlement:' || s.due_on || ':' || s.position_id, sha256(''), 1, s.due_on, s.due_on,
           ''
    FROM investments_settlement s WHERE s.due_on BETWEEN %(first)s AND %(last)s ORDER BY s.due_on, s.position_id
    RETURNING id, key
)
INSERT INTO ledger_transfer (transaction_id, line, debit_account_id, credit_account_id, currency_id, amount, booked_on)
SELECT t.id, 1, %(shard)s, w.id, %(currency)s, 1, substr(t.key, 12, 10)::date
FROM posted t
JOIN investments_position p ON p.id = right(t.key, 36)::uuid
JOIN ledger_account w ON w.kind = 'available' AND w.owner_id = p.owner_id AND w.currency_id = %(currency)s
ORDER BY t.id
"""
_SIZE = """
SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(%s::regclass) WHERE isleaf
UNION ALL SELECT pg_total_relation_size(%s::regclass) WHERE NOT EXISTS (
    SELECT FROM pg_partitioned_table WHERE partrelid = %s::regclass)
"""


def measure(bench: Bench, size: str) -> Iterator[Figure]:
    platform = Day(bench, POSITIONS)
    platform.close()  # the first settlement finds nobody's row of the day before
    young = [platform.close() for _ in range(RUNS)]
    with bench.admin() as admin:
        before = _disk(admin)
        _live_through_a_year(admin, platform)
        grown = _disk(admin)
    platform.close()
    with bench.admin() as admin:
        log = _log_written(admin)
        old = [platform.close() for _ in range(RUNS)]
        log = _log_written(admin) - log
    disk = ", ".join(
        f"{name.rpartition('_')[2]} {(grown[name] - before[name]) / POSITIONS / DAYS:.0f} B" for name in TABLES
    )
    for name, place in (("year_accrue", 0), ("year_settle", 1)):
        now, then = (statistics.median(spent[place] for spent in days) / POSITIONS for days in (old, young))
        yield Figure(
            name, now * 1e6, "µs a position", then * 1e6, now / then, GROWTH, at_most=True,
            beside=f"{DAYS} days of {POSITIONS:,} positions behind it; a position's day on disk: {disk};"
            f" in the log: {log / POSITIONS / RUNS:.0f} B",
        )  # fmt: skip


def _live_through_a_year(admin: psycopg.Connection, platform: Day) -> None:
    """Write a year that ended before the platform's first day, a month at a time as days would have come."""
    from investments.models import SettlementRun
    from ledger import accounts

    product = platform.product
    end = SettlementRun.objects.order_by("due_on")[0].due_on
    shard = accounts.returns_due(product.scope, product.currency)[0].pk
    for number in range(DAYS, 0, -30):
        first = end - timedelta(days=number)
        given = {
            "first": first,
            "last": end - timedelta(days=max(number - 29, 1)),
            "product": product.pk,
            "shard": shard,
            "currency": product.currency,
        }
        admin.execute("SELECT investments_make_partitions(%s::date, 2)", [first])
        for statement in (_RUNS, _SETTLEMENTS, _ACCRUALS, _PAID):
            admin.execute(statement, given)
    admin.execute("VACUUM (ANALYZE)")


def _disk(admin: psycopg.Connection) -> dict[str, int]:
    sizes = {}
    for name in TABLES:
        rows = admin.execute(_SIZE, [name] * 3).fetchall()
        sizes[name] = sum(int(size) for (size,) in rows if size is not None)
    return sizes


def _log_written(admin: psycopg.Connection) -> int:
    row = admin.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone()
    assert row is not None
    return int(row[0])
