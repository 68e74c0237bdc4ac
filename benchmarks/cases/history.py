"""`statement_growth`, `balance_growth`, `seal_*`: a long history for who reads it, a long day for who seals it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

import psycopg

from benchmarks import limits
from benchmarks.figures import Figure, interleave, seconds
from benchmarks.server import Bench

FIRST_DAY = date(2026, 6, 1)
DAYS = 10
FEW = 100
MANY = {"small": 50_000, "full": 1_000_000}
CALLS = 200

# One transaction a transfer, from one account to another; ids and balances as posting would have written them.
_POST = """
WITH posted AS (
    INSERT INTO ledger_transaction (id, kind, key, fingerprint, moves, effective_on, posted_at, memo)
    SELECT uuidv7(), 'deposit', %(key)s || n, sha256(n::text::bytea), 1, %(day)s, %(at)s, ''
    FROM generate_series(1, %(count)s::int) AS n
    RETURNING id
)
INSERT INTO ledger_transfer (transaction_id, line, debit_account_id, credit_account_id, currency_id, amount, booked_on)
SELECT id, 1, %(debit)s, %(credit)s, 'USD', 1, %(day)s FROM posted
"""
_BALANCE = "UPDATE ledger_account SET credits = credits + %(count)s WHERE id = %(credit)s"


def measure(bench: Bench, size: str) -> Iterator[Figure]:
    bench.renew()
    history = History(bench)
    many = MANY[size]
    with bench.admin() as admin:
        for _ in range(DAYS):
            history.book(admin, "long", many // DAYS)
            history.book(admin, "short", FEW // DAYS)
            history.close()
        admin.execute("VACUUM (ANALYZE)")
    yield _growth("statement_growth", many, history.read_statement)
    yield _growth("balance_growth", many, history.read_balances)
    with bench.admin() as admin:
        yield history.seal(admin, many)


def _growth(name: str, many: int, read: Callable[[str], None]) -> Figure:
    pair = interleave(partial(median, partial(read, "long")), partial(median, partial(read, "short")))
    return Figure(
        name, pair.ours * 1e3, "ms", pair.limit * 1e3, pair.ratio, 1.3, at_most=True,
        beside=f"an account with {many:,} transfers over one with {FEW}",
    )  # fmt: skip


def median(work: Callable[[], None]) -> float:
    return statistics.median(seconds(work) for _ in range(CALLS))


class History:
    """Two pairs of a bank's account and a wallet: one with a long history, one with a short one."""

    def __init__(self, bench: Bench) -> None:
        from django.db import transaction

        from ledger import accounts, days
        from tests.people import make_investor

        self.bench, self.day = bench, FIRST_DAY
        with transaction.atomic():
            days.open_ledger(FIRST_DAY)
            self.pairs: dict[str, tuple[Any, Any]] = {
                name: (
                    accounts.open_account("cash", "USD", scope=name),
                    accounts.wallet(make_investor(name), "USD").available,
                )
                for name in ("long", "short")
            }

    @property
    def noon(self) -> datetime:
        return datetime.combine(self.day, time(12), UTC)

    def book(self, admin: psycopg.Connection, name: str, count: int) -> None:
        cash, wallet = self.pairs[name]
        given = {
            "key": f"bench:{name}:{self.day}:",
            "day": self.day,
            "at": self.noon,
            "count": count,
            "debit": cash.pk,
            "credit": wallet.pk,
        }
        admin.execute(_POST, given)
        admin.execute(_BALANCE, given)

    def close(self) -> None:
        from django.db import transaction

        from ledger import days, seals

        with transaction.atomic():
            days.close(self.day, now=self.noon + timedelta(days=1))
        with transaction.atomic():
            seals.seal_day(self.day)
        self.day += timedelta(days=1)

    def read_statement(self, name: str) -> None:
        """The newest page, one in the middle by date, and the page after that."""
        from ledger import statements

        wallet = self.pairs[name][1]
        statements.page(wallet, limit=FEW // DAYS)
        middle = statements.page(wallet, limit=FEW // DAYS // 2, until=FIRST_DAY + timedelta(days=DAYS // 2))
        statements.page(wallet, limit=FEW // DAYS // 2, after=middle.next)

    def read_balances(self, name: str) -> None:
        """A live one, one in the past, and one of an account that keeps none."""
        from ledger import balances

        cash, wallet = self.pairs[name]
        balances.balance(wallet)
        balances.balance(wallet, as_of=FIRST_DAY + timedelta(days=DAYS // 2))
        balances.balance(cash)

    def seal(self, admin: psycopg.Connection, count: int) -> Figure:
        """Seal one day of so many transfers, each time anew: what was sealed is rolled back."""
        from django.db import transaction

        from ledger import days, seals
        from ledger.models import BusinessDay

        self.book(admin, "long", count)
        day = self.day
        with transaction.atomic():
            days.close(day, now=self.noon + timedelta(days=1))
        admin.execute("VACUUM (ANALYZE)")
        admin.execute("SET work_mem = '64MB'; SET max_parallel_workers_per_gather = 0")

        def ours() -> None:
            with transaction.atomic():
                seals.seal_day(day)
                transaction.set_rollback(True)

        ends = {
            name: BusinessDay.objects.get(day=on).last_transfer_id
            for name, on in (("first", day - timedelta(days=1)), ("last", day))
        }

        def bare() -> None:
            for statement in limits.parts("seal").values():
                admin.execute(statement, {**ends, "day": day} if "%(day)" in statement else ends)

        pair = interleave(lambda: seconds(ours), lambda: seconds(bare))
        name = f"seal_{count // 1_000_000}m" if count >= 1_000_000 else f"seal_{count // 1_000}k"
        return Figure(name, pair.ours, "s", pair.limit, pair.ratio, 1.5, at_most=True)
