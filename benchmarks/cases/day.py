"""`accrue_*`, `settle_*`: a day's returns of a million positions, each beside bare SQL that writes the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg

from benchmarks import crowd, limits
from benchmarks.cases import loops
from benchmarks.figures import RUNS, Figure, interleave, seconds, short
from benchmarks.server import Bench
from benchmarks.watched import watched

POSITIONS = {"small": (20_000, 100_000), "full": (100_000, 1_000_000)}
LEAST = 100_000  # below it a day's fixed statements count, which no limit has
LOOP = 2_000
MEMORY_MB = 200
PLENTY = 10**15


def measure(bench: Bench, size: str) -> Iterator[Figure]:
    few, many = POSITIONS[size]
    per_position = {}
    for positions in (few, many):
        day = Day(bench, positions)
        spent, limit, ratio = day.accrue()
        per_position[positions] = spent / positions
        if positions < LEAST:
            continue
        name = f"accrue_{short(positions)}"
        beside = f"two slices at a time; one at a time {day.accrue_in_turn():.2f} s"
        yield Figure(name, spent, "s", limit, ratio, 1.3, at_most=True, beside=beside)
        held = day.memory_of_accrual()
        yield Figure(f"{name}_memory", held, "MB", MEMORY_MB, held / MEMORY_MB, 1.0, at_most=True)
    yield Figure(
        "accrue_growth",
        per_position[many] * 1e6,
        "µs a position",
        per_position[few] * 1e6,
        per_position[many] / per_position[few],
        1.2,
        at_most=True,
        beside=f"{short(many)} over {short(few)} positions",
    )
    accrue_loop, settle_loop = day.loops()
    yield _beside_loop("accrue_vs_loop", per_position[many], accrue_loop, 50)
    spent, limit, ratio = day.settle()
    yield Figure(f"settle_{short(many)}", spent, "s", limit, ratio, 1.35, at_most=True)
    yield _beside_loop("settle_vs_loop", spent / many, settle_loop, 20)


def _beside_loop(name: str, ours: float, loop: float, target: float) -> Figure:
    return Figure(
        name, loop * 1e6, "µs a position", ours * 1e6, loop / ours, target, at_most=False,
        beside=f"the ORM loop on {LOOP:,} positions over ours",
    )  # fmt: skip


@dataclass
class _Settled:
    run: UUID
    day: date
    bounds: list[tuple[UUID, UUID]]


class Day:
    """A platform whose daily product has so many positions and a pool that lasts; its days go by one by one."""

    def __init__(self, bench: Bench, positions: int) -> None:
        from investments.models import ProductVersion
        from investments.tests.worlds import World

        bench.renew()
        self.bench = bench
        self.world = World()
        version = ProductVersion.objects.active().filter(payout="daily").order_by("product__code")[0]
        self.product = version.product
        self.version = version
        with bench.admin() as admin:
            crowd.seat(admin, [version], positions)
        self._fill_pool()
        self.world.next_day()

    def _fill_pool(self) -> None:
        from django.db import transaction

        from ledger import accounts

        with transaction.atomic():
            pool = accounts.open_account("returns_pool", self.product.currency, scope=self.product.scope)
        with self.bench.admin() as admin:
            admin.execute("UPDATE ledger_account SET credits = %s WHERE id = %s", [PLENTY, pool.pk])

    def close(self) -> tuple[float, float]:
        """Accrue and settle one more day; return the seconds of each."""
        return self._accrue_next(), self._settle_next()

    def accrue(self) -> tuple[float, float, float]:
        """Median seconds of ours and of the limit, and their ratio; each pair of runs is of a day of its own."""
        statements = limits.parts("accrue")
        with self.bench.admin() as admin:
            admin.execute(statements["setup"])
            pair = interleave(self._accrue_next, lambda: seconds(lambda: self._bare_accrue(admin, statements)))
        return pair.ours, pair.limit, pair.ratio

    def accrue_in_turn(self) -> float:
        """Seconds of one more day, slice after slice."""
        from django.test import override_settings

        with override_settings(WORK_AT_ONCE=1):
            return self._accrue_next()

    def _accrue_next(self) -> float:
        from django.db import transaction

        from investments import accrual, partitions
        from investments.tests import closing

        self.world.next_day()
        day = self.world.day - timedelta(days=1)
        with transaction.atomic():
            partitions.make_partitions(day)
        return seconds(lambda: accrual.accrue_day(day, now=closing.after(day)))

    def memory_of_accrual(self) -> float:
        """Accrue one more day by the command, and return the most that its process held, in MB."""
        self.world.next_day()
        day = self.world.day - timedelta(days=1)
        _, held = watched("accrue_returns", "--on", day.isoformat())
        return held

    def _bare_accrue(self, admin: psycopg.Connection, statements: dict[str, str]) -> None:
        from investments import rules

        day = self.world.day - timedelta(days=1)
        fraction = rules.day_fraction(day, rate_period=self.version.rate_period, day_count=self.version.day_count)
        admin.execute(statements["accrue"], {"day": day, **fraction._asdict()})

    def settle(self) -> tuple[float, float, float]:
        """As `accrue`. The first settlement, of all days accrued so far, is not measured: no later one is like it."""
        self._settle_next()
        before = self._settled()
        with self.bench.admin() as admin:
            bare = _BareSettlement(admin, self.product, before)
            ours: list[float] = []

            def next_day() -> float:
                self._accrue_next()
                ours.append(self._settle_next())
                return ours[-1]

            pair = interleave(next_day, lambda: seconds(lambda: bare.settle(self._settled())), runs=RUNS)
        return pair.ours, pair.limit, pair.ratio

    def _settle_next(self) -> float:
        from investments import settlement
        from investments.tests import closing

        day = self.world.day - timedelta(days=1)
        return seconds(lambda: settlement.settle_day(day, now=closing.after(day)))

    def _settled(self) -> _Settled:
        from investments.models import SettlementRun, SettlementSlice

        run = SettlementRun.objects.filter(product=self.product).order_by("-due_on")[0]
        slices = SettlementSlice.objects.filter(run=run).order_by("number")
        return _Settled(run.pk, run.due_on, list(slices.values_list("first", "until")))

    def loops(self) -> tuple[float, float]:
        """Seconds a position of the loops one would write first, over accruals and settlements of one more day."""
        positions = loops.positions(LOOP)
        day = self.world.day + timedelta(days=40)
        with self.bench.admin() as admin:
            admin.execute(loops.TABLES)
        return (
            seconds(lambda: loops.accrue(positions, day)) / LOOP,
            seconds(lambda: loops.settle(positions, day)) / LOOP,
        )


class _BareSettlement:
    """limits/settle.sql on copies of the tables, day after day on the rows that ours has settled."""

    def __init__(self, admin: psycopg.Connection, product: Any, before: _Settled) -> None:
        from ledger import accounts
        from ledger.models import Currency

        self.admin, self.product, self.before = admin, product, before
        self.statements = limits.parts("settle")
        exponent = Currency.objects.get(pk=product.currency).exponent
        self.figures = {
            "exponent": exponent,
            "places": exponent + 6,
            "units": str(10**exponent),
            "unit": f"{Decimal(1).scaleb(-exponent):f}",
        }
        self.shard = accounts.returns_due(product.scope, product.currency)[0].pk
        for statement in filter(str.strip, self.statements["setup"].split(";")):
            admin.execute(statement, {"before": before.run} if "%(" in statement else None)
        admin.execute(self.statements["function"])
        admin.execute("UPDATE bare_account SET credits = %s WHERE id = %s", [PLENTY, self.shard])
        admin.execute("VACUUM (ANALYZE)")
        admin.execute("SET work_mem = '64MB'; SET max_parallel_workers_per_gather = 0; SET enable_seqscan = off")

    def settle(self, day: _Settled) -> None:
        given = {"run": day.run, "before": self.before.run, "due_on": day.day, **self.figures}
        # On the statistics of a table that has just grown, a nested loop would compare all with all.
        self.admin.execute("SET enable_nestloop = off")
        self.admin.execute(self.statements["owe"], given)
        self.admin.execute("SET enable_nestloop = on")
        self._pay(day)
        self._tell(day)
        self.before = day

    def _pay(self, day: _Settled) -> None:
        for first, until in day.bounds:
            self.admin.execute(
                self.statements["pay"],
                {
                    "run": day.run,
                    "first": first,
                    "until": until,
                    "currency": self.product.currency,
                    "shard": self.shard,
                    "due_on": day.day,
                },
            )

    def _tell(self, day: _Settled) -> None:
        given = {"run": day.run, "product": self.product.pk, "currency": self.product.currency, "due_on": day.day}
        told = {"key": f"{self.product.code}:{day.day}", "now": datetime.now(UTC)}
        self.admin.execute("SET enable_nestloop = off")
        self.admin.execute(self.statements["tell"], given | told)
        self.admin.execute("SET enable_nestloop = on")
