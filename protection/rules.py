"""What an investor can bear and must be told: pure arithmetic.

Source: docs/rules/protection.md; Regulation (EU) 2020/1503, articles 21 and 22; Delegated Regulation (EU) 2022/2114.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

ZERO: Final = Decimal(0)
DECLARED: Final = ("income", "assets", "commitments")
_WIDE: Final = Context(prec=80)


@dataclass(frozen=True, slots=True)
class Figures:
    """What an investor declares of a year, all in one currency. Raises ValueError for what is below zero."""

    income: Decimal
    assets: Decimal
    commitments: Decimal

    def __post_init__(self) -> None:
        if any(getattr(self, name) < 0 for name in DECLARED):
            raise ValueError("what is declared is nothing or more")

    @property
    def net_worth(self) -> Decimal:
        """Income and liquid assets less the year's commitments; it may be below zero."""
        return _WIDE.subtract(_WIDE.add(self.income, self.assets), self.commitments)


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the knowledge test; `answer` is the place of the right choice, from 0."""

    id: str
    text: str
    choices: tuple[str, ...]
    answer: int
    why: str


def question(written: Mapping[str, Any]) -> Question:
    """Read a question from its JSON."""
    return Question(written["id"], written["text"], tuple(written["choices"]), written["answer"], written["why"])


@dataclass(frozen=True, slots=True)
class Score:
    """How many questions were answered right; `wrong` names the others."""

    right: int
    of: int
    wrong: tuple[str, ...]


def bearable_loss(net_worth: Decimal, *, share: Decimal, exponent: int) -> Decimal:
    """Return the loss that this net worth bears: a share of it, down to the currency's unit, nothing below zero."""
    return max(_WIDE.multiply(net_worth, share), ZERO).quantize(Decimal(1).scaleb(-exponent), ROUND_DOWN, _WIDE)


def needs_warning(invested: Decimal, net_worth: Decimal, *, share: Decimal) -> bool:
    """Answer whether this is more than the share of the net worth above which an investor is warned."""
    return invested > max(_WIDE.multiply(net_worth, share), ZERO)


def share_of(amount: Decimal, net_worth: Decimal) -> Decimal | None:
    """Return an amount's share of a net worth, to a tenth of a percent, ties to even; None of what isn't above zero."""
    return _WIDE.divide(amount, net_worth).quantize(Decimal("0.001"), ROUND_HALF_EVEN, _WIDE) if net_worth > 0 else None


def misfits(questions: Sequence[Question], answers: Mapping[str, int]) -> list[str]:
    """Name the questions that are left out, aren't asked, or were answered with a choice that isn't there."""
    choices = {question.id: range(len(question.choices)) for question in questions}
    return sorted(name for name in {*choices, *answers} if answers.get(name, -1) not in choices.get(name, ()))


def score(questions: Sequence[Question], answers: Mapping[str, int]) -> Score:
    """Compare answers, by question, with what is right; a question without one is wrong."""
    wrong = tuple(question.id for question in questions if answers.get(question.id) != question.answer)
    return Score(len(questions) - len(wrong), len(questions), wrong)


def same_text(one: str, other: str) -> bool:
    """Answer whether two texts say the same: how lines end, and blanks around, come and go with a browser's form."""
    return one.strip().splitlines() == other.strip().splitlines()


def years_after(moment: datetime, years: int) -> datetime:
    """Return the same moment so many years on; 29 February becomes 28 February."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, day=28)
