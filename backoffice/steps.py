"""The steps of a day, in order. Each body is safe to run again. Source: docs/rules/returns.md §5.

Up to `open_next` the day's ledger is open and what is posted carries the day as value date; after it the day takes no
more postings, and what is left is to say what it was: coverage and seal.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError

from backoffice import amounts, covers, problems
from backoffice.models import EndOfDayRun, EndOfDayStep
from backoffice.watching import Figures, Watcher
from core.commands import run_durably
from investments import accrual, partitions, settlement
from investments import adjustments as corrections
from investments import services as investing
from investments.models import AccrualSlice, ExitRequest, SettlementRun
from investments.slices import Workers
from ledger import days, seals
from ledger.models import BusinessDay
from offers import services as offering
from offers.models import Offer, OfferInvestment
from oversight import services as oversight
from payments.services import deposits
from treasury import coverage


@dataclass(frozen=True)
class Work:
    """What a step's body is given."""

    run: EndOfDayRun
    step: EndOfDayStep
    now: datetime
    workers: Workers | None
    watch: Watcher

    @property
    def day(self) -> date:
        return self.run.day

    def problem(self, subject: object, error: BaseException | str) -> None:
        """Note what failed alone while the others went on."""
        problems.report(self.run, self.step.name, str(subject), error, at=self.now)

    def progress(self, done: int, total: int) -> None:
        self.watch.slices(total, done)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name in the tables, its title for people, its body."""

    name: str
    title: str
    body: Callable[[Work], Figures]


def adjust(work: Work) -> Figures:
    """Bring approved corrections into account."""
    counted(work, "days corrected", functools.partial(corrections.book_corrections.inside, work.day, now=work.now))
    return figures_so_far(work)


def accrue(work: Work) -> Figures:
    """Accrue the day for every position that earns; have the months ahead made first.

    A day that was accrued before it was open is compared with the terms that have come since.
    """
    run_durably(functools.partial(partitions.make_partitions, work.day))
    report = accrual.accrue_day(work.day, now=work.now, workers=work.workers, progress=work.progress)
    for problem in report.problems:
        work.problem(problem.position_id or f"slice of {problem.day}", problem.error)
    slices = AccrualSlice.objects.filter(day=work.day).values_list("positions", flat=True)
    figures = [["positions", f"{sum(slices):,}"], ["slices", str(len(slices))]]
    if report.differences is not None and report.differences.positions:
        figures.append(["differ from their terms; each position's page offers it", f"{report.differences.positions:,}"])
    return figures


def settle(work: Work) -> Figures:
    """Pay what is due, product by product, oldest day first, as far as the pools go."""
    report = settlement.settle_day(work.day, now=work.now, workers=work.workers, watch=lambda phase: work.progress)
    for problem in report.problems:
        work.problem(problem.position_id or "a slice", problem.error)
    runs = list(SettlementRun.objects.filter(paid_in=work.day).select_related("product"))
    paid: dict[str, Decimal] = {}
    for run in runs:
        paid[run.product.currency] = paid.get(run.product.currency, Decimal(0)) + run.amount
    short = [outcome.product.code for outcome in report.products if outcome.short_on]
    return [
        ["positions paid", f"{sum(run.positions for run in runs):,}"],
        *(["paid", text] for text in amounts.listed(sorted(paid.items()))),
        *([["short pools", ", ".join(short)]] if short else []),
    ]


def mature(work: Work) -> Figures:
    """Let go what has reached its last day; one that fails doesn't hold up the others."""
    body = functools.partial(investing.mature.inside, on=work.day, now=work.now)
    return each(work, "matured", list(investing.maturing(work.day)), body)


def pay_exits(work: Work) -> Figures:
    """Pay exits that wait in line, product by product, as far as the money goes."""
    products = ExitRequest.objects.filter(status=ExitRequest.Status.WAITING).order_by("product_id")
    waiting = list(products.values_list("product_id", flat=True).distinct())
    return each(work, "exits paid", waiting, functools.partial(investing.pay_exits.inside, now=work.now, on=work.day))


def offers(work: Work) -> Figures:
    """Close or fail the offers whose deadline is over, unless somebody still reflects; repay those that mature.

    Income that came after an offer's end is a problem until it is distributed. Free places that nobody gave on (who had
    to was killed) are given on: as often as somebody waits for them.
    """
    over = list(Offer.objects.over_by(work.day).order_by("pk").values_list("pk", flat=True))
    each(work, "offers closed or failed", over, functools.partial(_end_gathering, on=work.day, now=work.now))
    due = list(Offer.objects.maturing_by(work.day).order_by("pk").values_list("pk", flat=True))
    each(work, "offers matured", due, functools.partial(offering.mature_offer.inside, on=work.day, now=work.now))
    for ended in offering.with_late_income():
        work.problem(ended.pk, "Income came after this offer's end: distribute it.")
    wait = list(OfferInvestment.objects.due_a_place().values_list("offer_id", flat=True))
    return each(work, "waiting for a place and served", wait, functools.partial(_give_place, now=work.now))


def _end_gathering(offer_id: UUID, *, on: date, now: datetime) -> bool:
    return offering.end_gathering.inside(offer_id, on=on, now=now) is not None


def _give_place(offer_id: UUID, *, now: datetime) -> bool:
    return offering.give_place.inside(offer_id, now=now) is not None


def expire(work: Work) -> Figures:
    """End what has waited too long: deposits, requests for approval, positions never funded."""
    now = work.now
    while counted(work, "deposits expired", functools.partial(deposits.expire_deposits.inside, now=now)):
        pass
    counted(work, "requests expired", functools.partial(oversight.expire_requests.inside, now=now))
    body = functools.partial(investing.cancel_unfunded.inside, now=now)
    return each(work, "unfunded positions cancelled", investing.unfunded(now), body)


def each(work: Work, label: str, keys: Sequence[Any], body: Callable[[Any], int]) -> Figures:
    """Do a command's body for each key, counting; a refusal or fault of one becomes its problem.

    A server that is gone is nobody's fault: that stops the step, and with it the close, whose lock went too.
    """
    for done, key in enumerate(keys, 1):
        try:
            counted(work, label, functools.partial(body, key))
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            work.problem(key, error)
        work.progress(done, len(keys))
    return figures_so_far(work)


def figures_so_far(work: Work) -> Figures:
    """What the step's attempts have counted together."""
    return list(EndOfDayStep.objects.get(pk=work.step.pk).figures)


def counted(work: Work, label: str, body: Callable[[], int]) -> int:
    """Do a command's body and add its answer to the step's figures in one transaction: a kill loses neither."""

    def both() -> int:
        step = EndOfDayStep.objects.lock(work.step.pk)
        answer = int(body())
        if answer:
            figures = dict(step.figures)
            step.figures = list((figures | {label: str(int(figures.get(label, 0)) + answer)}).items())
            step.save(update_fields=["figures"])
        return answer

    return run_durably(both)


def open_next(work: Work) -> Figures:
    """Close the day in the ledger and open the next, unless an attempt that was killed had done so."""
    if not BusinessDay.objects.filter(day=work.day, closed_at__isnull=False).exists():
        run_durably(functools.partial(days.close, work.day, now=work.now))
    return [["open", days.open_day().isoformat()]]


def cover(work: Work) -> Figures:
    """Compute and store the day's coverage; the treasury raises its own alerts with it."""
    covered = coverage.compute_and_store(work.day, covers.covers_of(work.day), work.now)
    ratios = covered.currencies.order_by("currency_id").values_list("currency_id", "ratio")
    return [[f"coverage {code}", amounts.percent(ratio)] for code, ratio in ratios if ratio is not None]


def seal(work: Work) -> Figures:
    """Seal the day, its coverage with it."""
    digest = coverage.digest(work.day)
    sealed = run_durably(functools.partial(seals.seal_day, work.day, coverage_sha256=digest))
    return [["seal", bytes(sealed.sha256).hex()[:16]]]


STEPS: tuple[Step, ...] = (
    Step("adjust", "Adjust", adjust),
    Step("accrue", "Accrue", accrue),
    Step("settle", "Settle", settle),
    Step("mature", "Mature", mature),
    Step("pay_exits", "Pay exits", pay_exits),
    Step("offers", "End and mature offers", offers),
    Step("expire", "Expire", expire),
    Step("open_next", "Open the next day", open_next),
    Step("cover", "Coverage", cover),
    Step("seal", "Seal", seal),
)
