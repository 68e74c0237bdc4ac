"""Exact figures of what an investor can bear and must be told."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from protection import rules
from protection.rules import Figures, Question

DAY = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("figures", "worth", "bearable"),
    [
        (Figures(Decimal(24_000), Decimal(10_000), Decimal(9_000)), Decimal(25_000), Decimal("2500.00")),
        (Figures(Decimal("1234.56"), Decimal(0), Decimal(0)), Decimal("1234.56"), Decimal("123.45")),
        (Figures(Decimal(1_000), Decimal(0), Decimal(1_500)), Decimal(-500), Decimal("0.00")),
    ],
)
def test_a_tenth_of_the_net_worth_is_bearable(figures: Figures, worth: Decimal, bearable: Decimal) -> None:
    assert figures.net_worth == worth
    assert rules.bearable_loss(worth, share=Decimal("0.10"), exponent=2) == bearable


def test_whole_francs_are_bearable() -> None:
    assert rules.bearable_loss(Decimal(12_345), share=Decimal("0.10"), exponent=0) == Decimal(1234)


@pytest.mark.parametrize(
    ("amount", "worth", "warned"),
    [("1250", 25_000, False), ("1250.01", 25_000, True), ("0.01", 0, True), ("0.01", -5, True)],
)
def test_more_than_a_twentieth_is_warned_of(amount: str, worth: int, warned: bool) -> None:
    assert rules.needs_warning(Decimal(amount), Decimal(worth), share=Decimal("0.05")) is warned


def test_a_share_is_told_to_a_tenth_of_a_percent() -> None:
    for amount, share in (("50", "0.05"), ("333.4", "0.333"), ("333.6", "0.334"), ("0.5", "0"), ("1.5", "0.002")):
        assert rules.share_of(Decimal(amount), Decimal(1_000)) == Decimal(share)
    assert rules.share_of(Decimal(1), Decimal(0)) is None


def test_what_is_not_answered_is_wrong() -> None:
    questions = [Question(name, "?", ("a", "b"), 1, "why") for name in ("one", "two", "three")]
    assert rules.score(questions, {"one": 1, "two": 0, "four": 1}) == rules.Score(1, 3, ("two", "three"))


def test_two_years_after_a_leap_day() -> None:
    assert rules.years_after(datetime(2028, 2, 29, tzinfo=UTC), 2) == datetime(2030, 2, 28, tzinfo=UTC)
    assert rules.years_after(DAY, 2) == datetime(2028, 11, 20, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("answers", "named"),
    [
        ({"one": 0, "two": 1}, []),
        ({"one": 0}, ["two"]),
        ({"one": 2, "two": 1}, ["one"]),
        ({"one": -1, "two": 1}, ["one"]),
        ({"one": 0, "two": 1, "three": 0}, ["three"]),
        ({}, ["one", "two"]),
    ],
)
def test_each_question_is_answered_with_one_of_its_choices(answers: dict[str, int], named: list[str]) -> None:
    questions = [Question(name, "?", ("a", "b"), 1, "why") for name in ("one", "two")]
    assert rules.misfits(questions, answers) == named


def test_a_questions_json_is_read_whole() -> None:
    written = {"id": "loss", "text": "?", "choices": ["a", "b"], "answer": 1, "why": "since"}
    assert rules.question(written) == Question("loss", "?", ("a", "b"), 1, "since")


@pytest.mark.parametrize("name", rules.DECLARED)
def test_nothing_below_zero_is_declared(name: str) -> None:
    with pytest.raises(ValueError, match="nothing or more"):
        Figures(**{**dict.fromkeys(rules.DECLARED, Decimal(1)), name: Decimal("-0.01")})


def test_the_widest_figures_stay_exact() -> None:
    """15 digits before the point and 18 after it, more than the usual 28."""
    most = Decimal("999999999999999.999999999999999999")
    assert Figures(most, most, Decimal(0)).net_worth == Decimal("1999999999999999.999999999999999998")
    assert rules.bearable_loss(most, share=Decimal("0.10"), exponent=18) == Decimal("99999999999999.999999999999999999")


def test_a_text_that_went_through_a_form_is_the_same() -> None:
    assert rules.same_text("You may lose\nall of it.\n", "You may lose\r\nall of it.")
    assert not rules.same_text("You may lose all of it.", "You may lose half of it.")
