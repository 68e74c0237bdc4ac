"""Settlement: the figures of docs/rules/returns.md, worked by hand, and what becomes of them on the way."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from investments import accrual, rules, services, settlement
from investments.models import Accrual, Position, PositionTerm, Settlement, SettlementRun, SettlementSlice
from investments.tests import worlds
from investments.tests.closing import (
    after,
    close,
    close_until,
    fill_pool,
    latest,
    paid,
    past_the_guards,
    pool,
    returns_due,
)
from investments.tests.worlds import World, available
from ledger.models import Transaction
from oversight.models import Alert
from tests.people import make_investor

pytestmark = pytest.mark.slow


@pytest.fixture
def beginning(db: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A platform that opens on the day that a test names."""

    def on(first: date) -> World:
        monkeypatch.setattr(worlds, "FIRST_DAY", first)
        return World()

    return on


@pytest.mark.parametrize(("eve", "last"), [((2026, 5, 31), (2026, 6, 30)), ((2026, 1, 31), (2026, 2, 28))])
def test_basic_pays_exactly_25_over_june_and_over_february(beginning, investor, eve, last):
    world = beginning(date(*eve))
    position = world.open(investor, "basic", "100")
    fill_pool(world, "basic", "100")
    report = close_until(world, date(*last))
    assert [(o.product.code, o.days, o.positions, o.amount) for o in report.products] == [
        ("basic", [date(*last)], 1, Decimal(25))
    ]
    assert (paid(position), available(investor), pool(position.product)) == (25, 25, 75)
    row = latest(position)
    assert (row.amount, row.paid_to_date, row.overpaid) == (25, 25, 0)
    days = date(*last).day
    assert row.accrued_to_date == row.earned
    assert row.earned == days * rules.accrual_amount(Decimal(100), Decimal("0.25"), rules.Fraction(1, days))
    assert returns_due(position.product) == 0
    posted = Transaction.objects.get(key=f"settlement:{date(*last)}:{position.pk}")
    assert (posted.kind, posted.effective_on) == ("settlement", date(*last))


def test_a_first_partial_month_counts_its_days(beginning, investor):
    """Funded on 10 June: 20 of 30 days of 25.00 are 16.666…, of which 16.66 are paid; July adds 25.00 to 41.666…"""
    world = beginning(date(2026, 6, 10))
    position = world.open(investor, "basic", "100")
    fill_pool(world, "basic", "100")
    close_until(world, date(2026, 6, 30))
    assert (paid(position), latest(position).accrued_to_date) == (Decimal("16.66"), Decimal("16.666666666666666660"))
    close_until(world, date(2026, 7, 31))
    assert (paid(position), latest(position).amount) == (Decimal("41.66"), 25)


def test_a_vip_package_pays_whole_francs_every_day(world, investor):
    """12,345 XOF at 0.0002 a day are 2.469 francs a day: 2, 4, 7, 9, 12 to date; the rest stays in the pool."""
    position = world.open(investor, "vip0", "12345")
    fill_pool(world, "vip0", "1000")
    close_until(world, date(2026, 6, 6))
    amounts = Settlement.objects.filter(position=position).order_by("due_on").values_list("amount", flat=True)
    assert list(amounts) == [2, 2, 3, 2, 3]
    assert (paid(position), available(investor, "XOF")) == (12, 12)
    assert latest(position).accrued_to_date == Decimal("12.345")
    assert pool(position.product) == 988


def test_a_day_that_rounds_to_nothing_is_kept_but_not_posted(world, investor):
    """3,000 XOF at 0.0002 are 0.6 francs: the second day brings the first whole one."""
    position = world.open(investor, "vip0", "3000")
    fill_pool(world, "vip0", "1000")
    close_until(world, date(2026, 6, 2))
    assert (latest(position).accrued_to_date, latest(position).amount) == (Decimal("0.6"), 0)
    assert not Transaction.objects.filter(kind__in=["settlement", "settlement_reserve"]).exists()
    close(world)
    assert (latest(position).accrued_to_date, paid(position)) == (Decimal("1.2"), 1)


def test_a_staking_plan_of_90_days_to_maturity(world, investor):
    """1,234.56 USDT at 0.0002 a day for 90 days: 90 × 0.246912 = 22.22208, paid once, with the principal."""
    position = world.open(investor, "stake-90", "1234.56")
    fill_pool(world, "stake-90", "100")
    close_until(world, date(2026, 8, 29))
    assert (Accrual.objects.filter(position=position).count(), paid(position)) == (89, 0)
    close(world)
    position.refresh_from_db()
    assert (position.last_on, position.principal) == (date(2026, 8, 30), 0)
    assert paid(position) == Decimal("22.22208")
    assert available(investor, "USDT") == Decimal("1234.56") + Decimal("22.22208")
    close(world, 3)
    assert (Accrual.objects.filter(position=position).count(), paid(position)) == (90, Decimal("22.22208"))


def test_act_act_over_a_year_end(transactional_db, beginning, investor):
    """10,000 USD at 7.3 % a year, ACT/ACT: 2 a day in 2027, 1.9945… in the leap year 2028, fraction of [D-1, D)."""
    world = beginning(date(2027, 12, 29))
    version = world.version("basic")
    past_the_guards(
        "investments_productversion",
        "UPDATE investments_productversion SET rate = 0.073, rate_period = 'year', day_count = 'ACT/ACT ISDA',"
        " payout = 'daily' WHERE id = %s",
        version.pk,
    )
    position = world.open(investor, "basic", "10000")
    fill_pool(world, "basic", "100")
    close_until(world, date(2028, 1, 3))
    rows = Accrual.objects.filter(position=position).order_by("day").values_list("day", "denominator", "amount")
    leap = Decimal("1.994535519125683060")
    assert list(rows) == [
        (date(2027, 12, 30), 365, 2),
        (date(2027, 12, 31), 365, 2),
        (date(2028, 1, 1), 365, 2),
        (date(2028, 1, 2), 366, leap),
        (date(2028, 1, 3), 366, leap),
    ]
    assert paid(position) == Decimal("9.98")


def test_a_month_with_a_pause_a_top_up_and_a_withdrawal(beginning, investor):
    """June with 100, 200 from the 6th, nothing from the 12th to the 15th, 150 from the 22nd.

    A day's 25 % of 30 is 1/120 of the principal: 5 × 100 + 6 × 200 + 6 × 200 + 9 × 150 = 4,250 / 120 = 35.41666…
    """
    world = beginning(date(2026, 5, 31))
    position = world.open(investor, "basic", "100")
    fill_pool(world, "basic", "1000")
    close_until(world, date(2026, 6, 4))
    world.pay_in(investor, "100")
    services.fund_position(position.pk, owner=investor, amount=Decimal(100), now=world.now)
    close_until(world, date(2026, 6, 10))
    services.pause(position.pk, owner=investor, now=world.now)
    close_until(world, date(2026, 6, 14))
    services.resume(position.pk, owner=investor, now=world.now)
    close_until(world, date(2026, 6, 20))
    services.withdraw(position.pk, owner=investor, amount=Decimal(50), now=world.now)
    close_until(world, date(2026, 6, 30))
    # The verb of the 5th takes effect on the 6th, the pause of the 11th on the 12th, and so on.
    assert paid(position) == Decimal("35.41")
    assert available(investor) == Decimal("85.41")
    assert Accrual.objects.filter(position=position).count() == 26


def test_a_cancelled_position_is_settled_in_the_close_of_its_last_day(world, investor):
    position = world.open(investor, "basic", "100")
    fill_pool(world, "basic", "1000")
    close_until(world, date(2026, 6, 4))
    services.cancel(position.pk, owner=investor, now=world.now)
    close(world)
    assert (paid(position), latest(position).due_on) == (Decimal("3.33"), date(2026, 6, 5))
    close_until(world, date(2026, 6, 30))
    assert (paid(position), Settlement.objects.count()) == (Decimal("3.33"), 1)


def test_a_pool_that_covers_two_of_three_owed_days(world, investor):
    """1,000,000 XOF at 0.00028 earn 280 a day; with 700 in the pool two days are paid whole, the third waits."""
    position = world.open(investor, "vip3", "1000000")
    close_until(world, date(2026, 6, 4))
    assert list(SettlementRun.objects.order_by("due_on").values_list("due_on__day", "status", "amount")) == [
        (2, "due", 280),
        (3, "due", 0),
        (4, "due", 0),
    ]
    assert (paid(position), Settlement.objects.count()) == (0, 0)
    alert = Alert.objects.get(kind="returns-pool-short")
    assert alert.times_raised == 3 and "2026-06-02" in alert.title
    fill_pool(world, "vip3", "700")
    report = settlement.settle_day(date(2026, 6, 4), now=after(date(2026, 6, 4)))
    (outcome,) = report.products
    assert (outcome.days, outcome.amount) == ([date(2026, 6, 2), date(2026, 6, 3)], 560)
    assert (outcome.short_on, outcome.owed) == (date(2026, 6, 4), 280)
    assert (paid(position), pool(position.product), returns_due(position.product)) == (560, 140, 0)
    fill_pool(world, "vip3", "1000")
    close(world)
    assert (paid(position), pool(position.product)) == (1120, 580)
    posted = Transaction.objects.get(key=f"settlement:2026-06-04:{position.pk}")
    assert posted.effective_on == date(2026, 6, 5)


def test_all_or_none_of_a_day(world):
    """Two neighbours owed 280 and 560 with 600 in the pool: nobody is paid."""
    small = world.open(make_investor("Ana", kyc_level=1), "vip3", "1000000")
    large = world.open(make_investor("Eve", kyc_level=1), "vip3", "2000000")
    fill_pool(world, "vip3", "600")
    close(world, 2)
    assert (paid(small), paid(large), pool(small.product)) == (0, 0, 600)
    assert not SettlementSlice.objects.exists()


def test_products_are_independent(world):
    dry = world.open(make_investor("Ana", kyc_level=1), "vip3", "1000000")
    wet = world.open(make_investor("Eve", kyc_level=1), "vip2", "200000")
    fill_pool(world, "vip2", "600")
    close(world, 2)
    assert (paid(dry), paid(wet)) == (0, 50)


def test_a_matured_position_of_a_dry_pool_keeps_its_place(world, investor):
    position = world.open(investor, "stake-30", "1000")
    close_until(world, date(2026, 7, 3))
    position.refresh_from_db()
    assert (position.status, position.principal, paid(position)) == ("matured", 0, 0)
    fill_pool(world, "stake-30", "100")
    close(world)
    assert paid(position) == Decimal("4.5")


def test_a_settlement_needs_the_accrual_of_its_day(world, investor):
    world.open(investor, "vip3", "1000000")
    with pytest.raises(accrual.AccrualUnfinished):
        settlement.settle_day(date(2026, 6, 2), now=after(date(2026, 6, 2)))
    assert not SettlementRun.objects.exists()


def test_a_settlement_run_again_pays_nothing(world, investor):
    position = world.open(investor, "vip3", "1000000")
    fill_pool(world, "vip3", "10000")
    close(world, 2)
    report = settlement.settle_day(date(2026, 6, 2), now=after(date(2026, 6, 2)))
    assert (report.products, paid(position)) == ([], 280)


def test_a_run_stopped_between_slices_pays_the_rest_and_nobody_twice(world, settings):
    settings.RETURNS_SLICE_SIZE = 2
    positions = [world.open(make_investor(f"Ana{n}", kyc_level=1), "vip3", f"{1_000_000 + n * 1000}") for n in range(7)]
    fill_pool(world, "vip3", "100000")
    close(world, 1)
    day = world.day
    accrual.accrue_day(day, now=after(day))

    def watch(phase: str) -> Any:
        def stop(done: int, total: int) -> None:
            if phase == "pay" and done == 2:
                raise KeyboardInterrupt

        return stop

    with pytest.raises(KeyboardInterrupt):
        settlement.settle_day(day, now=after(day), watch=watch)
    run = SettlementRun.objects.get(due_on=day)
    assert (run.status, SettlementSlice.objects.undone().count()) == ("reserved", 2)
    owed = sum(SettlementSlice.objects.undone().values_list("amount", flat=True))
    assert returns_due(run.product) == owed > 0
    settlement.settle_day(day, now=after(day))
    run.refresh_from_db()
    assert (run.status, returns_due(run.product)) == ("paid", 0)
    assert [paid(position) for position in positions] == [280, 280, 280, 280, 281, 281, 281]
    assert run.amount == sum(paid(position) for position in positions)


def test_figures_of_a_position_that_was_repaired_late(transactional_db, world, investor):
    """Its accrual of the 3rd failed and was repaired after that day's settlement: the next one brings it in."""
    position = world.open(investor, "vip3", "1000000")
    neighbour = world.open(make_investor("Eve", kyc_level=1), "vip3", "1000000")
    fill_pool(world, "vip3", "10000")
    terms = PositionTerm.objects.filter(position=position)
    terms.update(principal=Decimal("90000000000000000000"), rate=9)
    close(world, 2)
    assert (paid(position), paid(neighbour)) == (0, 280)
    past_the_guards(
        "investments_positionterm",
        "UPDATE investments_positionterm SET principal = 1000000, rate = 0.00028 WHERE position_id = %s",
        position.pk,
    )
    repaired = accrual.accrue_day(date(2026, 6, 2), now=after(date(2026, 6, 2)))
    assert (repaired.positions, repaired.is_complete) == (1, True)
    assert position.late_accruals.get().booked_on == date(2026, 6, 3)
    close(world)
    assert (paid(position), paid(neighbour), latest(position).earned) == (560, 560, 560)
    assert Position.objects.count() == 2
