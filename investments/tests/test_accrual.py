"""Accrual: exact figures, slices, reruns, and positions that fail alone."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import connection, transaction

from investments import accrual, partitions, rules, services, slices
from investments.accrual import statements
from investments.models import Accrual, AccrualSlice, Position, PositionTerm, ProductAccrual
from investments.tests.closing import after, close
from tests.people import make_investor

JUNE_1 = date(2026, 6, 1)
JUNE_2 = date(2026, 6, 2)


@pytest.fixture
def ready(world):
    with transaction.atomic():
        partitions.make_partitions(world.day)
    return world


def accrued(day: date) -> list[tuple[Decimal, Decimal, int, int, Decimal]]:
    rows = Accrual.objects.filter(day=day).order_by("position_id")
    return list(rows.values_list("principal", "rate", "numerator", "denominator", "amount"))


def test_a_position_earns_from_the_day_after_its_funding(ready, investor):
    ready.open(investor, "basic", "100")
    first = accrual.accrue_day(JUNE_1, now=after(JUNE_1))
    second = accrual.accrue_day(JUNE_2, now=after(JUNE_2))
    assert (first.positions, second.positions, second.is_complete) == (0, 1, True)
    assert accrued(JUNE_1) == []
    assert accrued(JUNE_2) == [(100, Decimal("0.25"), 1, 30, Decimal("0.833333333333333333"))]
    assert list(ProductAccrual.objects.values_list("day", "positions", "amount")) == [
        (JUNE_2, 1, Decimal("0.833333333333333333"))
    ]


def test_a_day_that_is_not_over_is_refused(ready, investor):
    ready.open(investor, "basic", "100")
    with pytest.raises(accrual.DayNotOver):
        accrual.accrue_day(JUNE_2, now=after(JUNE_1))
    assert not Accrual.objects.exists() and not AccrualSlice.objects.exists()


def test_a_missing_month_refuses_the_day_by_name(ready, investor):
    ready.open(investor, "basic", "100")
    far = date(2030, 1, 1)
    with pytest.raises(partitions.PartitionMissing, match="January 2030"):
        accrual.accrue_day(far, now=after(far))
    assert not AccrualSlice.objects.exists()


def test_a_rerun_adds_nothing(ready, investor):
    ready.open(investor, "basic", "100")
    accrual.accrue_day(JUNE_2, now=after(JUNE_2))
    again = accrual.accrue_day(JUNE_2, now=after(JUNE_2))
    assert (again.positions, again.slices, Accrual.objects.count()) == (0, 0, 1)
    assert again.differences.positions == 0


def test_a_rerun_with_other_terms_changes_nothing_and_says_what_differs(ready, investor):
    position = ready.open(investor, "basic", "100")
    accrual.accrue_day(JUNE_2, now=after(JUNE_2))
    # The first is still open, and its verbs take effect on the second.
    ready.pay_in(investor, "30")
    services.fund_position(position.pk, owner=investor, amount=Decimal(30), now=ready.now)
    again = accrual.accrue_day(JUNE_2, now=after(JUNE_2))
    assert accrued(JUNE_2) == [(100, Decimal("0.25"), 1, 30, Decimal("0.833333333333333333"))]
    assert again.positions == 0
    (difference,) = again.differences.shown
    assert (difference.position_id, difference.amount) == (position.pk, Decimal("0.25"))
    assert again.differences.amount == Decimal("0.25")


def test_slices_cover_everybody_once(ready, settings):
    settings.RETURNS_SLICE_SIZE = 3
    for number in range(10):
        ready.open(make_investor(f"Ana{number}", kyc_level=1), "basic", f"{100 + number}")
    report = accrual.accrue_day(JUNE_2, now=after(JUNE_2))
    assert (report.slices, report.positions) == (4, 10)
    rows = list(AccrualSlice.objects.order_by("number").values_list("first", "until", "positions"))
    assert [positions for _, _, positions in rows] == [3, 3, 3, 1]
    assert str(rows[0][0]) == slices.FIRST_ID and str(rows[-1][1]) == slices.PAST_ALL_IDS
    assert all(left[1] == right[0] for left, right in pairwise(rows))


def test_a_run_stopped_between_slices_ends_the_same(ready, settings):
    settings.RETURNS_SLICE_SIZE = 2
    for number in range(7):
        ready.open(make_investor(f"Ana{number}", kyc_level=1), "basic", f"{100 + number}.37")

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        accrual.accrue_day(JUNE_2, now=after(JUNE_2), progress=stop)
    assert Accrual.objects.count() == 4
    report = accrual.accrue_day(JUNE_2, now=after(JUNE_2))
    assert (report.slices, report.positions, Accrual.objects.count()) == (2, 3, 7)
    assert ProductAccrual.objects.count() == 4


def give_terms(position: Position, principal: str, rate: str) -> None:
    """Write tomorrow's row past the services: with 9 * 10^19 the accrual overflows its column."""
    PositionTerm.objects.filter(position=position).update(principal=Decimal(principal), rate=Decimal(rate))


def test_a_position_that_fails_fails_alone(ready, settings):
    settings.RETURNS_SLICE_SIZE = 4
    positions = [
        ready.open(make_investor(f"Ana{n}", kyc_level=1), "vip0" if n == 5 else "basic", "10000" if n == 5 else "100")
        for n in range(9)
    ]
    give_terms(positions[5], "90000000000000000000", "9")
    report = accrual.accrue_day(JUNE_2, now=after(JUNE_2))
    assert [(problem.step, problem.position_id) for problem in report.problems] == [("accrue", positions[5].pk)]
    assert "overflow" in report.problems[0].error
    assert (report.positions, report.is_complete, Accrual.objects.count()) == (8, False, 8)
    assert ProductAccrual.objects.filter(product__code="basic").count() >= 3

    give_terms(positions[5], "10000", "0.001")
    repaired = accrual.accrue_day(JUNE_2, now=after(JUNE_2))
    assert (repaired.positions, repaired.is_complete, Accrual.objects.count()) == (1, True, 9)
    assert AccrualSlice.objects.filter(problems__gt=0).count() == 0
    assert sum(ProductAccrual.objects.values_list("positions", flat=True)) == 9


def test_pauses_and_resumes(ready, investor):
    """The day of the pause still earns, the day of the resume doesn't."""
    position = ready.open(investor, "basic", "100")
    close(ready, 4)
    services.pause(position.pk, owner=investor, now=ready.now)
    close(ready, 3)
    services.resume(position.pk, owner=investor, now=ready.now)
    close(ready, 3)
    days = list(Accrual.objects.order_by("day").values_list("day__day", flat=True))
    assert days == [2, 3, 4, 5, 9, 10]


AWKWARD = [
    "0.01",
    "100",
    "99.99",
    "333.33",
    "1234567.89",
    "0.00000001",
    "999999999999.99",
    "1000000000000",
    "7.777777777777777777",
]
RATES = ["0.25", "0.5", "0.6", "0.75", "0.000333333333", "0.001", "0.123456789012", "1", "0"]
TERMS = [
    ("day", ""),
    ("month", ""),
    ("year", "ACT/365F"),
    ("year", "ACT/360"),
    ("year", "30E/360"),
    ("year", "ACT/ACT ISDA"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "day",
    [date(2026, 2, 3), date(2026, 6, 30), date(2024, 2, 29), date(2024, 3, 1), date(2025, 1, 1), date(2026, 7, 31)],
)
def test_sql_and_rules_agree_to_the_last_place(day):
    cases = []
    for period, count in TERMS:
        fraction = rules.day_fraction(day, rate_period=period, day_count=count)
        cases += [(Decimal(p), Decimal(r), fraction) for p in AWKWARD for r in RATES]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT {statements.amount("f.numerator", "f.denominator")}
            FROM unnest(%s::numeric(38,18)[], %s::numeric(18,12)[])
                WITH ORDINALITY AS t (principal, rate, place)
            JOIN unnest(%s::smallint[], %s::smallint[]) WITH ORDINALITY AS f (numerator, denominator, place)
                USING (place)
            ORDER BY place
            """,
            [
                [c[0] for c in cases],
                [c[1] for c in cases],
                [c[2].numerator for c in cases],
                [c[2].denominator for c in cases],
            ],
        )
        computed = [amount for (amount,) in cursor.fetchall()]
    assert computed == [rules.accrual_amount(*case) for case in cases]
