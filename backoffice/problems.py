"""What fails in a close becomes an open row, until a later attempt gets past it or an officer closes it."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F

from backoffice.models import EndOfDayProblem, EndOfDayRun
from core.commands import command
from core.errors import DomainError, NotFound
from oversight import alerts, audit
from oversight.permissions import require_permission

logger = logging.getLogger(__name__)


class ProblemClosed(DomainError):
    code = "problem-closed"
    title = "This problem is closed already"


class WordMissing(DomainError):
    code = "word-missing"
    title = "Say in a word why this is no problem any more"
    status = 422


def report(run: EndOfDayRun, step: str, subject: str, error: BaseException | str, *, at: datetime) -> None:
    """Open a problem, or note that an open one was seen again."""
    text = describe(error)
    if isinstance(error, BaseException) and not isinstance(error, DomainError):
        logger.error("close of %s: %s failed on %s", run.day, step, subject or "the step", exc_info=error)
    seen = EndOfDayProblem.objects.open().filter(run=run, step=step, subject=subject)
    if not seen.update(times_seen=F("times_seen") + 1, error=text):
        EndOfDayProblem.objects.create(run=run, step=step, subject=subject, error=text, opened_at=at)


def describe(error: BaseException | str) -> str:
    """Say what went wrong in words that an officer can act on."""
    if isinstance(error, DomainError):
        return f"{error.title}: {error.detail}" if error.detail != error.title else error.title
    if isinstance(error, BaseException):
        return f"{type(error).__name__}: {error}".strip().rstrip(":")
    return error


def solve(run: EndOfDayRun, step: str, *, at: datetime) -> int:
    """Mark the problem that had stopped a step as solved: the step came through."""
    return EndOfDayProblem.objects.open().filter(run=run, step=step, subject="").update(solved_at=at)


def alert(run: EndOfDayRun, *, open_problems: int, at: datetime) -> None:
    """Raise the alert of a run that is incomplete."""
    first = run.problems.open().first()
    stopped = run.sealed_at is None
    alerts.raise_alert(
        "end-of-day-incomplete",
        title=f"The close of {run.day} {'stopped' if stopped else 'is incomplete'}",
        detail=f"{open_problems} open problem(s). First: {first} – {first.error}" if first else "",
        severity="critical",
        at=at,
        target=run,
        dedupe=run.day.isoformat(),
    )


@command
def close_problem(problem_id: UUID, *, by: Any, now: datetime, word: str) -> EndOfDayProblem:
    """Close a problem with a word; the run is done when all its steps are and no problem is open.

    Raises NotFound, Forbidden, ProblemClosed, WordMissing.
    """
    require_permission(by, "backoffice.close_problem")
    if not word.strip():
        raise WordMissing
    day = EndOfDayProblem.objects.filter(pk=problem_id).values_list("run_id", flat=True).first()
    if day is None:
        raise NotFound
    run = EndOfDayRun.objects.lock(day)
    problem = EndOfDayProblem.objects.get(pk=problem_id)
    if not problem.is_open:
        raise ProblemClosed
    problem.closed_at, problem.closed_by, problem.word = now, by, word.strip()
    problem.save(update_fields=["closed_at", "closed_by", "word"])
    audit.record("backoffice.problem_closed", actor=by, at=now, target=problem, reason=problem.word)
    if run.status == EndOfDayRun.Status.INCOMPLETE and run.sealed_at and not run.problems.open().exists():
        run.status = EndOfDayRun.Status.DONE
        run.save(update_fields=["status"])
    return problem
