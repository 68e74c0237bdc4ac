"""`verify_*`: the whole of `manage.py verify_ledger`, in a process of its own, over millions of right transfers.

Every position is settled on each day, one transaction each, and on the last day funded from what it was paid. Rows come
in past all triggers; days are closed and sealed as every night does it, so that the proof ends with exit code 0.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from time import perf_counter
from typing import Any

import psycopg

from benchmarks import crowd, limits
from benchmarks.figures import Figure, interleave, short
from benchmarks.server import Bench
from benchmarks.watched import watched

# Positions, and days on which each of them has one transfer: of the smaller and of the larger books.
BOOKS = {"small": ((10_000, 5), (20_000, 10)), "full": ((10_000, 20), (100_000, 50))}
MEMORY_GROWTH = 1.2
CAPITAL = Decimal(10**12)

# Who is paid, from which shard and how much a day: all days together pay for the position's principal.
_PAYEES = """
CREATE TABLE bench_payee AS
SELECT p.id, p.number, p.owner_id, p.principal, s.id AS shard, w.id AS wallet, h.id AS held, %(pool)s::uuid AS pool,
       ceil(p.principal / %(days)s / %(unit)s::numeric) * %(unit)s::numeric(38, 18) AS amount
FROM investments_position p
JOIN ledger_account s ON s.kind = 'returns_due' AND s.subject = (p.number %% 16)::text AND s.scope = %(scope)s
JOIN ledger_account w ON w.kind = 'available' AND w.owner_id = p.owner_id
JOIN ledger_account h ON h.kind = 'principal' AND h.owner_id = p.owner_id
"""

# Transactions from rows of (kind, key, line, debit, credit, amount), with the fingerprint that posting gives them.
_POST = """
WITH named AS MATERIALIZED (
    SELECT *, %(currency)s AS currency, amount::numeric(38, 18) AS exact FROM ({moves}) m
), posted AS (
    INSERT INTO ledger_transaction (id, kind, key, fingerprint, moves, effective_on, posted_at, memo)
    SELECT uuidv7(), kind, key, sha256(convert_to(kind || '|' || string_agg(
               line || ':' || debit || ':' || credit || ':' || currency || ':' || exact, '|' ORDER BY line), 'UTF8')),
           count(*), %(day)s, %(at)s, ''
    FROM named GROUP BY kind, key RETURNING id, key
)
INSERT INTO ledger_transfer (transaction_id, line, debit_account_id, credit_account_id, currency_id, amount, booked_on)
SELECT p.id, line, debit, credit, currency, exact, %(day)s FROM posted p JOIN named USING (key) ORDER BY p.id, line
"""
_RESERVE = """
    SELECT 'settlement_reserve' AS kind, 'settlement_reserve:' || %(run)s::text AS key, row_number() OVER () AS line,
           pool AS debit, shard AS credit, sum(amount) AS amount
    FROM bench_payee GROUP BY pool, shard
"""
_SETTLE = """
    SELECT 'settlement' AS kind, 'settlement:' || %(day)s::date || ':' || id AS key, 1 AS line,
           shard AS debit, wallet AS credit, amount
    FROM bench_payee
"""
_FUND = """
    SELECT 'position_fund' AS kind, 'position_fund:' || id AS key, 1 AS line, wallet AS debit, held AS credit,
           principal AS amount
    FROM bench_payee
"""
_RUN = """
WITH run AS (
    INSERT INTO investments_settlementrun
        (id, product_id, due_on, status, amount, earned, positions, reserve, reserved_at, paid_at, paid_in)
    SELECT %(run)s::uuid, %(product)s, %(day)s, 'paid', sum(p.amount), 0, count(*), t.id, %(at)s, %(at)s, %(day)s
    FROM bench_payee p JOIN ledger_transaction t ON t.key = 'settlement_reserve:' || %(run)s::text GROUP BY t.id
), slice AS (
    INSERT INTO investments_settlementslice (run_id, number, first, until, positions, amount, done_at)
    SELECT %(run)s::uuid, 0, '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', count(*),
           sum(amount), %(at)s
    FROM bench_payee
)
INSERT INTO investments_settlement
    (run_id, position_id, due_on, exponent, earned, accrued_to_date, paid_to_date, amount, overpaid)
SELECT %(run)s::uuid, p.id, %(day)s, %(exponent)s, CASE WHEN %(number)s = 1 THEN p.amount * %(days)s ELSE 0 END,
       p.amount * %(days)s, p.amount * %(number)s, p.amount, 0
FROM bench_payee p ORDER BY p.id
"""

# What the settlements pay: earned before these books begin, hence adjusted and not accrued.
_EARNED = """
WITH correction AS (
    INSERT INTO investments_correction
        (position_id, status, reason, lines, source_key, approval, approved_at, booked_on)
    SELECT id, 'booked', 'earned before', '[]', 'bench:' || id, uuidv7(), %(at)s, %(day)s FROM bench_payee
    RETURNING id, position_id
)
INSERT INTO investments_accrualadjustment
    (correction_id, position_id, booked_on, corrects_on, amount, reason, source_key)
SELECT c.id, p.id, %(day)s, %(day)s, p.amount * %(days)s, 'earned before', 'bench:' || p.id
FROM bench_payee p JOIN correction c ON c.position_id = p.id
"""
_EVENTS = """
INSERT INTO investments_positionevent (position_id, owner_id, verb, amount, penalty, value_on, made_at, transaction)
SELECT p.id, p.owner_id, 'fund', p.principal, 0, %(day)s, %(at)s, t.id
FROM bench_payee p JOIN ledger_transaction t ON t.key = 'position_fund:' || p.id ORDER BY t.id
"""
_BALANCES = """
UPDATE ledger_account a SET debits = s.debits, credits = s.credits
FROM (
    SELECT id, sum(debits) AS debits, sum(credits) AS credits FROM (
        SELECT debit_account_id AS id, amount AS debits, 0 AS credits FROM ledger_transfer
        UNION ALL SELECT credit_account_id, 0, amount FROM ledger_transfer) x GROUP BY id) s
WHERE s.id = a.id AND a.keeps_balance
"""
_FUNDED = """
INSERT INTO ledger_fund (scope, currency_id, principal, deployed, shortfall)
SELECT %(scope)s, %(currency)s, sum(principal), 0, 0 FROM bench_payee
"""


def measure(bench: Bench, size: str) -> Iterator[Figure]:
    few, many = BOOKS[size]
    _, little = _Books(bench, *few).verify()
    books = _Books(bench, *many)
    held: list[float] = []

    def ours() -> float:
        spent, memory = books.verify()
        held.append(memory)
        return spent

    pair = interleave(ours, books.bare)
    yield Figure(
        f"verify_{short(books.transfers)}", pair.ours, "s", pair.limit, pair.ratio, 1.5, at_most=True,
        beside=f"{books.transfers:,} transfers, and a settlement for nearly each, which the limit doesn't read",
        judged=size == "full",
    )  # fmt: skip
    yield Figure(
        "verify_memory", max(held), "MB", little, max(held) / little, MEMORY_GROWTH, at_most=True,
        beside=f"the process, {books.transfers:,} transfers over {few[0] * few[1]:,}",
    )  # fmt: skip


class _Books:
    """A ledger of so many positions and days, closed and sealed to its end."""

    def __init__(self, bench: Bench, positions: int, days: int) -> None:
        from investments.models import ProductVersion
        from investments.tests.worlds import World

        bench.renew()
        self.bench, self.transfers = bench, positions * days
        self.world = World()
        self.version = ProductVersion.objects.active().filter(payout="daily").order_by("product__code")[0]
        with bench.admin() as admin:
            self._write(admin, positions, days)

    def _write(self, admin: psycopg.Connection, positions: int, days: int) -> None:
        from uuid import uuid4

        crowd.seat(admin, [self.version], positions, funded_on=self.world.day + timedelta(days=days - 1))
        admin.execute("SET session_replication_role = replica")
        given = self._fill_pool() | {"days": days - 1}
        admin.execute(_PAYEES, given)
        for number in range(1, days):
            given |= self._today() | {"run": str(uuid4()), "number": number}
            statements = [_POST.format(moves=_RESERVE), _POST.format(moves=_SETTLE), _RUN]
            for statement in [_EARNED, *statements] if number == 1 else statements:
                admin.execute(statement, given)
            self._close()
        for statement in (_POST.format(moves=_FUND), _EVENTS, _FUNDED, _BALANCES):
            admin.execute(statement, given | self._today())
        self._close()
        admin.execute("DROP TABLE bench_payee")
        admin.execute("VACUUM (ANALYZE)")

    def _fill_pool(self) -> dict[str, Any]:
        """Pay the firm's capital in and fill the pool with it, with four eyes and papers."""
        from django.db import transaction
        from django.test import override_settings

        from ledger import accounts
        from ledger.accounts import require_currency
        from treasury import services
        from treasury.services import Counterparty, Paper

        product = self.version.product
        by, now = self.world.officers[0], self.world.now
        asked = {"currency": product.currency, "amount": CAPITAL, "reason": "as it says", "by": by, "now": now}
        firm = Counterparty("Firm", "BJ", "owner")
        with tempfile.TemporaryDirectory() as folder, override_settings(MEDIA_ROOT=folder):
            for reference, request, more in (
                ("paid in", services.request_pay_in_capital, {"cash": "bank", "counterparty": firm}),
                ("filled", services.request_fund_pool, {"scope": product.scope}),
            ):
                paper = Paper(source="Bank", reference=reference, name="advice.pdf", content=b"%PDF")
                self.world.approve(request(paper=paper, **asked, **more))
        with transaction.atomic():
            accounts.returns_due(product.scope, product.currency)
            pool = accounts.open_account("returns_pool", product.currency, scope=product.scope)
        currency = require_currency(product.currency)
        return {
            "product": product.pk,
            "scope": product.scope,
            "pool": pool.pk,
            "currency": currency.pk,
            "unit": str(currency.unit),
            "exponent": currency.exponent,
        }

    def _today(self) -> dict[str, Any]:
        return {"day": self.world.day, "at": datetime.combine(self.world.day, time(12), UTC)}

    def _close(self) -> None:
        from django.db import transaction

        from ledger import seals

        closing = self.world.day
        self.world.next_day()
        with transaction.atomic():
            seals.seal_day(closing)

    def verify(self) -> tuple[float, float]:
        """Seconds that the command takes, start and all, and the most that its process held, in MB."""
        return watched("verify_ledger")

    def bare(self) -> float:
        """Seconds of the limit's scans, each hashed day by day: one string of all rows would break at 1 GB."""
        statements = limits.parts("verify")
        with self.bench.admin() as admin:
            admin.execute("SET work_mem = '64MB'")
            days = admin.execute(statements["days"]).fetchall()
            began = perf_counter()
            for name in ("debits", "credits"):
                admin.execute(statements[name])
            for first, last, after, until in days:
                given = {"first": first, "last": last, "after": after, "until": until}
                for name in ("transfers", "transactions"):
                    admin.execute(statements[name], given)
            return perf_counter() - began
