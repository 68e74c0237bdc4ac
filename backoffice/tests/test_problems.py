"""Problems of a close: closed with a word, by somebody who may."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from backoffice import health, problems
from backoffice.models import EndOfDayProblem, EndOfDayRun
from core.errors import Forbidden, NotFound
from oversight.models import Alert, AuditEvent
from tests.people import enter

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 6, 2, 0, 5, tzinfo=UTC)
DAY = date(2026, 6, 1)


@pytest.fixture
def run(transactional_db: None) -> EndOfDayRun:
    """A run whose steps are all done, with two open problems."""
    made = EndOfDayRun.objects.create(
        day=DAY, status="incomplete", time_zone="UTC", started_at=NOW, finished_at=NOW, sealed_at=NOW
    )
    problems.report(made, "accrue", "position one", "numeric field overflow", at=NOW)
    problems.report(made, "mature", "position two", ValueError("no such day"), at=NOW)
    return made


def test_the_run_is_done_when_the_last_problem_is_closed(run: EndOfDayRun, omar: Any) -> None:
    first, second = EndOfDayProblem.objects.order_by("id")
    problems.close_problem(first.pk, by=omar, now=NOW, word="adjusted by hand")
    run.refresh_from_db()
    assert run.status == "incomplete"
    problems.close_problem(second.pk, by=omar, now=NOW, word=" matured since ")
    run.refresh_from_db()
    second.refresh_from_db()
    assert (run.status, second.word, second.closed_by, second.error) == (
        "done", "matured since", omar, "ValueError: no such day",
    )  # fmt: skip
    assert AuditEvent.objects.filter(action="backoffice.problem_closed", actor=omar).count() == 2


def test_a_problem_seen_again_stays_one_row(run: EndOfDayRun) -> None:
    problems.report(run, "accrue", "position one", "again", at=NOW)
    problem = EndOfDayProblem.objects.get(subject="position one")
    assert (problem.times_seen, problem.error) == (2, "again")


def test_who_may_close_and_how(run: EndOfDayRun, omar: Any, eve: Any) -> None:
    problem = EndOfDayProblem.objects.order_by("id")[0]
    with pytest.raises(Forbidden):
        problems.close_problem(problem.pk, by=eve, now=NOW, word="mine")
    with pytest.raises(problems.WordMissing):
        problems.close_problem(problem.pk, by=omar, now=NOW, word="  ")
    with pytest.raises(NotFound):
        problems.close_problem(omar.pk, by=omar, now=NOW, word="there is none")
    assert EndOfDayProblem.objects.open().count() == 2
    problems.close_problem(problem.pk, by=omar, now=NOW, word="seen")
    with pytest.raises(problems.ProblemClosed):
        problems.close_problem(problem.pk, by=omar, now=NOW, word="twice")
    problem.refresh_from_db()
    assert problem.word == "seen"


def test_a_problem_can_be_closed_in_the_console(run: EndOfDayRun, omar: Any, eve: Any, client: Any) -> None:
    problem = EndOfDayProblem.objects.order_by("id")[0]
    address = f"/admin/backoffice/endofdayrun/problems/{problem.pk}/close/"
    enter(client, eve)
    assert client.post(address, {"word": "mine"}).status_code == 302  # to the log-in
    enter(client, omar)
    page = client.get(f"/admin/backoffice/endofdayrun/{DAY}/change/").content.decode()
    assert "numeric field overflow" in page and address in page
    assert b"moves no money" in client.get(address).content
    assert problem.is_open
    refused = client.post(address, {"word": ""})
    assert refused.status_code == 422 and EndOfDayProblem.objects.open().count() == 2
    assert client.post(address, {"word": "adjusted"}).status_code == 302
    assert EndOfDayProblem.objects.open().count() == 1
    page = client.get(f"/admin/backoffice/endofdayrun/{DAY}/change/").content.decode()
    assert "adjusted" in page
    assert client.get("/admin/backoffice/endofdayrun/").status_code == 200


def test_an_incomplete_run_is_an_open_alert_and_not_ready(run: EndOfDayRun) -> None:
    from ledger import days

    days.open_ledger(date(2026, 6, 2))
    problems.alert(run, open_problems=2, at=NOW)
    assert Alert.objects.get().title == "The close of 2026-06-01 is incomplete"
    assert health.complaint(NOW) == "the close of 2026-06-01 is incomplete"
    assert health.complaint(datetime(2026, 6, 3, 0, 59, tzinfo=UTC)) == "the close of 2026-06-01 is incomplete"
    assert health.complaint(datetime(2026, 6, 3, 1, 0, tzinfo=UTC)) == "2026-06-02 isn't closed"


def test_a_ledger_that_isnt_open_is_no_complaint(transactional_db: None) -> None:
    assert health.complaint(NOW) == ""
