"""Races of accrual and settlement, on real threads and the real server.

Each was seen to fail with its lock taken out; the docstrings say how.
"""

from __future__ import annotations

import threading
import time
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection, connections, transaction

from core.commands import run_durably
from investments import accrual, adjustments, partitions, services, settlement, slices
from investments.accrual import statements
from investments.accrual.slices import _add_missing
from investments.adjustments import requests
from investments.models import (
    Accrual,
    AccrualAdjustment,
    AccrualSlice,
    LateAccrual,
    Product,
    Settlement,
    SettlementRun,
)
from investments.services import versions
from investments.settlement import reversals
from investments.terms import TERMS
from investments.tests.closing import after, close, fill_pool, pool, returns_due
from investments.tests.crowds import crowd
from investments.tests.worlds import World
from ledger import verify
from ledger.models import Transaction
from oversight import services as oversight
from tests.races.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

DAY = date(2026, 6, 2)
NOW = after(DAY)


@pytest.fixture
def world(transactional_db: None, kept: Any, settings: Any) -> World:
    """Thirty positions of 1,000,000 XOF at 280 a day, in slices of four; a full pool."""
    settings.RETURNS_SLICE_SIZE = 4
    world: World = kept.of(World)
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


def test_a_day_that_four_plan_is_planned_once(world: World, monkeypatch: Any) -> None:
    """Seen to fail: without the advisory lock of plan_day three break on the unique number of a slice."""
    before = slices.size

    def slowly() -> int:
        time.sleep(0.2)
        return before()

    monkeypatch.setattr(slices, "size", slowly)
    assert at_once([lambda: accrual.days.plan_day(DAY)] * 4) == [None] * 4
    assert AccrualSlice.objects.filter(day=DAY).count() == 8


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


def test_a_reversal_and_a_reservation_do_not_miss_each_other(world: World, monkeypatch: Any) -> None:
    """A settlement that is taken back while the next run is computed is paid again by that run, or by the one after.

    Seen to fail: with `lock_products` out of apply_settlement_reversal, it is booked on a day whose run never saw it.
    """
    close(world, 2)
    position = Settlement.objects.filter(due_on=DAY).order_by("position_id")[0].position
    request = settlement.request_settlement_reversal(
        position.pk, due_on=DAY, by=world.officers[0], reason="Paid twice by the bank", now=world.now
    )
    accrual.accrue_day(world.day, now=after(world.day))
    before = reversals.next_booked_on

    def slowly(*given: Any) -> date:
        found = before(*given)
        time.sleep(1)
        return found

    def settle() -> None:
        time.sleep(0.4)
        settlement.settle_day(world.day, now=after(world.day))

    monkeypatch.setattr(reversals, "next_booked_on", slowly)
    answers = at_once([lambda: world.approve(request), settle])
    assert not [answer for answer in answers if isinstance(answer, Exception)], answers
    assert list(verify.checks()["settlements"]()) == []


def test_corrections_that_two_book_are_booked_once(world: World, monkeypatch: Any) -> None:
    """Seen to fail: without the lock on waiting corrections both book them, and one ends in a unique violation."""
    close(world, 2)
    position = Settlement.objects.order_by("position_id")[0].position
    world.approve(
        adjustments.request_adjustment(
            position.pk,
            principal_by=Decimal(1000),
            from_on=DAY,
            until=DAY,
            by=world.officers[0],
            reason="It came late",
            now=world.now,
        )
    )
    before = requests.next_booked_on

    def slowly(*given: Any, **more: Any) -> date:
        time.sleep(0.3)
        return before(*given, **more)

    monkeypatch.setattr(requests, "next_booked_on", slowly)
    answers = at_once([lambda: adjustments.book_corrections(world.day, now=after(world.day))] * 2)
    assert sorted(answers, key=str) == [0, 1], answers
    assert AccrualAdjustment.objects.count() == 1


def test_a_slice_that_four_repair_is_whole_once(world: World) -> None:
    """Seen to fail: with AccrualSlice.objects.lock as a plain get, what one counts is written over by another."""
    accrual.accrue_day(DAY, now=NOW)
    part = AccrualSlice.objects.order_by("number")[0]
    _forget_one(part)
    answers = at_once([lambda: accrual.repair_slice(part.pk, now=NOW)] * 4)
    assert answers == [[]] * 4, answers
    assert Accrual.objects.filter(day=DAY).count() == 30
    part.refresh_from_db()
    assert part.positions == 5, "four that were there, and the one that was added"


def test_months_that_four_make_are_made_once(world: World) -> None:
    """Seen to fail: without its advisory lock, investments_make_partitions breaks on a table that another made."""
    far = date(2031, 5, 1)
    with psycopg.connect(**connections["owner"].get_connection_params(), autocommit=True) as owner:
        for month in ("2031_05", "2031_06", "2031_07", "2031_08"):
            owner.execute(f"DROP TABLE IF EXISTS investments_accrual_{month}")
    answers = at_once([lambda: run_durably(lambda: partitions.make_partitions(far))] * 4)
    assert sorted(answers, key=str) == [0, 0, 0, 4], answers


class TestTwoVersions:
    """Two versions of one product are approved at once: both become active, one after the other."""

    @pytest.fixture
    def works(self, world: World) -> list[Any]:
        product = world.product("vip3")
        terms = {name: getattr(product.versions.active().get(), name) for name in TERMS}
        drafts = [services.draft_version(product.pk, terms, by=world.officers[0], now=world.now) for _ in range(2)]
        asked = [
            services.request_activation(draft.pk, by=world.officers[0], reason="New terms", now=world.now)
            for draft in drafts
        ]
        return [
            partial(oversight.approve, request.pk, by=officer, now=world.now)
            for request, officer in zip(asked, world.officers[1:], strict=True)
        ]

    def test_one_follows_the_other(self, world: World, works: list[Any]) -> None:
        answers = at_once(works)
        assert [answer.status for answer in answers] == ["approved"] * 2, answers
        assert sorted(world.product("vip3").versions.values_list("status", flat=True)) == ["active"] + ["retired"] * 2

    def test_without_the_lock_on_the_product_one_breaks(self, works: list[Any], monkeypatch: Any) -> None:
        before, both_have_read, thread = versions.move_to, threading.Barrier(2, timeout=20), threading.local()

        def together(*given: Any, **more: Any) -> None:
            if not hasattr(thread, "has_read"):
                thread.has_read = both_have_read.wait()
            before(*given, **more)

        monkeypatch.setattr(type(Product.objects), "lock", lambda self, key: self.get(pk=key))
        monkeypatch.setattr(versions, "move_to", together)
        assert sum(isinstance(answer, IntegrityError) for answer in at_once(works)) == 1


def _try(product: Any, *, shared: bool) -> bool:
    kind = "_shared" if shared else ""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT pg_try_advisory_xact_lock{kind}(hashtext('investments.returns'), hashtext(%s::text))",
            [str(product)],
        )
        return bool(cursor.fetchone()[0])
