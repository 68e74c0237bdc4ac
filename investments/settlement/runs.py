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
from investments.settlement.reserve import database_now, open_runs, reserve_run
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
    stopped: bool = False

    def count(self, run: SettlementRun) -> None:
        """Count a run as it stands; one that isn't paid stops the product, whose later days wait for it."""
        if run.status == SettlementRun.Status.PAID:
            self.days.append(run.due_on)
            self.positions += run.positions
            self.amount += run.amount
            return
        self.stopped = True
        if run.status == SettlementRun.Status.DUE:
            self.short_on, self.owed = run.due_on, run.amount


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


Watch = Callable[[str], slices.Progress]
"""Names a phase of the work, and gives the progress that it reports to."""


def unwatched(phase: str) -> slices.Progress:
    """The watch that nobody keeps."""
    return slices.unwatched


def settle_day(
    day: date,
    *,
    now: datetime,
    workers: slices.Workers | None = None,
    inside: bool = False,
    watch: Watch = unwatched,
) -> SettlementReport:
    """Pay what is due up to `day`, each product's oldest day first; what is paid already stays so.

    In rounds of one due day a product: all reservations, then all slices, then everybody paid is told, so that workers
    share each across products.
    Each is a transaction of its own, unless `inside` (a dry run). A short pool is no error: that product stops there,
    and the next close tries again. Raises AccrualUnfinished.
    """
    require_accrued(day)
    (open_runs.inside if inside else open_runs)(day)
    unpaid = SettlementRun.objects.unfinished().filter(due_on__lte=day)
    products = Product.objects.filter(pk__in=unpaid.values("product")).order_by("code")
    outcomes = {product.pk: ProductOutcome(product) for product in products}
    pay = _Payment(day=day, now=now, inside=inside)
    while runs := _oldest(day, [key for key, outcome in outcomes.items() if not outcome.stopped]):
        reserve = _Reservation(day=day, now=now, inside=inside)
        slices.run(runs, reserve, workers=workers, progress=watch("reserve"))
        parts = SettlementSlice.objects.undone().filter(run__in=runs).order_by("run__product__code", "number")
        slices.run(list(parts.values_list("pk", flat=True)), pay, workers=workers, progress=watch("pay"))
        finish = _Finishing(day=day, now=now, inside=inside)
        slices.run(finish.undone(runs), finish, workers=workers, progress=watch("finish"))
        for run in SettlementRun.objects.filter(pk__in=runs):
            outcomes[run.product_id].count(run)
    report = SettlementReport(day, list(outcomes.values()), pay.problems)
    report.closed = (close_ended.inside if inside else close_ended)(day, now=now)
    return report


def _oldest(day: date, products: Sequence[UUID]) -> list[UUID]:
    """The first run of each product that isn't paid."""
    unpaid = SettlementRun.objects.unfinished().filter(due_on__lte=day, product__in=products)
    ordered = unpaid.order_by("product__code", "due_on").distinct("product__code")
    return list(ordered.values_list("pk", flat=True))


@dataclass
class _Reservation:
    """Reserves runs here, or has the workers do it."""

    day: date
    now: datetime
    inside: bool
    since: datetime = field(default_factory=database_now)

    def work(self, run_id: UUID) -> None:
        verb = reserve_run.inside if self.inside else reserve_run
        verb(run_id, now=self.now, effective_on=self.day)

    def send(self, run_id: UUID) -> None:
        from investments import tasks

        tasks.reserve_run.delay(str(run_id), self.now.isoformat(), self.day.isoformat())

    def undone(self, run_ids: Sequence[UUID]) -> list[UUID]:
        """Those that nobody has asked the pool for since; one whose pool was short has been asked."""
        waiting = SettlementRun.objects.filter(pk__in=run_ids, status=SettlementRun.Status.DUE)
        return list(waiting.exclude(asked_at__gte=self.since).values_list("pk", flat=True))


@dataclass
class _Payment:
    """Pays slices here, or has the workers do it."""

    day: date
    now: datetime
    inside: bool
    problems: list[Problem] = field(default_factory=list)

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


@dataclass
class _Finishing:
    """Marks runs as paid and tells everybody whom they paid, here or has the workers do it."""

    day: date
    now: datetime
    inside: bool

    def work(self, run_id: UUID) -> None:
        verb = finish_run.inside if self.inside else finish_run
        verb(run_id, now=self.now, effective_on=self.day)

    def send(self, run_id: UUID) -> None:
        from investments import tasks

        tasks.finish_run.delay(str(run_id), self.now.isoformat(), self.day.isoformat())

    def undone(self, run_ids: Sequence[UUID]) -> list[UUID]:
        """Those with all slices done; where one failed there is nothing to finish yet."""
        unpaid = SettlementSlice.objects.undone().filter(run__in=run_ids)
        reserved = SettlementRun.objects.filter(pk__in=run_ids, status=SettlementRun.Status.RESERVED)
        return list(reserved.exclude(pk__in=unpaid.values("run")).values_list("pk", flat=True))
