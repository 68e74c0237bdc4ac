"""A day's settlement over all products: the oldest unpaid day first, each whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from core.errors import DomainError
from investments import slices
from investments.accrual import POSITIONS_FAULT, Problem, require_accrued
from investments.models import Product, SettlementRun, SettlementSlice
from investments.settlement.ended import close_ended
from investments.settlement.reserve import open_runs, reserve_run
from investments.settlement.slices import finish_run, pay_slice


@dataclass(slots=True)
class ProductOutcome:
    """What a settlement did for one product. `short_on` is the first due day that its pool doesn't cover."""

    product: Product
    days: list[date] = field(default_factory=list)
    positions: int = 0
    amount: Decimal = Decimal(0)
    short_on: date | None = None
    owed: Decimal = Decimal(0)


@dataclass(slots=True)
class SettlementReport:
    """What a run of a day did, by product. A slice that failed is a problem, and stops its product.

    `closed` counts the positions that ended and are owed nothing more.
    """

    day: date
    products: list[ProductOutcome] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    closed: int = 0

    @property
    def is_complete(self) -> bool:
        return not self.problems


Watch = Callable[[Product], slices.Progress]


def settle_day(
    day: date,
    *,
    now: datetime,
    workers: slices.Workers | None = None,
    inside: bool = False,
    watch: Watch | None = None,
) -> SettlementReport:
    """Pay what is due up to `day`, product by product; what is paid already stays so.

    Each reservation and each slice is a transaction of its own, unless `inside` (a dry run). A short pool is no
    error: that product stops there, and the next close tries again. Raises AccrualUnfinished.
    """
    require_accrued(day)
    (open_runs.inside if inside else open_runs)(day)
    report = SettlementReport(day)
    unpaid = SettlementRun.objects.unfinished().filter(due_on__lte=day)
    for product in Product.objects.filter(pk__in=unpaid.values("product")).order_by("code"):
        hand = _SettlementHand(day=day, now=now, inside=inside)
        outcome = _settle_product(product, day, hand, workers, watch(product) if watch else slices.unwatched)
        report.products.append(outcome)
        report.problems += hand.problems
    report.closed = (close_ended.inside if inside else close_ended)(day, now=now)
    return report


def _settle_product(
    product: Product, day: date, hand: _SettlementHand, workers: slices.Workers | None, progress: slices.Progress
) -> ProductOutcome:
    outcome = ProductOutcome(product)
    runs = SettlementRun.objects.unfinished().filter(product=product, due_on__lte=day).order_by("due_on")
    for run_id in list(runs.values_list("pk", flat=True)):
        run = hand.reserve(run_id)
        if run.status == SettlementRun.Status.DUE:
            outcome.short_on, outcome.owed = run.due_on, run.amount
            break
        undone = SettlementSlice.objects.filter(run=run).undone().order_by("number")
        slices.run(list(undone.values_list("pk", flat=True)), hand, workers=workers, progress=progress)
        if not hand.finish(run_id):
            break
        outcome.days.append(run.due_on)
        outcome.positions += run.positions
        outcome.amount += run.amount
    return outcome


class _SettlementHand:
    """Works on settlement slices here, or hands them to the workers."""

    def __init__(self, *, day: date, now: datetime, inside: bool) -> None:
        self.day, self.now, self.inside = day, now, inside
        self.problems: list[Problem] = []

    def reserve(self, run_id: UUID) -> SettlementRun:
        verb = reserve_run.inside if self.inside else reserve_run
        return verb(run_id, now=self.now, effective_on=self.day)

    def finish(self, run_id: UUID) -> bool:
        verb = finish_run.inside if self.inside else finish_run
        return verb(run_id, now=self.now, effective_on=self.day)

    def work(self, slice_id: int) -> None:
        try:
            if not self.inside:
                pay_slice(slice_id, now=self.now, effective_on=self.day)
                return
            with transaction.atomic():
                pay_slice.inside(slice_id, now=self.now, effective_on=self.day)
        except (DomainError, *POSITIONS_FAULT) as error:
            self.problems.append(Problem("settle", self.day, None, str(error).strip().splitlines()[0]))

    def send(self, slice_id: int) -> None:
        from investments import tasks

        tasks.pay_slice.delay(slice_id, self.now.isoformat(), self.day.isoformat())

    def undone(self, slice_ids: Sequence[int]) -> list[int]:
        return list(SettlementSlice.objects.filter(pk__in=slice_ids).undone().values_list("pk", flat=True))
