"""Races of accrual and settlement, on real threads and the real server.

Each was seen to fail with its lock taken out; the docstrings say how.
"""

from __future__ import annotations

import threading
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from core.commands import run_durably
from investments import accrual, partitions, settlement
from investments.accrual import statements
from investments.accrual.slices import _add_missing
from investments.models import Accrual, AccrualSlice, LateAccrual, Settlement, SettlementRun
from investments.tests.closing import after, fill_pool, pool, returns_due
from investments.tests.crowds import crowd
from investments.tests.worlds import World
from ledger.models import Transaction
from tests.races.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

DAY = date(2026, 6, 2)
NOW = after(DAY)


@pytest.fixture
def world(transactional_db: None, settings: Any) -> World:
    """Thirty positions of 1,000,000 XOF at 280 a day, in slices of four; a full pool."""
    settings.RETURNS_SLICE_SIZE = 4
    world = World()
    crowd(world, "vip3", [Decimal(1_000_000)] * 30, owners=5)
    fill_pool(world, "vip3", "1000000")
    run_durably(lambda: partitions.make_partitions(DAY))
    return world


def test_four_runs_of_one_day_accrue_it_once(world: World) -> None:
    """Four runs side by side leave one row a position."""
    answers = at_once([lambda: accrual.accrue_day(DAY, now=NOW)] * 4)
    assert all(isinstance(answer, accrual.AccrualReport) and answer.is_complete for answer in answers), answers
    assert Accrual.objects.count() == 30
    assert sum(AccrualSlice.objects.values_list("positions", flat=True)) == 30


def test_a_slice_that_four_take_is_done_once(world: World) -> None:
    """Three find it done. Seen to fail: with AccrualSlice.objects.lock as a plain get, three break the unique key."""
    accrual.days.plan_day(DAY)
    part = AccrualSlice.objects.order_by("number")[0]
    answers = at_once([lambda: accrual.accrue_slice(part.pk, now=NOW)] * 4)
    assert sorted(answers, key=str) == [0, 0, 0, 4], answers


def test_a_payment_that_four_take_is_done_once(world: World) -> None:
    """Three find it done. Seen to fail: with SettlementSlice.objects.lock as a plain get, three are a mismatch."""
    accrual.accrue_day(DAY, now=NOW)
    settlement.open_runs(DAY)
    run = settlement.reserve_run(SettlementRun.objects.get().pk, now=NOW, effective_on=DAY)
    part = run.slices.order_by("number")[0]
    answers = at_once([lambda: settlement.pay_slice(part.pk, now=NOW, effective_on=DAY)] * 4)
    assert sorted(answers, key=str) == [0, 0, 0, 4], answers


def test_four_runs_of_one_day_pay_it_once(world: World) -> None:
    """Seen to fail: with SettlementRun.objects.lock as a plain get, two compute the run and one ends in a unique
    violation of its rows.
    """
    accrual.accrue_day(DAY, now=NOW)
    answers = at_once([lambda: settlement.settle_day(DAY, now=NOW)] * 4)
    assert all(isinstance(answer, settlement.SettlementReport) and answer.is_complete for answer in answers), answers
    run = SettlementRun.objects.get()
    assert (run.status, run.positions, run.amount) == ("paid", 30, 8400)
    assert Transaction.objects.filter(kind="settlement").count() == 30
    assert (pool(run.product), returns_due(run.product)) == (1_000_000 - 8400, 0)


def test_a_repair_and_a_reservation_do_not_miss_each_other(world: World) -> None:
    """An accrual that is being added while its day is reserved is in the run, or is late: never neither.

    Seen to fail: with `lock_products` doing nothing, the run is computed without the row, and the row doesn't know
    that its day has passed: 280 francs are earned and never paid.
    """
    accrual.accrue_day(DAY, now=NOW)
    part = AccrualSlice.objects.order_by("number")[0]
    position_id = _forget_one(part)
    added, computed = threading.Event(), threading.Event()

    def repair() -> None:
        with transaction.atomic():
            _add_missing.inside(part.pk, first=part.first, until=part.until)
            added.set()
            computed.wait(1.5)

    def settle() -> None:
        added.wait(10)
        settlement.settle_day(DAY, now=NOW)
        computed.set()

    answers = at_once([repair, settle])
    assert answers == [None, None], answers
    row = Settlement.objects.get(position_id=position_id)
    late = sum(LateAccrual.objects.filter(position_id=position_id).values_list("amount", flat=True))
    assert row.accrued_to_date + late == 280


def _forget_one(part: AccrualSlice) -> Any:
    """Remove one accrual as only the owner can, so that there is something to repair."""
    from investments.tests.closing import past_the_guards

    row = Accrual.objects.filter(day=DAY, position_id__gte=part.first, position_id__lt=part.until)[0]
    past_the_guards("investments_accrual", "DELETE FROM investments_accrual WHERE position_id = %s", row.position_id)
    return row.position_id


def test_a_product_is_held_by_one_run_or_by_many_accruals(world: World) -> None:
    """The lock itself: shared holders go together, a run waits for them."""
    product = world.product("vip3").pk
    with transaction.atomic(), connection.cursor() as cursor:
        statements.lock_products([product], shared=True)
        answers = at_once([lambda: _try(product, shared=True), lambda: _try(product, shared=False)])
        assert answers == [True, False]
        cursor.execute("SELECT 1")


def _try(product: Any, *, shared: bool) -> bool:
    kind = "_shared" if shared else ""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT pg_try_advisory_xact_lock{kind}(hashtext('investments.returns'), hashtext(%s::text))",
            [str(product)],
        )
        return bool(cursor.fetchone()[0])
