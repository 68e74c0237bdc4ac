"""What an investor can bear and must be told: pure arithmetic.

Source: docs/rules/protection.md; Regulation (EU) 2020/1503, articles 21 and 22; Delegated Regulation (EU) 2022/2114.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Figures:
    """What an investor declares, a year's figures, all in one currency."""

    income: Decimal
    assets: Decimal
    commitments: Decimal

    @property
    def net_worth(self) -> Decimal:
        """Income and liquid assets less the year's commitments; it may be below zero."""
        return self.income + self.assets - self.commitments


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the knowledge test; `answer` is the place of the right choice, from 0."""

    id: str
    text: str
    choices: tuple[str, ...]
    answer: int
    why: str


@dataclass(frozen=True, slots=True)
class Score:
    """How many questions were answered right; `wrong` names the others."""

    right: int
    of: int
    wrong: tuple[str, ...]


def bearable_loss(net_worth: Decimal, *, share: Decimal, exponent: int) -> Decimal:
    """Return the loss that this net worth bears: a share of it, down to the currency's unit, nothing below zero."""
    return max(net_worth * share, ZERO).quantize(Decimal(1).scaleb(-exponent), rounding=ROUND_DOWN)


def needs_warning(invested: Decimal, net_worth: Decimal, *, share: Decimal) -> bool:
    """Answer whether this is more than the share of the net worth above which an investor is warned."""
    return invested > max(net_worth * share, ZERO)


def share_of(amount: Decimal, net_worth: Decimal) -> Decimal | None:
    """Return an amount's share of a net worth, to a tenth of a percent; None of what isn't above zero."""
    return (amount / net_worth).quantize(Decimal("0.001")) if net_worth > 0 else None


def score(questions: Sequence[Question], answers: Mapping[str, int]) -> Score:
    """Compare answers, by question, with what is right; a question without one is wrong."""
    wrong = tuple(question.id for question in questions if answers.get(question.id) != question.answer)
    return Score(len(questions) - len(wrong), len(questions), wrong)


def years_after(moment: datetime, years: int) -> datetime:
    """Return the same moment so many years on; 29 February becomes 28 February."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, day=28)


def cooled_off_at(first_at: datetime, *, hours: int) -> datetime:
    """Return when somebody who first took a step towards investing may invest."""
    return first_at + timedelta(hours=hours)
