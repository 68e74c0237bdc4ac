"""Two closes at once, on real threads."""

from __future__ import annotations

import threading
import time
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from backoffice import end_of_day, steps
from backoffice.models import EndOfDayRun
from backoffice.tests.conftest import OWNER, Platform
from core.money import Money
from investments.models import Accrual, Position
from ledger import verify
from ledger.models import BusinessDay, Transfer
from tests.races.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def _at_once(work: Any, threads: int = 2) -> list[Any]:
    """Run `work` on threads that start together; return answers and errors."""
    start, answers = threading.Barrier(threads), []

    def run() -> None:
        try:
            start.wait(10)
            answers.append(work())
        except Exception as error:
            answers.append(error)
        finally:
            connection.close()

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(120)
    return answers


def test_two_closes_at_once_close_each_day_once(platform: Platform) -> None:
    """Two closes share the work or wait: each day is closed once, each step done once.

    Seen to fail: with `_try_lock` answering True without a lock, both begin the first day, and the second to come to
    its end finds another day open: it stops there, and leaves a run incomplete that is right.
    """
    platform.investor("Ana")
    platform.fill("basic", "1000")
    platform.pass_day()
    platform.pass_day()
    platform.pass_day()
    answers = _at_once(lambda: end_of_day.close_days(now=platform.noon))
    assert sorted(len(answer.runs) for answer in answers) == [0, 3]
    runs = EndOfDayRun.objects.order_by("day")
    assert [(run.day.day, run.status, run.attempts) for run in runs] == [(1, "done", 1), (2, "done", 1), (3, "done", 1)]
    assert Accrual.objects.count() == 2
    assert BusinessDay.objects.get(closed_at=None).day == date(2026, 6, 4)
    assert verify.run() == []


def test_beat_leaves_a_close_under_way_alone(platform: Platform) -> None:
    """The task that comes every quarter of an hour doesn't queue up behind a close that takes longer."""
    platform.pass_day()
    inside, go_on = threading.Event(), threading.Event()
    slow = steps.STEPS[0]

    def waits(work: steps.Work) -> Any:
        inside.set()
        assert go_on.wait(30)
        return slow.body(work)

    original = steps.STEPS
    steps.STEPS = (steps.Step(slow.name, slow.title, waits), *original[1:])
    try:
        first = threading.Thread(target=_close_in_thread, args=(platform,))
        first.start()
        assert inside.wait(30)
        with pytest.raises(end_of_day.CloseUnderWay):
            end_of_day.close_days(now=platform.noon, wait=False)
        go_on.set()
        first.join(60)
    finally:
        go_on.set()
        steps.STEPS = original
    assert EndOfDayRun.objects.get().status == "done"


def _close_in_thread(platform: Platform) -> None:
    try:
        end_of_day.close_days(now=platform.noon)
    finally:
        connection.close()


def test_postings_go_on_while_a_day_is_closed(platform: Platform) -> None:
    """What is posted during the close is booked on the day that is open at that moment, and nothing is lost."""
    position = platform.investor("Ana")
    platform.fill("basic", "1000")
    platform.pass_day()
    before = Transfer.objects.count()

    def deposits() -> int:
        for _ in range(3):
            platform.desk.deposit(position.owner, Money(platform.wallet(position.owner) + 20, "USD"))
        return 3

    def close() -> end_of_day.Closing:
        return end_of_day.close_days(now=platform.noon)

    works = iter([deposits, close])

    def take_one() -> Any:
        return next(works)()

    answers = _at_once(take_one)
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert Transfer.objects.count() == before + 3
    assert verify.run() == []


def test_money_comes_back_while_who_waits_for_it_adds_some(platform: Platform, monkeypatch: Any) -> None:
    """The line is locked before the ledger: nobody deadlocks, and nothing is left to a second try.

    Seen to fail: without `announce_coming`, the repayment holds the product's fund and waits for the position, the
    top-up holds the position and waits for the fund, and the server ends one of them (40P01).
    """
    from core import commands
    from investments import services as investing

    monkeypatch.setattr(commands, "ATTEMPTS", 1)
    position = platform.investor("Ana", amount="1000")
    asset = platform.desk.open_asset(position.product, "A warehouse")
    platform.desk.deploy(asset, Decimal(900), OWNER)
    investing.withdraw(position.pk, owner=position.owner, amount=Decimal(400), now=platform.noon)
    platform.desk.deposit(position.owner, Money(Decimal(50), "USD"))
    held = threading.Event()

    def add() -> None:
        with transaction.atomic():
            Position.objects.lock(position.pk)
            held.set()
            time.sleep(1.5)
            investing.fund_position.inside(position.pk, owner=position.owner, amount=Decimal(50), now=platform.noon)

    def repay() -> None:
        held.wait(10)
        platform.desk.divest(asset, Decimal(900), OWNER)

    answers = at_once([add, repay])
    assert answers == [None, None], answers
    position.refresh_from_db()
    assert position.principal == 650 and not position.exits.waiting().exists()
