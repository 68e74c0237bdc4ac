"""Close business days: the steps of a day in order, missed days one by one. Source: docs/rules/returns.md §5.

A step that is done isn't repeated, so a close that was killed goes on where it stopped. Two closes at once take
turns on one lock (a session's, so it ends with its process); slices of a step may be shared by any number of workers.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import F

from backoffice import problems, steps
from backoffice.models import EndOfDayRun, EndOfDayStep
from backoffice.watching import Figures, Silent, Watcher
from core.commands import run_durably
from core.errors import DomainError
from investments.slices import Workers
from ledger import days

LOCK = "backoffice.close_day"
RETRY_SECONDS = 0.5


class NotOver(DomainError):
    code = "day-not-over"
    title = "A day can be closed once it is over in the platform's time zone"


class TimeZoneFixed(DomainError):
    code = "time-zone-fixed"
    title = "The platform's time zone is fixed since the first close"


class CloseUnderWay(DomainError):
    code = "close-under-way"
    title = "Another process is closing the day"


@dataclass
class Closing:
    """What one call has closed: a run a day, in order."""

    runs: list[EndOfDayRun] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        return all(run.status == EndOfDayRun.Status.DONE for run in self.runs)


def close_days(
    *,
    now: datetime,
    until: date | None = None,
    workers: bool = False,
    wait: bool = True,
    watch: Watcher | None = None,
) -> Closing:
    """Close what is over, up to `until`, one day after the other; stop at the first that a step stopped.

    Not a command: each step is transactions of its own. With `workers`, slices are handed to Celery, until nobody
    there does them.
    Raises NoOpenDay, NotOver, TimeZoneFixed and, unless it may `wait` for another process, CloseUnderWay.
    """
    watch = watch or Silent()
    yesterday = days.platform_today(now) - timedelta(days=1)
    if until is not None and until > yesterday:
        raise NotOver(f"{until} isn't over in {settings.PLATFORM_TIME_ZONE}.", day=until.isoformat())
    last = until or yesterday
    closing = Closing()
    handed = Workers(now) if workers else None
    with one_at_a_time(wait=wait, watch=watch):
        require_fixed_time_zone()
        while (day := next_day()) <= last:
            watch.day(day, left=(last - day).days)
            run = close_one(day, now=now, workers=handed, watch=watch)
            closing.runs.append(run)
            if run.sealed_at is None:
                break
    return closing


def next_day() -> date:
    """Return the day that is to be closed next: one that stopped on its way, or the open one. Raises NoOpenDay."""
    begun = EndOfDayRun.objects.unfinished().values_list("day", flat=True).first()
    return begun or days.open_day()


def require_fixed_time_zone() -> None:
    """Refuse another time zone than the first close had. Raises TimeZoneFixed."""
    first = EndOfDayRun.objects.order_by("day").values_list("time_zone", flat=True).first()
    if first is not None and first != settings.PLATFORM_TIME_ZONE:
        raise TimeZoneFixed(
            f"Days were closed in {first}; PLATFORM_TIME_ZONE says {settings.PLATFORM_TIME_ZONE}.", fixed=first
        )


@contextmanager
def one_at_a_time(*, wait: bool, watch: Watcher) -> Iterator[None]:
    """Hold the close's lock over many transactions. Raises CloseUnderWay.

    It is asked for again and again: a statement that waited for hours would keep rows from being vacuumed and audit
    events from being sealed.
    """
    if not _try_lock():
        if not wait:
            raise CloseUnderWay
        watch.waiting()
        while not _try_lock():
            time.sleep(RETRY_SECONDS)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [LOCK])


def _try_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [LOCK])
        return bool(cursor.fetchone()[0])


def close_one(day: date, *, now: datetime, workers: Workers | None, watch: Watcher) -> EndOfDayRun:
    """Do the steps of one day that aren't done; a step that fails stops the day and becomes a problem."""
    run = run_durably(functools.partial(_begin, day, now=now))
    for place, step in enumerate(steps.STEPS):
        row = run_durably(functools.partial(_begin_step, run, step.name, place=place, now=now))
        if row.done_at is not None:
            watch.step(step.title, skipped=True)
            continue
        watch.step(step.title)
        if not _do(step, row, steps.Work(run=run, step=row, now=now, workers=workers, watch=watch)):
            return run_durably(functools.partial(_finish, day, now=now, sealed=False))
    return run_durably(functools.partial(_finish, day, now=now, sealed=True))


def _begin(day: date, *, now: datetime) -> EndOfDayRun:
    run, created = EndOfDayRun.objects.get_or_create(
        day=day, defaults={"time_zone": settings.PLATFORM_TIME_ZONE, "started_at": now}
    )
    if not created:
        run = EndOfDayRun.objects.lock(day)
        run.attempts += 1
        run.status, run.finished_at = EndOfDayRun.Status.RUNNING, None
        run.save(update_fields=["attempts", "status", "finished_at"])
    return run


def _begin_step(run: EndOfDayRun, name: str, *, place: int, now: datetime) -> EndOfDayStep:
    row, _ = EndOfDayStep.objects.get_or_create(run=run, name=name, defaults={"place": place, "started_at": now})
    return row


def _do(step: steps.Step, row: EndOfDayStep, work: steps.Work) -> bool:
    """Run a step's body and mark it done; say whether it came through."""
    began = time.monotonic()
    try:
        figures = step.body(work)
    except Exception as error:
        spent = _milliseconds(began)
        EndOfDayStep.objects.filter(pk=row.pk).update(milliseconds=F("milliseconds") + spent)
        problems.report(work.run, step.name, "", error, at=work.now)
        work.watch.failed(step.title, error)
        return False
    spent = _milliseconds(began)
    run_durably(functools.partial(_came_through, work, figures, milliseconds=spent))
    work.watch.done(step.title, figures, milliseconds=spent)
    return True


def _came_through(work: steps.Work, figures: Figures, *, milliseconds: int) -> None:
    """Mark a step done and its problem solved, both or neither: a step that is done isn't looked at again."""
    EndOfDayStep.objects.filter(pk=work.step.pk).update(
        done_at=work.now, milliseconds=F("milliseconds") + milliseconds, figures=figures
    )
    problems.solve(work.run, work.step.name, at=work.now)


def _finish(day: date, *, now: datetime, sealed: bool) -> EndOfDayRun:
    run = EndOfDayRun.objects.lock(day)
    open_problems = run.problems.open().count()
    run.sealed_at = now if sealed else None
    run.finished_at = now
    run.status = EndOfDayRun.Status.DONE if sealed and not open_problems else EndOfDayRun.Status.INCOMPLETE
    run.save(update_fields=["sealed_at", "finished_at", "status"])
    if run.status == EndOfDayRun.Status.INCOMPLETE:
        problems.alert(run, open_problems=open_problems, at=now)
    return run


def _milliseconds(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
