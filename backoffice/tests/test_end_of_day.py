"""Days closed: what a close does, what it does once, and what it says when it can't."""

from __future__ import annotations

import functools
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from backoffice import end_of_day, problems, steps
from backoffice.models import EndOfDayProblem, EndOfDayRun, EndOfDayStep
from backoffice.tests.conftest import FIRST_DAY, Platform
from core.commands import run_durably
from investments import accrual, partitions
from investments.models import Accrual, Settlement, SettlementRun
from investments.services.funding import UNFUNDED_DAYS
from ledger import days, verify
from ledger.models import Seal, Transfer
from oversight.models import Alert
from payments.services import deposits
from treasury.models import Coverage, ProductCoverage

D = Decimal
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def figures(day: date) -> dict[str, list[list[str]]]:
    return {step.name: step.figures for step in EndOfDayStep.objects.filter(run_id=day)}


def test_a_day_is_closed_sealed_and_covered(platform: Platform) -> None:
    position = platform.investor("Ana", amount="1200")
    platform.fill("basic", "1000")
    platform.desk.state(_money("2200"), FIRST_DAY)
    closing = platform.close()
    assert closing.is_complete and [run.day for run in closing.runs] == [FIRST_DAY]
    run = EndOfDayRun.objects.get()
    assert run.status == "done" and run.sealed_at and run.attempts == 1 and run.time_zone == "UTC"
    assert [step.name for step in run.steps.all()] == [step.name for step in steps.STEPS]
    assert all(step.done_at for step in run.steps.all())
    assert days.open_day() == date(2026, 6, 2)
    assert Seal.objects.get().day_id == FIRST_DAY
    assert Coverage.objects.get(currency_id="USD").ratio == D("1.000000")
    assert not Accrual.objects.filter(position=position).exists()  # it earns from the day after its funding


def test_a_month_pays_exactly_a_quarter_of_the_principal(late: Platform) -> None:
    position = late.investor("Ana", amount="100")
    late.fill("basic", "1000")
    late.close_until(date(2026, 7, 31))
    assert Accrual.objects.filter(position=position).count() == 35
    paid = Settlement.objects.filter(position=position, amount__gt=0).order_by("due_on")
    assert [(row.due_on, row.amount) for row in paid] == [
        (date(2026, 6, 30), D("3.33")),  # four of June's 30 days
        (date(2026, 7, 31), D("25.00")),  # and a third of a cent that June had left
    ]
    assert late.wallet(position.owner) == D("28.33")
    assert late.pool("basic") == D("971.67")
    assert not SettlementRun.objects.exclude(status="paid").exists()


def test_covers_add_up_to_what_was_earned(late: Platform) -> None:
    late.investor("Ana", amount="3000")
    late.fill("basic", "50")
    late.close_until(date(2026, 6, 29))
    row = ProductCoverage.objects.filter(scope="product:basic").latest("day_id")
    assert (row.owed, row.accrued, row.mean_accrual) == (D(0), D("75"), D("25"))
    assert row.days_of_cover == D("2.0") and row.above_rate_ceiling and row.yearly_rate == D("3")
    late.close()
    row = ProductCoverage.objects.filter(scope="product:basic").latest("day_id")
    assert (row.owed, row.accrued, row.pool) == (D("100"), D(0), D("50"))
    assert Alert.objects.get(kind="returns-pool-short").dedupe == "basic"
    assert ["short pools", "basic"] in figures(date(2026, 6, 30))["settle"]
    late.fill("basic", "1000")
    assert late.close().is_complete
    row = ProductCoverage.objects.filter(scope="product:basic").latest("day_id")
    assert (row.owed, row.pool) == (D(0), D("950"))
    assert row.mean_accrual == D("24.838709677419354839")  # four days of June at 25, one of July; 18 places
    assert verify.run() == []
    assert row.accrued == D("24.193548387096774194")  # 3,000 x 25 % / 31, the first of July


def test_what_waits_beyond_its_time_expires(platform: Platform) -> None:
    """Asked for so long ago that their time is over an hour after the first close, and 23 before the second."""
    person, over = platform.ready("Ana"), platform.noon + timedelta(days=1, hours=1)
    way = deposits.require_method("bank_transfer", currency="USD", country=person.country)
    platform.desk.now = over - timedelta(days=way.expires_days)
    deposit = platform.desk.announce(person, _money("50"))
    platform.desk.now = over - timedelta(days=UNFUNDED_DAYS)
    unfunded = platform.desk.open(person, platform.product("premium"))
    for statuses in (("pending", "pending_funding"), ("expired", "cancelled")):
        assert platform.close().is_complete
        deposit.refresh_from_db()
        unfunded.refresh_from_db()
        assert (deposit.status, unfunded.status) == statuses


def test_nothing_is_over_yet(platform: Platform) -> None:
    assert end_of_day.close_days(now=platform.noon).runs == []
    with pytest.raises(end_of_day.NotOver):
        end_of_day.close_days(now=platform.noon, until=FIRST_DAY)
    assert not EndOfDayRun.objects.exists() and days.open_day() == FIRST_DAY


def test_missed_days_are_closed_one_by_one(platform: Platform) -> None:
    platform.investor("Ana", amount="300")
    platform.fill("basic", "1000")
    for _ in range(4):
        platform.pass_day()
    closing = end_of_day.close_days(now=platform.noon, until=date(2026, 6, 3))
    assert [run.day.day for run in closing.runs] == [1, 2, 3]
    assert days.open_day() == date(2026, 6, 4)
    closing = end_of_day.close_days(now=platform.noon)
    assert [run.day.day for run in closing.runs] == [4]
    assert [row.amount for row in Accrual.objects.all()] == [D("2.5")] * 3


def test_a_day_is_over_in_the_platforms_zone(platform: Platform, settings: Any) -> None:
    settings.PLATFORM_TIME_ZONE = "America/New_York"
    before = datetime.combine(date(2026, 6, 2), time(3, 59), tzinfo=UTC)
    assert end_of_day.close_days(now=before).runs == []
    after = datetime.combine(date(2026, 6, 2), time(4, 0), tzinfo=UTC)
    assert [run.day for run in end_of_day.close_days(now=after).runs] == [FIRST_DAY]


def test_the_time_zone_is_fixed_after_the_first_close(platform: Platform, settings: Any) -> None:
    platform.close()
    settings.PLATFORM_TIME_ZONE = "Africa/Porto-Novo"
    platform.pass_day()
    with pytest.raises(end_of_day.TimeZoneFixed):
        end_of_day.close_days(now=platform.noon)
    assert EndOfDayRun.objects.count() == 1 and days.open_day() == date(2026, 6, 2)


def two_days() -> Platform:
    """Ana's position, and two days closed."""
    platform = Platform()
    platform.investor("Ana")
    platform.fill("basic", "1000")
    platform.close_until(date(2026, 6, 2))
    return platform


@pytest.mark.parametrize("place", range(len(steps.STEPS)))
def test_a_close_that_was_killed_goes_on_where_it_stopped(
    transactional_db: None, kept: Any, monkeypatch: Any, place: int
) -> None:
    """Killed after the step's work and before it was marked done: the worst moment of each step."""
    platform = kept.of(two_days)
    victim = steps.STEPS[place]

    def dies(work: steps.Work) -> Any:
        victim.body(work)
        raise KeyboardInterrupt

    killed = [*steps.STEPS]
    killed[place] = steps.Step(victim.name, victim.title, dies)
    platform.pass_day()
    with monkeypatch.context() as patch:
        patch.setattr(steps, "STEPS", tuple(killed))
        with pytest.raises(KeyboardInterrupt):
            end_of_day.close_days(now=platform.noon)
    assert EndOfDayRun.objects.get(pk=date(2026, 6, 3)).status == "running"
    closing = end_of_day.close_days(now=platform.noon)
    assert closing.is_complete and closing.runs[0].attempts == 2
    assert days.open_day() == date(2026, 6, 4)
    assert Accrual.objects.count() == 2 and Seal.objects.count() == 3


def test_a_day_accrued_ahead_says_how_many_differ_from_their_terms(platform: Platform) -> None:
    """Vera comes while the first is still open, after the second was accrued."""
    platform.investor("Ana")
    run_durably(functools.partial(partitions.make_partitions, FIRST_DAY))
    second = date(2026, 6, 2)
    accrual.accrue_day(second, now=datetime(2026, 6, 3, 1, tzinfo=UTC))
    platform.investor("Vera")
    platform.close_until(date(2026, 6, 3))
    label = "differ from their terms; each position's page offers it"
    assert figures(second)["accrue"] == [["positions", "1"], ["slices", "1"], [label, "1"]]
    assert figures(date(2026, 6, 3))["accrue"] == [["positions", "2"], ["slices", "1"]]


def test_a_step_that_fails_stops_the_day_and_is_done_later(platform: Platform, monkeypatch: Any) -> None:
    def fails(work: steps.Work) -> Any:
        raise RuntimeError("the disk is full")

    broken = tuple(steps.Step(s.name, s.title, fails if s.name == "settle" else s.body) for s in steps.STEPS)
    with monkeypatch.context() as patch:
        patch.setattr(steps, "STEPS", broken)
        closing = platform.close()
    assert not closing.is_complete
    run = EndOfDayRun.objects.get()
    assert run.status == "incomplete" and run.sealed_at is None and days.open_day() == FIRST_DAY
    problem = EndOfDayProblem.objects.get()
    assert (problem.step, problem.subject, problem.error) == ("settle", "", "RuntimeError: the disk is full")
    assert Alert.objects.get(kind="end-of-day-incomplete").severity == "critical"
    transfers = Transfer.objects.count()
    assert end_of_day.close_days(now=platform.noon).is_complete
    problem.refresh_from_db()
    assert problem.solved_at is not None and EndOfDayRun.objects.get().status == "done"
    assert Transfer.objects.count() == transfers


def test_a_step_that_failed_and_then_is_killed_leaves_no_open_problem(platform: Platform, monkeypatch: Any) -> None:
    """Killed between the mark that it is done and the one that its problem is solved: neither stands."""

    def fails(work: steps.Work) -> Any:
        raise RuntimeError("no such table")

    platform.pass_day()
    with monkeypatch.context() as patch:
        patch.setattr(steps, "STEPS", (steps.Step("adjust", "Adjust", fails), *steps.STEPS[1:]))
        assert not end_of_day.close_days(now=platform.noon).is_complete

    def dies(*given: Any, **more: Any) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(problems, "solve", dies)
        end_of_day.close_days(now=platform.noon)
    assert end_of_day.close_days(now=platform.noon).is_complete
    assert not EndOfDayProblem.objects.open().exists()


def test_a_position_that_fails_alone_doesnt_hold_up_the_others(platform: Platform, monkeypatch: Any) -> None:
    position = platform.investor("Ana")
    original = steps.accrual.accrue_day

    def with_a_problem(day: date, **options: Any) -> Any:
        report = original(day, **options)
        report.problems.append(steps.accrual.Problem("accrue", day, position.pk, "numeric field overflow"))
        return report

    monkeypatch.setattr(steps.accrual, "accrue_day", with_a_problem)
    closing = platform.close()
    assert not closing.is_complete
    run = EndOfDayRun.objects.get()
    assert run.status == "incomplete" and run.sealed_at and days.open_day() == date(2026, 6, 2)
    assert EndOfDayProblem.objects.get().subject == str(position.pk)
    monkeypatch.undo()
    assert platform.close().is_complete  # the next day isn't held up


def test_negative_cash_at_the_close_raises_an_alert(platform: Platform) -> None:
    from treasury import services as treasury
    from treasury.models import Verb

    platform.investor("Ana", amount="500")
    platform.desk.move(treasury.REQUESTS[Verb.PROVIDER_COST], "bill", cash="bank", currency="USD", amount=D("500.01"))
    platform.close()
    assert Alert.objects.get(kind="treasury.cash-negative").severity == "critical"


def _money(amount: str) -> Any:
    from core.money import Money

    return Money(D(amount), "USD")
