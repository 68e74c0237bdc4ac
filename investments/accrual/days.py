"""A day's accrual: planned once, worked on slice by slice, safe to run again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction

from core.commands import command
from core.errors import DomainError
from investments import partitions, slices
from investments.accrual import statements
from investments.accrual.compare import Differences, compare_day
from investments.accrual.slices import POSITIONS_FAULT, Problem, accrue_slice, repair_slice
from investments.models import AccrualSlice
from ledger import days

PLAN_LOCK = "investments.accrual.plan"


class DayNotOver(DomainError):
    code = "day-not-over"
    title = "That day isn't over yet"


class AccrualUnfinished(DomainError):
    code = "accrual-unfinished"
    title = "That day's accrual isn't complete"


@dataclass(slots=True)
class AccrualReport:
    """What a run of a day did. `positions` are new rows; `problems` failed alone.

    `differences` only a run that found every slice done has.
    """

    day: date
    slices: int = 0
    positions: int = 0
    problems: list[Problem] = field(default_factory=list)
    differences: Differences | None = None

    @property
    def is_complete(self) -> bool:
        return not self.problems


def accrue_day(
    day: date,
    *,
    now: datetime,
    workers: slices.Workers | None = None,
    inside: bool = False,
    progress: slices.Progress = slices.unwatched,
) -> AccrualReport:
    """Accrue a day that is over. A rerun adds what is missing and changes nothing; it reports what differs.

    Each slice is a transaction of its own, unless `inside` (a dry run) keeps all of it in the caller's.
    Raises DayNotOver, PartitionMissing.
    """
    if not days.is_over(day, now=now):
        raise DayNotOver(f"{day} isn't over yet; its accrual starts when the next day begins.", day=day.isoformat())
    partitions.require_partition(day)
    plan = plan_day.inside if inside else plan_day
    plan(day)
    before = _positions(day)
    hand = _AccrualHand(now=now, inside=inside)
    undone = list(AccrualSlice.objects.filter(day=day).undone().values_list("pk", flat=True).order_by("number"))
    slices.run(undone, hand, workers=workers, progress=progress)
    report = AccrualReport(day, slices=len(undone), positions=_positions(day) - before, problems=hand.problems)
    if not undone:
        report.differences = compare_day(day)
    return report


@command
def plan_day(day: date) -> None:
    """Cut a day into slices, once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [PLAN_LOCK])
    if AccrualSlice.objects.filter(day=day).exists():
        return
    given: dict[str, Any] = {
        "day": day,
        "size": slices.size(),
        "first": slices.FIRST_ID,
        "until": slices.PAST_ALL_IDS,
    }
    with connection.cursor() as cursor:
        cursor.execute(statements.PLAN, given)


def require_accrued(day: date) -> None:
    """Raises AccrualUnfinished unless every slice of the day is done (positions that failed alone don't hold it up)."""
    done = list(AccrualSlice.objects.filter(day=day).values_list("done_at", flat=True))
    if not done or None in done:
        raise AccrualUnfinished(f"{day} isn't accrued yet; run accrue_returns first.", day=day.isoformat())


def _positions(day: date) -> int:
    return sum(AccrualSlice.objects.filter(day=day).values_list("positions", flat=True))


class _AccrualHand:
    """Works on accrual slices here, or hands them to the workers."""

    def __init__(self, *, now: datetime, inside: bool) -> None:
        self.now, self.inside = now, inside
        self.problems: list[Problem] = []

    def work(self, slice_id: int) -> None:
        if AccrualSlice.objects.filter(pk=slice_id, done_at=None).exists():
            try:
                self._whole(slice_id)
                return
            except POSITIONS_FAULT:
                pass
        self.problems += repair_slice(slice_id, now=self.now, inside=self.inside)

    def _whole(self, slice_id: int) -> None:
        if not self.inside:
            accrue_slice(slice_id, now=self.now)
            return
        with transaction.atomic():
            accrue_slice.inside(slice_id, now=self.now)

    def send(self, slice_id: int) -> None:
        from investments import tasks

        tasks.accrue_slice.delay(slice_id, self.now.isoformat())

    def undone(self, slice_ids: Sequence[int]) -> list[int]:
        return list(AccrualSlice.objects.filter(pk__in=slice_ids).undone().values_list("pk", flat=True))
