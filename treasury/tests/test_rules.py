"""The arithmetic of coverage: exact, rounded down, and falling by exactly what is missing."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from treasury import rules

D = Decimal
DAY = date(2026, 11, 20)
amounts = st.decimals(min_value=0, max_value=10**14, places=18, allow_nan=False, allow_infinity=False)


def test_a_ratio_is_rounded_down_to_six_digits() -> None:
    assert rules.ratio(confirmed=D("2"), own=D(0), claims=D(3), ring_fenced=D(0)) == D("0.666666")
    almost = rules.ratio(confirmed=D("999999999999.99"), own=D(0), claims=D("1000000000000"), ring_fenced=D(0))
    assert almost == D("0.999999")
    assert str(rules.ratio(confirmed=D(5), own=D(0), claims=D(4), ring_fenced=D(1))) == "1.000000"
    assert rules.ratio(confirmed=D(0), own=D(1), claims=D(3), ring_fenced=D(0)) == D("-0.333334")
    assert rules.ratio(confirmed=D(9), own=D(0), claims=D(0), ring_fenced=D(0)) is None
    assert str(rules.ratio(confirmed=D(5), own=D(5), claims=D(3), ring_fenced=D(0))) == "0.000000"


def test_days_of_cover_are_rounded_down_to_one_digit() -> None:
    assert rules.days_of_cover(D("750"), D("25")) == D("30.0")
    assert rules.days_of_cover(D("99"), D("100")) == D("0.9")
    assert rules.days_of_cover(D("99"), D("0")) is None


def test_what_a_pool_keeps() -> None:
    assert rules.pool_must_keep(owed=D("50"), accrued=D("25.5"), mean_accrual=D("10")) == D("375.5")


def test_how_long_evidence_confirms() -> None:
    for days, confirms in ((-1, False), (0, True), (3, True), (4, False)):
        part = rules.Part("cash", "bank", "", D(100), DAY - timedelta(days=days), D(90))
        assert part.confirmed(DAY) == (D(90) if confirms else D(0))
        assert part.unconfirmed(DAY) == (D(10) if confirms else D(100))
    for days, confirms in ((-1, False), (0, True), (90, True), (91, False)):
        part = rules.Part("deployed", "product:basic", "a", D(100), DAY - timedelta(days=days), D(130))
        assert part.confirmed(DAY) == (D(100) if confirms else D(0))
    assert rules.Part("cash", "bank", "", D(100)).confirmed(DAY) == 0


def test_an_overdrawn_account_counts_in_full_whatever_its_statement_says() -> None:
    assert rules.Part("cash", "bank", "", D(-40)).confirmed(DAY) == D(-40)
    assert rules.Part("cash", "bank", "", D(-40), DAY, D(10)).confirmed(DAY) == D(-40)
    assert rules.Part("cash", "bank", "", D(40), DAY, D(-10)).confirmed(DAY) == D(-10)


@given(
    cash=amounts,
    statement=amounts,
    deployed=amounts,
    value=amounts,
    holes=st.tuples(amounts, amounts, amounts),
    own=amounts,
    pool=amounts,
)
def test_coverage_falls_by_exactly_what_is_missing(  # noqa: PLR0917
    cash: Decimal,
    statement: Decimal,
    deployed: Decimal,
    value: Decimal,
    holes: tuple[Decimal, Decimal, Decimal],
    own: Decimal,
    pool: Decimal,
) -> None:
    """claims + ring-fenced - (confirmed - own) = receivable + shortfall + open fx + unconfirmed, to the last digit."""
    receivable, shortfall, fx = holes
    debits = rules.total([cash, deployed, receivable, shortfall, fx])
    available = rules.total([debits, own.copy_negate(), pool.copy_negate()])
    figures = rules.Figures(
        "USD",
        DAY,
        {
            "cash": cash,
            "deployed": deployed,
            "receivable": receivable,
            "shortfall": shortfall,
            "fx": fx,
            "capital": own,
            "returns_pool": pool,
            "available": available,
        },
        (
            rules.Part("cash", "bank", "", cash, DAY, statement),
            rules.Part("deployed", "product:basic", "a", deployed, DAY, value),
        ),
    )
    missing = rules.total([receivable, shortfall, fx, figures.unconfirmed("cash"), figures.unconfirmed("deployed")])
    standing = rules.minus(figures.confirmed, figures.own)
    assert rules.minus(rules.total([figures.claims, figures.ring_fenced]), standing) == missing


def test_a_movement_changes_both_sides_and_its_part() -> None:
    before = rules.Figures(
        "USD", DAY, {"cash": D(100), "available": D(100)}, (rules.Part("cash", "bank", "", D(100), DAY, D(100)),)
    )
    after = before.after(("deployed", "product:basic", "a"), ("cash", "bank", ""), D(60))
    assert (after.of("cash"), after.of("deployed")) == (D(40), D(60))
    assert (before.ratio, after.ratio) == (D("1.000000"), D("0.400000"))
    assert after.unconfirmed("deployed") == D(60)
