"""Business days, seals, snapshots, balances in the past, statements."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from django.db import connection, connections, transaction

from ledger import balances, days, seals, statements, verify
from ledger.models import AccountSnapshot, BusinessDay, Seal
from ledger.tests.conftest import FIRST_DAY, NOON, Books

NEXT_DAY = FIRST_DAY + timedelta(days=1)
TOMORROW = NOON + timedelta(days=1)


def test_a_day_is_closed_once_it_is_over(books: Books) -> None:
    with pytest.raises(days.DayRefused):
        days.close(FIRST_DAY, now=NOON)
    assert days.open_day() == FIRST_DAY
    days.close(FIRST_DAY, now=TOMORROW)
    assert days.open_day() == NEXT_DAY
    with pytest.raises(days.DayRefused, match="is not the open business day"), transaction.atomic():
        days.close(FIRST_DAY, now=TOMORROW)
    with pytest.raises(days.DayRefused, match="opened before"), transaction.atomic():
        days.open_ledger(date(2026, 7, 1))
    assert BusinessDay.objects.count() == 2


def test_the_day_ends_with_its_last_transfer(books: Books) -> None:
    books.deposit(books.ana, "10")
    last = days.close(FIRST_DAY, now=TOMORROW)
    books.deposit(books.ana, "5")
    assert BusinessDay.objects.get(day=FIRST_DAY).last_transfer_id == last > 0
    assert balances.balance(books.available(books.ana), as_of=FIRST_DAY) == 10
    assert balances.balance(books.available(books.ana), as_of=NEXT_DAY) == 15
    assert balances.balance(books.cash, as_of=FIRST_DAY) == 10
    assert balances.balance(books.cash) == 15
    assert balances.balance(books.available(books.ana), as_of=FIRST_DAY - timedelta(days=1)) == 0


def test_the_platforms_zone_decides_which_day_it_is(settings) -> None:
    settings.PLATFORM_TIME_ZONE = "Africa/Porto-Novo"
    assert days.platform_date(datetime(2026, 6, 1, 23, 30, tzinfo=UTC)) == date(2026, 6, 2)
    settings.PLATFORM_TIME_ZONE = "America/New_York"
    assert days.platform_date(datetime(2026, 6, 1, 3, 30, tzinfo=UTC)) == date(2026, 5, 31)


def test_seals_are_chained(books: Books) -> None:
    books.deposit(books.ana, "10")
    with pytest.raises(seals.SealRefused):
        seals.seal_day(FIRST_DAY)
    days.close(FIRST_DAY, now=TOMORROW)
    first = seals.seal_day(FIRST_DAY, coverage_sha256=b"c" * 32)
    assert (first.transfers, first.sums, bytes(first.previous_sha256)) == (1, {"USD": "10"}, seals.EMPTY)
    assert bytes(first.sha256) == seals.digest(first)
    assert seals.seal_day(FIRST_DAY).pk == first.pk
    books.deposit(books.ana, "5")
    days.close(NEXT_DAY, now=TOMORROW + timedelta(days=1))
    second = seals.seal_day(NEXT_DAY)
    assert (second.transfers, second.sums) == (1, {"USD": "5"})
    assert bytes(second.previous_sha256) == bytes(first.sha256)
    days.close(NEXT_DAY + timedelta(days=1), now=TOMORROW + timedelta(days=2))
    days.close(NEXT_DAY + timedelta(days=2), now=TOMORROW + timedelta(days=3))
    with pytest.raises(seals.SealRefused, match="comes first"):
        seals.seal_day(NEXT_DAY + timedelta(days=2))
    assert Seal.objects.count() == 2


def test_a_seal_does_not_hang_on_the_slice(books: Books, monkeypatch) -> None:
    for _ in range(25):
        books.deposit(books.ana, "1")
    monkeypatch.setattr(seals, "SLICE", 10)
    days.close(FIRST_DAY, now=TOMORROW)
    seal = seals.seal_day(FIRST_DAY)
    assert seal.transfers == 25 and seal.sums == {"USD": "25"}


def test_a_seal_does_not_hang_on_what_a_session_has_set(shared_books: Books) -> None:
    shared_books.deposit(shared_books.ana, "10")
    with transaction.atomic():
        days.close(FIRST_DAY, now=TOMORROW)
    with transaction.atomic():
        assert seals.seal_day(FIRST_DAY).records["ledger_evidence"]["rows"] == 1
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL bytea_output = 'escape'")
        assert [broken for broken in verify.run() if broken.check == "seals"] == []


def test_snapshots_of_cash_and_of_busy_accounts(books: Books, monkeypatch) -> None:
    monkeypatch.setattr(seals, "SNAPSHOT_FROM", 2)
    for _ in range(3):
        books.deposit(books.ana, "1")
    books.deposit(books.eve, "7")
    days.close(FIRST_DAY, now=TOMORROW)
    seals.seal_day(FIRST_DAY)
    kept = {row.account_id: (row.debits, row.credits) for row in AccountSnapshot.objects.all()}
    assert kept == {books.cash.pk: (10, 0), books.available(books.ana).pk: (0, 3)}
    books.deposit(books.ana, "4")
    days.close(NEXT_DAY, now=TOMORROW + timedelta(days=1))
    seals.seal_day(NEXT_DAY)
    assert AccountSnapshot.objects.get(account=books.cash, day=NEXT_DAY).debits == 14
    assert balances.balance(books.cash) == 14
    assert balances.balance(books.available(books.ana), as_of=FIRST_DAY) == 3


def test_a_statement_counts_back_from_the_live_balance(books: Books) -> None:
    for amount in ("10", "20", "30"):
        books.deposit(books.ana, amount)
    books.fund(books.ana, "25")
    account = books.available(books.ana)
    page = statements.page(account, limit=3)
    assert [(line.kind, line.amount, line.balance) for line in page.lines] == [
        ("position_fund", Decimal(-25), Decimal(35)),
        ("deposit", Decimal(30), Decimal(60)),
        ("deposit", Decimal(20), Decimal(30)),
    ]
    # A line that comes meanwhile doesn't move the pages after the first.
    books.deposit(books.ana, "1000")
    rest = statements.page(account, limit=3, after=page.next)
    assert [(line.amount, line.balance) for line in rest.lines] == [(Decimal(10), Decimal(10))]
    assert rest.next is None


def test_a_statement_of_some_days(books: Books) -> None:
    books.deposit(books.ana, "10")
    days.close(FIRST_DAY, now=TOMORROW)
    books.deposit(books.ana, "20")
    days.close(NEXT_DAY, now=TOMORROW + timedelta(days=1))
    books.deposit(books.ana, "40")
    account = books.available(books.ana)

    def balances_of(**period) -> list[Decimal]:
        return [line.balance for line in statements.page(account, limit=9, **period).lines]

    assert balances_of() == [70, 30, 10]
    assert balances_of(until=NEXT_DAY) == [30, 10]
    assert balances_of(since=NEXT_DAY) == [70, 30]
    assert balances_of(since=NEXT_DAY, until=NEXT_DAY) == [30]
    assert balances_of(until=FIRST_DAY - timedelta(days=1)) == []
    assert [line.balance for line in statements.page(books.cash, limit=9).lines] == [70, 30, 10]


def test_what_was_under_way_at_a_seal_is_sealed_by_the_next(shared_books: Books) -> None:
    """Seen to fail with a seal that ends at its own clock: it swears to a moment before which a row still came."""
    with psycopg.connect(**connections["default"].get_connection_params()) as other:
        other.execute(
            "INSERT INTO ledger_evidence (id, type, source, reference, sha256, received_at)"
            " VALUES (uuidv7(), 'statement_line', 'bank', 'UNDER-WAY', sha256('x'), now())"
        )
        days.close(FIRST_DAY, now=TOMORROW)
        first = seals.seal_day(FIRST_DAY)
        other.commit()
    days.close(NEXT_DAY, now=TOMORROW + timedelta(days=1))
    second = seals.seal_day(NEXT_DAY)
    assert [seal.records["ledger_evidence"]["rows"] for seal in (first, second)] == [0, 1]
    assert list(verify.checks()["seals"]()) == []
