"""Races on the ledger, on real threads and the real server."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier, BrokenBarrierError, Event
from typing import Any

import pytest
from django.db import connection, transaction

from core.commands import command
from ledger import balances, days, posting, seals, verify
from ledger.models import BusinessDay, Transfer
from ledger.posting import Move
from ledger.tests.conftest import FIRST_DAY, NOON, Books, shared_books
from ledger.tests.test_attacks import TRANSFER, put_transaction

__all__ = ["shared_books"]

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(works: list[Callable[[], object]]) -> list[object]:
    """Run all works at the same moment, each on a thread with its own connection; return answers or refusals."""
    barrier = Barrier(len(works))

    def run(work: Callable[[], object]) -> object:
        try:
            barrier.wait()
            return work()
        except Exception as refusal:  # the test judges what came
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_a_wallet_that_covers_a_quarter(shared_books: Books) -> None:
    """Forty threads draw one dollar each from ten; ten succeed, none overdraws.

    Seen to fail: with the CHECK ledger_account_no_overdraft dropped, forty succeed and the balance is -30.
    """
    books = shared_books
    books.deposit(books.ana, "10")
    move = [Move(books.available(books.ana), books.principal(books.ana), Decimal(1))]

    def draw(number: int) -> Callable[[], object]:
        return lambda: command(posting.post)("position_fund", move, key=f"draw:{number}", now=NOON)

    answers = at_once([draw(number) for number in range(40)])
    assert sum(isinstance(answer, posting.Posting) for answer in answers) == 10
    assert sum(isinstance(answer, posting.InsufficientBalance) for answer in answers) == 30
    assert balances.balance(books.available(books.ana)) == 0
    assert balances.balance(books.principal(books.ana)) == 10


def test_one_key_at_once_is_one_posting(shared_books: Books) -> None:
    """Twenty threads post one fact: one creates it, the others get it.

    Seen to fail: without `ON CONFLICT (key)` in ledger_post nineteen threads end in a unique violation.
    """
    books = shared_books
    books.deposit(books.ana, "100")
    move = [Move(books.available(books.ana), books.principal(books.ana), Decimal(3))]
    work = lambda: command(posting.post)("position_fund", move, key="once", now=NOON)  # noqa: E731
    answers = at_once([work] * 20)
    assert all(isinstance(answer, posting.Posting) for answer in answers), answers
    assert sum(answer.created for answer in answers) == 1
    assert len({answer.transaction_id for answer in answers}) == 1
    assert balances.balance(books.principal(books.ana)) == 3


def test_ids_stand_in_the_order_of_balances(shared_books: Books) -> None:
    """Eight threads move one dollar to and fro; no prefix of the account's transfers, by id, is below zero.

    Seen to fail: with `FOR NO KEY UPDATE` out of ledger_enter, an id is drawn before the balance it stands for.
    """
    books = shared_books
    books.deposit(books.ana, "1")
    available, principal = books.available(books.ana), books.principal(books.ana)

    def to_and_fro(number: int) -> Callable[[], object]:
        def work() -> None:
            for turn in range(40):
                pair = (available, principal) if turn % 2 else (principal, available)
                kind = "position_fund" if turn % 2 else "position_exit"
                with contextlib.suppress(posting.InsufficientBalance, posting.FundCommitted):
                    command(posting.post)(kind, [Move(*pair, Decimal(1))], key=f"{number}:{turn}", now=NOON)

        return work

    assert at_once([to_and_fro(number) for number in range(8)]) == [None] * 8
    running = Decimal(0)
    for transfer in Transfer.objects.order_by("id"):
        running += transfer.amount if transfer.credit_account_id == available.pk else 0
        running -= transfer.amount if transfer.debit_account_id == available.pk else 0
        assert running >= 0, f"transfer {transfer.pk}"
    assert Transfer.objects.count() > 20


def test_opposite_postings_do_not_lock_each_other_out(shared_books: Books) -> None:
    """Eight threads fund and leave the same position; account locks are taken in id order.

    Seen to fail: with another order than id in ledger_enter, deadlocks (40P01) outlast the retries of `command`.
    """
    books = shared_books
    books.deposit(books.ana, "100")
    books.fund(books.ana, "50")
    available, principal = books.available(books.ana), books.principal(books.ana)

    def back_and_forth(number: int) -> Callable[[], object]:
        kind = "position_fund" if number % 2 else "position_exit"
        moves = [Move(available, principal, Decimal(1))] if number % 2 else [Move(principal, available, Decimal(1))]

        def work() -> None:
            for turn in range(15):
                command(posting.post)(kind, moves, key=f"{number}:{turn}", now=NOON)

        return work

    assert at_once([back_and_forth(number) for number in range(8)]) == [None] * 8
    assert balances.balance(available) + balances.balance(principal) == 100


def test_who_enters_judges_by_what_the_one_before_has_left(shared_books: Books) -> None:
    """Eight threads move money from one wallet into positions of their own, unless any holds something: one does.

    Seen to fail: with `posting.enter` taken out several find nothing, and post.
    """
    books = shared_books
    books.deposit(books.ana, "100")
    available, principals = books.available(books.ana), [books.principal(books.ana, f"p{n}") for n in range(8)]

    def judge_and_post(number: int) -> Callable[[], object]:
        def work() -> bool:
            moves = [Move(available, principals[number], Decimal(5))]
            posting.enter(moves)
            held = sum(balances.balances([account.pk for account in principals]).values())
            time.sleep(0.05)
            if not held:
                posting.post("position_fund", moves, key=f"{number}", now=NOON)
            return not held

        return command(work)

    answers = at_once([judge_and_post(number) for number in range(8)])
    assert sorted(answers, key=str) == [False] * 7 + [True]
    assert balances.balance(available) == 95


def test_posting_goes_on_while_days_close(shared_books: Books) -> None:
    """No transfer is lost between two seals, none is in both.

    Seen to fail: with the shared day lock taken out of ledger_enter, the trigger refuses postings that read the
    day before it closed ("wrong-day").
    """
    books = shared_books
    books.deposit(books.ana, "1000")
    move = [Move(books.available(books.ana), books.principal(books.ana), Decimal(1))]

    def post_on(number: int) -> Callable[[], object]:
        def work() -> None:
            for turn in range(40):
                command(posting.post)("position_fund", move, key=f"{number}:{turn}", now=NOON)

        return work

    def close_days() -> None:
        for place in range(12):
            day = FIRST_DAY + timedelta(days=place)
            command(days.close)(day, now=NOON + timedelta(days=place + 1))
            command(seals.seal_day)(day)

    assert at_once([close_days, *(post_on(number) for number in range(4))]) == [None] * 5
    last = FIRST_DAY + timedelta(days=12)
    command(days.close)(last, now=NOON + timedelta(days=13))
    command(seals.seal_day)(last)
    sealed = sum(
        day.seal.transfers for day in BusinessDay.objects.filter(closed_at__isnull=False).select_related("seal")
    )
    assert sealed == Transfer.objects.count() == 161
    assert verify.run() == []


def test_one_paper_at_once_stands_behind_one_posting(shared_books: Books) -> None:
    """Ana and Eve are credited on the same line of the statement, under two keys, over different wallets: one is.

    Seen to fail: with `FOR NO KEY UPDATE` on the evidence out of the trigger, both are.
    """
    books, paper = shared_books, shared_books.statement_line()
    before_the_end = Barrier(2)

    def deposit(owner: Any) -> Callable[[], object]:
        moves = [Move(books.cash, books.available(owner), Decimal(5))]

        def work() -> posting.Posting:
            posted = posting.post("deposit", moves, key=f"deposit:{owner.pk}", now=NOON, evidence=paper)
            with contextlib.suppress(BrokenBarrierError):
                before_the_end.wait(timeout=1)
            return posted

        return command(work)

    answers = at_once([deposit(books.ana), deposit(books.eve)])
    assert sorted(type(answer).__name__ for answer in answers) == ["EvidenceUsed", "Posting"], answers
    assert Transfer.objects.count() == 1


def test_a_day_waits_for_what_is_posted_past_the_services(shared_books: Books) -> None:
    """The trigger holds the day too: raw SQL that never entered is on the day it says, or nowhere.

    Seen to fail: with the shared day lock out of the trigger, the day closes, and the row comes after its end.
    """
    books = shared_books
    books.deposit(books.ana, "5")
    available, principal = books.available(books.ana), books.principal(books.ana)
    is_written = Event()

    def past_the_services() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            of = put_transaction("position_fund")
            cursor.execute(TRANSFER, [of, 1, available.pk, principal.pk, "USD", "5", FIRST_DAY])
            is_written.set()
            time.sleep(0.5)

    def close() -> None:
        is_written.wait(20)
        command(days.close)(FIRST_DAY, now=NOON + timedelta(days=1))

    assert at_once([past_the_services, close]) == [None, None]
    closed = BusinessDay.objects.get(day=FIRST_DAY)
    assert closed.last_transfer_id == Transfer.objects.latest("id").pk


def test_a_ledger_that_two_open_is_opened_once() -> None:
    """The second waits for the first to commit, and is told.

    Seen to fail: without the lock in ledger_open the second breaks on the index that lets one day be open.
    """
    opened = Event()

    def first() -> None:
        with transaction.atomic():
            days.open_ledger(FIRST_DAY)
            opened.set()
            time.sleep(0.5)

    def second() -> None:
        opened.wait(20)
        days.open_ledger(FIRST_DAY + timedelta(days=1))

    done, refused = at_once([first, second])
    assert done is None and isinstance(refused, days.DayRefused), refused
    assert list(BusinessDay.objects.values_list("day", flat=True)) == [FIRST_DAY]
