"""The arithmetic of returns against published tables and figures worked by hand."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction as Exact
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from investments import rules
from investments.rules import Fraction, Terms

TABLES = Path(__file__).parent / "data"
OURS = {
    "ACT/365F": rules.ACT_365F,
    "ACT/360": rules.ACT_360,
    "30E/360": rules.THIRTY_E_360,
    "ACT/ACT-ISDA": rules.ACT_ACT_ISDA,
}
ONE_DAY = timedelta(days=1)


def days_of(start: date, end: date) -> Iterator[date]:
    """The days whose fractions [D − 1, D) make up [start, end)."""
    return (start + timedelta(days=n) for n in range(1, (end - start).days + 1))


def span(day_count: str, start: date, end: date) -> Exact:
    fractions = (rules.day_fraction(day, rate_period="year", day_count=day_count) for day in days_of(start, end))
    return sum((Exact(*fraction) for fraction in fractions), Exact(0))


def table(name: str) -> list[tuple[str, date, date, str]]:
    with (TABLES / name).open() as lines:
        return [
            (row["convention"], date.fromisoformat(row["start"]), date.fromisoformat(row["end"]), row["year_fraction"])
            for row in csv.DictReader(lines)
            if row["convention"] in OURS
        ]


STRATA, ISDA = table("opengamma_strata.csv"), table("isda_actual_actual.csv")


def test_the_tables_hold_the_conventions_that_apply():
    """The other rows are conventions that no product can have: 30/360 ISDA and PSA, 30E+, NL, AFB, ISMA."""
    assert (len(STRATA), len(ISDA)) == (37, 7)


@pytest.mark.parametrize(("convention", "start", "end", "expected"), STRATA)
def test_days_add_up_to_the_year_fraction_of_strata(convention, start, end, expected):
    assert abs(span(OURS[convention], start, end) - Exact(expected)) < Exact(1, 10**14)


@pytest.mark.parametrize(("convention", "start", "end", "expected"), ISDA)
def test_days_add_up_to_the_isda_constants(convention, start, end, expected):
    """One of them is given to ten places only."""
    assert abs(span(OURS[convention], start, end) - Exact(expected)) <= Exact(1, 2 * 10**10)


def test_act_act_over_a_year_end_counts_each_year_by_its_own_length():
    # 30 Dec 2023 to 3 Jan 2024: two days of 2023, two of 2024.
    assert span(rules.ACT_ACT_ISDA, date(2023, 12, 30), date(2024, 1, 3)) == Exact(2, 365) + Exact(2, 366)


def test_30e_360_gives_nothing_for_a_31st_and_the_rest_of_february_at_once():
    per_day = [
        rules.day_fraction(day, rate_period="year", day_count=rules.THIRTY_E_360)
        for day in (date(2026, 1, 31), date(2026, 2, 1), date(2026, 3, 1), date(2024, 3, 1))
    ]
    assert per_day == [Fraction(0, 360), Fraction(1, 360), Fraction(3, 360), Fraction(2, 360)]


def test_an_unknown_day_count_is_refused():
    with pytest.raises(ValueError, match="no such day count"):
        rules.day_fraction(date(2026, 1, 1), rate_period="year", day_count="30/360")


FINERACT = {case["id"]: case for case in json.loads((TABLES / "fineract_savings.json").read_text())}
NOT_APPLYING = {
    "F1": "compounds daily; Fiducia pays out and never compounds",
    "F2": "compounds daily",
    "F3": "rounds each day half-even; Fiducia floors the running total",
    "F4": "a negative principal (overdraft); a principal can't be negative here",
    "F5": "no arithmetic: a job run twice, held by the tests of accrual and settlement",
    "F6": "no arithmetic: a back-dated withdrawal; here a correction is an adjustment",
    "F7": "no arithmetic: parallel runs, held by the race tests of accrual",
    "F9": "no arithmetic: postings by hand beside the job; here only the close settles",
    "F10": "no arithmetic: catch-up of missed days, held by the tests of close_day",
    "F11": "no arithmetic: a locked account, held by the tests of close_day",
    "F12": "no arithmetic: inline close of one account; here a verb takes effect on the next day",
}


def test_every_fineract_case_applies_or_says_why_not():
    assert FINERACT.keys() - NOT_APPLYING.keys() == {"F8"}


def test_fineract_f8_a_month_at_ten_percent_with_four_places():
    case = FINERACT["F8"]
    terms = Terms(Decimal("0.10"), "year", rules.ACT_365F, "monthly")
    days = days_of(date(2025, 2, 1), date(2025, 3, 1))
    total = sum((rules.line(day, Decimal(case["principal"]), terms).amount for day in days), Decimal(0))
    assert rules.payable_to_date(total, exponent=4) == Decimal(case["expect"][0]["interest_4dp_at_10pct"])


def test_fineract_f1_and_f4_agree_on_the_first_day_before_anything_compounds():
    terms = Terms(Decimal("0.10"), "year", rules.ACT_365F, "daily")
    first = rules.line(date(2022, 4, 11), Decimal(10000), terms).amount
    assert first == Decimal("2.739726027397260274")
    assert rules.payable_to_date(first, exponent=4) == Decimal("2.7397")


BASIC = Terms(Decimal("0.25"), "month", "", "monthly")


def accrued(principal: str, terms: Terms, first: date, last: date) -> Decimal:
    lines = rules.forecast(Decimal(principal), terms, from_on=first, until=last)
    return sum((each.amount for each in lines), Decimal(0))


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2026, 6, 1), date(2026, 6, 30)),
        (date(2026, 2, 1), date(2026, 2, 28)),
        (date(2024, 2, 1), date(2024, 2, 29)),
        (date(2026, 7, 1), date(2026, 7, 31)),
    ],
)
def test_basic_pays_exactly_25_a_month_for_100(first, last):
    assert rules.payable_to_date(accrued("100", BASIC, first, last), exponent=2) == Decimal("25.00")


def test_a_first_partial_month_counts_its_days():
    # Funded on 20 June: 21 to 30 June earn, ten days of thirty: 25 × 10 / 30 = 8.33.
    total = accrued("100", BASIC, date(2026, 6, 21), date(2026, 6, 30))
    assert total == Decimal("8.333333333333333330")
    assert rules.payable_to_date(total, exponent=2) == Decimal("8.33")


def test_a_vip_package_in_xof_pays_whole_francs_and_keeps_the_rest_owed():
    # 3,333 XOF at 0.07 % a day: 2.3331 a day.
    terms = Terms(Decimal("0.0007"), "day", "", "daily")
    totals = [accrued("3333", terms, date(2026, 6, 1), date(2026, 6, day)) for day in (1, 2, 3, 4)]
    assert totals[-1] == Decimal("9.3324")
    assert [rules.payable_to_date(total, exponent=0) for total in totals] == [2, 4, 6, 9]


def test_a_trillion_francs_lose_nothing_to_a_rounded_factor():
    total = accrued("1000000000000", BASIC, date(2026, 6, 1), date(2026, 6, 30))
    assert rules.payable_to_date(total, exponent=0) == Decimal("250000000000")


def test_a_ninety_day_staking_plan_to_maturity():
    # 250.00 USDT at 0.03 % a day over 90 days: 250 × 0.0003 × 90 = 6.75.
    terms = Terms(Decimal("0.0003"), "day", "", "at_maturity", 90)
    funded_on = date(2026, 1, 15)
    last_on = rules.last_day(funded_on, 90)
    assert last_on == date(2026, 4, 15)
    assert rules.payable_to_date(accrued("250", terms, funded_on + ONE_DAY, last_on), exponent=2) == Decimal("6.75")


def test_payable_to_date_floors_and_heals():
    assert rules.payable_to_date(Decimal("24.999999999999999990"), exponent=2) == Decimal("25.00")
    assert rules.payable_to_date(Decimal("24.99999994"), exponent=2) == Decimal("24.99")
    assert rules.payable_to_date(Decimal("24.999999995"), exponent=2) == Decimal("25.00")
    assert rules.payable_to_date(Decimal("-0.001"), exponent=2) == Decimal("-0.01")
    assert rules.payable_to_date(Decimal(0), exponent=0) == 0


@given(
    principal=st.decimals(min_value=0, max_value=Decimal(10) ** 15, places=2),
    rate=st.decimals(min_value=0, max_value=2, places=12),
    fraction=st.sampled_from([Fraction(1, n) for n in (1, 28, 29, 30, 31, 360, 365, 366)] + [Fraction(3, 360)]),
)
def test_an_accrual_is_the_exact_product_rounded_once(principal, rate, fraction):
    exact = Exact(principal) * Exact(rate) * Exact(*fraction) * 10**18
    away = int(exact + Exact(1, 2))
    # Compared as fractions: a Decimal of the default context would round the figure it is compared with.
    assert Exact(rules.accrual_amount(principal, rate, fraction)) == Exact(away, 10**18)


def test_ties_go_away_from_zero():
    assert rules.accrual_amount(Decimal("0.000000000000000001"), Decimal("0.5"), Fraction(1, 1)) == Decimal("1E-18")
    assert rules.accrual_amount(Decimal("-0.000000000000000001"), Decimal("0.5"), Fraction(1, 1)) == Decimal("-1E-18")


def test_the_reference_tiers_equal_their_yearly_figures_and_stand_above_the_ceiling():
    yearly = [rules.yearly_equivalent(Decimal(rate), "month") for rate in ("0.25", "0.50", "0.60", "0.75")]
    assert yearly == [Decimal("3.00"), Decimal("6.00"), Decimal("7.20"), Decimal("9.00")]
    assert rules.yearly_equivalent(Decimal("0.0003"), "day") == Decimal("0.1095")
    ceiling = rules.DEFAULT_RATE_CEILING
    assert not rules.is_above_ceiling(Decimal("0.36"), "year", ceiling=ceiling)
    assert rules.is_above_ceiling(Decimal("0.0301"), "month", ceiling=ceiling)


def test_a_penalty_rounds_down_in_the_payers_favour():
    assert rules.early_exit_penalty(Decimal("99.99"), Decimal("0.05"), exponent=2) == Decimal("4.99")
    assert rules.early_exit_penalty(Decimal("19"), Decimal("0.05"), exponent=0) == 0


def test_when_returns_fall_due():
    june_29, june_30, july_1 = date(2026, 6, 29), date(2026, 6, 30), date(2026, 7, 1)
    assert rules.is_due(june_29, payout="daily", last_on=None)
    assert not rules.is_due(june_29, payout="monthly", last_on=None)
    assert rules.is_due(june_30, payout="monthly", last_on=None)
    assert rules.is_due(june_29, payout="monthly", last_on=june_29)
    assert not rules.is_due(june_30, payout="at_maturity", last_on=july_1)
    assert rules.is_due(july_1, payout="at_maturity", last_on=july_1)

    assert rules.next_payout(june_29, payout="daily", last_on=None) == june_30
    assert rules.next_payout(june_29, payout="monthly", last_on=None) == june_30
    assert rules.next_payout(june_30, payout="monthly", last_on=None) == date(2026, 7, 31)
    assert rules.next_payout(june_30, payout="monthly", last_on=july_1) == july_1
    assert rules.next_payout(july_1, payout="at_maturity", last_on=july_1) is None
    assert rules.next_payout(june_29, payout="at_maturity", last_on=july_1) == july_1

    assert rules.last_payout(june_29, payout="daily", last_on=None) == june_29
    assert rules.last_payout(june_29, payout="monthly", last_on=None) == date(2026, 5, 31)
    assert rules.last_payout(june_30, payout="monthly", last_on=None) == june_30
    assert rules.last_payout(june_29, payout="at_maturity", last_on=july_1) is None
    assert rules.last_payout(july_1, payout="at_maturity", last_on=july_1) == july_1
