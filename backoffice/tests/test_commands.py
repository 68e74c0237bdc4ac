"""`close_day` on a terminal: exit codes and what it says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from backoffice import steps, tasks
from backoffice.models import EndOfDayRun
from backoffice.tests.conftest import Platform
from ledger import days

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def yesterday(transactional_db: None) -> date:
    """A ledger opened two days ago, by the real clock."""
    today = datetime.now(UTC).date()
    days.open_ledger(today - timedelta(days=2))
    return today - timedelta(days=1)


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        call_command("close_day", *arguments)
    return int(ended.value.code or 0)


def test_it_closes_what_is_over_and_ends_with_0(yesterday: date, capsys: Any) -> None:
    assert _run() == 0
    said = capsys.readouterr().out
    assert str(yesterday) in said and str(yesterday - timedelta(days=1)) in said
    assert days.open_day() == yesterday + timedelta(days=1)
    assert _run() == 0
    assert "Nothing to close" in capsys.readouterr().out


def test_until_stops_there(yesterday: date) -> None:
    assert _run("--until", str(yesterday - timedelta(days=1))) == 0
    assert days.open_day() == yesterday


def test_it_ends_with_2_when_refused(yesterday: date, capsys: Any) -> None:
    assert _run("--until", str(yesterday + timedelta(days=1))) == 2
    assert "isn't over" in capsys.readouterr().out and not EndOfDayRun.objects.exists()
    with pytest.raises(CommandError):
        call_command("close_day", "--until", "tomorrow")


def test_it_ends_with_2_before_the_ledger_is_open(transactional_db: None, capsys: Any) -> None:
    assert _run() == 2
    assert "open_ledger" in capsys.readouterr().out


def test_it_ends_with_1_when_incomplete(yesterday: date, monkeypatch: Any, capsys: Any) -> None:
    def fails(work: steps.Work) -> Any:
        raise RuntimeError("no space left")

    broken = tuple(steps.Step(s.name, s.title, fails if s.name == "cover" else s.body) for s in steps.STEPS)
    monkeypatch.setattr(steps, "STEPS", broken)
    assert _run() == 1
    assert "no space left" in capsys.readouterr().out
    assert EndOfDayRun.objects.count() == 1  # the next day isn't begun


def test_the_task_closes_what_is_over(yesterday: date) -> None:
    tasks.close_what_is_over()
    assert days.open_day() == yesterday + timedelta(days=1)


def test_the_task_does_nothing_before_the_ledger_is_open(transactional_db: None) -> None:
    tasks.close_what_is_over()
    assert not EndOfDayRun.objects.exists()


def test_workers_do_the_same(platform: Platform, settings: Any) -> None:
    """Slices go through tasks (run at once here) and the figures are those of an inline close."""
    platform.investor("Ana")
    platform.fill("basic", "1000")
    assert platform.close(workers=True).is_complete
    assert platform.close(workers=True).is_complete
    figures = {step.name: step.figures for step in EndOfDayRun.objects.get(day=date(2026, 6, 2)).steps.all()}
    assert figures["accrue"] == [["positions", "1"], ["slices", "1"]]
