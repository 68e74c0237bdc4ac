"""What a close and officers write into one day's rows at the same moment.

Each lock has its control beside it: the same race with the lock taken out, seen to go wrong.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from backoffice import problems, steps
from backoffice.models import EndOfDayProblem, EndOfDayProblemQuerySet, EndOfDayRun, EndOfDayStep
from backoffice.watching import Silent
from tests.races.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
DAY = date(2026, 6, 1)
NOW = datetime(2026, 6, 2, 0, 5, tzinfo=UTC)


@pytest.fixture
def run(transactional_db: None) -> EndOfDayRun:
    """A run whose steps are all done, with two open problems."""
    made = EndOfDayRun.objects.create(
        day=DAY, status="incomplete", time_zone="UTC", started_at=NOW, finished_at=NOW, sealed_at=NOW
    )
    for subject in ("position one", "position two"):
        problems.report(made, "accrue", subject, "numeric field overflow", at=NOW)
    return made


def unlocked(monkeypatch: pytest.MonkeyPatch, model: Any) -> None:
    """Take the lock out: read the row, and hold nobody up."""
    monkeypatch.setattr(type(model._default_manager), "lock", lambda self, key: self.get(pk=key))


def closing(*found: EndOfDayProblem, officers: tuple[Any, ...]) -> list[Any]:
    return [
        partial(problems.close_problem, problem.pk, by=officer, now=NOW, word="seen to")
        for problem, officer in zip(found, officers, strict=True)
    ]


class TestLastTwoProblems:
    """Two officers close the last two problems of a day: it is done."""

    @pytest.fixture
    def works(self, run: EndOfDayRun, omar: Any, lin: Any) -> list[Any]:
        return closing(*EndOfDayProblem.objects.all(), officers=(omar, lin))

    def test_the_day_is_done(self, works: list[Any]) -> None:
        at_once(works)
        assert EndOfDayRun.objects.get().status == "done"

    def test_without_the_lock_it_would_stay_incomplete(self, works: list[Any], monkeypatch: Any) -> None:
        unlocked(monkeypatch, EndOfDayRun)
        before, both_have_looked = EndOfDayProblemQuerySet.exists, Barrier(2, timeout=20)

        def look(found: Any) -> bool:
            answer = before(found)
            both_have_looked.wait()
            return answer

        monkeypatch.setattr(EndOfDayProblemQuerySet, "exists", look)
        at_once(works)
        assert (EndOfDayRun.objects.get().status, EndOfDayProblem.objects.open().count()) == ("incomplete", 0)


class TestOneProblem:
    """Two officers close one problem: one has the word, by the lock on the problem's day."""

    @pytest.fixture
    def works(self, run: EndOfDayRun, omar: Any, lin: Any) -> list[Any]:
        one = EndOfDayProblem.objects.order_by("pk")[0]
        return closing(one, one, officers=(omar, lin))

    def test_one_has_the_word(self, works: list[Any]) -> None:
        assert sorted(type(answer).__name__ for answer in at_once(works)) == ["EndOfDayProblem", "ProblemClosed"]


class TestFigures:
    """Two count into one step's figures: both count."""

    @pytest.fixture
    def work(self, run: EndOfDayRun) -> steps.Work:
        step = EndOfDayStep.objects.create(run=run, name="mature", place=3, started_at=NOW)
        return steps.Work(run=run, step=step, now=NOW, workers=None, watch=Silent())

    def test_both_count(self, work: steps.Work) -> None:
        def one() -> int:
            time.sleep(0.2)
            return 1

        assert at_once([partial(steps.counted, work, "matured", one)] * 2) == [1, 1]
        assert EndOfDayStep.objects.get().figures == [["matured", "2"]]

    def test_without_the_lock_one_is_lost(self, work: steps.Work, monkeypatch: Any) -> None:
        unlocked(monkeypatch, EndOfDayStep)
        both_have_read = Barrier(2, timeout=20)

        def one() -> int:
            both_have_read.wait()
            return 1

        assert at_once([partial(steps.counted, work, "matured", one)] * 2) == [1, 1]
        assert EndOfDayStep.objects.get().figures == [["matured", "1"]]
