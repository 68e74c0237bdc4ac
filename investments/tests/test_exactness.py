"""Ten thousand awkward principals: nothing is lost between what is earned, what is paid and what stays in the pool."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import floor

import pytest
from django.db import transaction
from django.db.models import Sum

from investments import accrual, partitions, settlement
from investments.models import Accrual, Settlement
from investments.rules import ONE_DAY
from investments.tests.closing import after, fill_pool, pool, returns_due
from investments.tests.crowds import crowd
from investments.tests.worlds import World

pytestmark = pytest.mark.slow

MANY, FEWER = 10_000, 2_000
"""Fewer where several days follow in one transaction: nothing is analysed meanwhile, and it grows with the square."""


def accrue(first: date, last: date) -> None:
    with transaction.atomic():
        partitions.make_partitions(first)
    while first <= last:
        accrual.accrue_day(first, now=after(last))
        first += ONE_DAY


def settled() -> dict[object, Decimal]:
    """What each position was paid in all, by the settlements."""
    rows = Settlement.objects.values("position_id").annotate(paid=Sum("amount"))
    return {row["position_id"]: row["paid"] for row in rows}


def settle_months(world: World, count: int, months: list[tuple[date, int]]) -> None:
    """25 % of a month, each month: so many quarters of each principal, exactly, floored to the cent."""
    principals = [Decimal(10_007 + n * 7_919) / 100 for n in range(count)]
    positions = crowd(world, "basic", principals)
    fill_pool(world, "basic", "4000000000")
    for last, quarters in months:
        accrue(last.replace(day=1), last)
        report = settlement.settle_day(last, now=after(last))
        assert [outcome.positions for outcome in report.products] == [count]
        paid = settled()
        exact = [Fraction(principal) * quarters / 4 for principal in principals]
        assert [Fraction(paid[position.pk]) for position in positions] == [
            Fraction(floor(total * 100), 100) for total in exact
        ]
        assert pool(world.product("basic")) == 4_000_000_000 - sum(paid.values())
        assert returns_due(world.product("basic")) == 0


def test_a_month_of_dollars_is_the_floor_of_each_exact_total(world, settings):
    settings.RETURNS_SLICE_SIZE = 3_000
    world.day = date(2027, 1, 31)
    settle_months(world, MANY, [(date(2027, 2, 28), 1)])


def test_a_second_month_goes_on_from_the_first(world, settings):
    settings.RETURNS_SLICE_SIZE = 70
    world.day = date(2026, 6, 30)
    settle_months(world, 200, [(date(2026, 7, 31), 1), (date(2026, 8, 31), 2)])


def test_days_of_francs_leave_their_residue_in_the_pool(world, settings):
    """Three days at 0.0002 of principals down to 10^-9: whole francs are paid, what is below one stays, and is owed."""
    settings.RETURNS_SLICE_SIZE = 300
    principals = [Decimal(3_000_000_000_001 + n * 7_919_000_003) / 10**9 for n in range(FEWER)]
    positions = crowd(world, "vip0", principals)
    accrued = Fraction(0)
    with transaction.atomic():
        partitions.make_partitions(date(2026, 6, 2))
    fill_pool(world, "vip0", "2000000")
    for day in (date(2026, 6, 2), date(2026, 6, 3), date(2026, 6, 4)):
        accrue(day, day)
        settlement.settle_day(day, now=after(day))
    paid = settled()
    exact = [Fraction(principal) * 3 / 5000 for principal in principals]
    assert [paid[position.pk] for position in positions] == [floor(total) for total in exact]
    accrued = Fraction(Accrual.objects.aggregate(total=Sum("amount"))["total"])
    assert accrued == sum(exact)
    left = Fraction(pool(world.product("vip0")))
    assert left == 2_000_000 - sum(paid.values())
    residue = accrued - sum(Fraction(amount) for amount in paid.values())
    assert 0 < residue < FEWER and left >= residue
    assert Settlement.objects.exclude(overpaid=0).count() == 0


@pytest.mark.parametrize("size", [1, 7, 5_000])
def test_slices_do_not_change_the_figures(world, settings, size):
    settings.RETURNS_SLICE_SIZE = size
    positions = crowd(world, "vip0", [Decimal(3_000 + n) for n in range(20)], owners=3)
    fill_pool(world, "vip0", "1000")
    day = date(2026, 6, 2)
    accrue(day, day)
    for due in (day, day + ONE_DAY):
        accrue(due, due)
        settlement.settle_day(due, now=after(due))
    assert sum(settled().values()) == sum(floor(Fraction(3_000 + n) * 2 / 5000) for n in range(20))
    assert len(positions) == 20
