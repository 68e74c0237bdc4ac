"""`post`, `post_many`, `post_query`, `reverse`: exact balances, replays, refusals that leave nothing."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction

from ledger import accounts, balances, days, posting
from ledger.models import Account, Fund, Transaction, Transfer
from ledger.posting import Entry, Move
from ledger.tests.conftest import FIRST_DAY, NOON, SCOPE, Books


def test_a_deposit_is_in_the_wallet(books: Books) -> None:
    posted = books.deposit(books.ana, "250.00")
    assert posted.created
    assert balances.balance(books.available(books.ana)) == Decimal("250.00")
    assert balances.balance(books.cash) == Decimal("250.00")
    row = Transaction.objects.get(pk=posted.transaction_id)
    assert (row.effective_on, row.moves, row.kind) == (FIRST_DAY, 1, "deposit")
    assert Transfer.objects.get(transaction=row).booked_on == FIRST_DAY


def test_the_same_fact_again_is_the_first_posting(books: Books) -> None:
    line = books.statement_line()
    moves = [Move(books.cash, books.available(books.ana), Decimal("10.00"))]
    first = posting.post("deposit", moves, key="deposit:1", now=NOON, evidence=line)
    again = posting.post("deposit", moves, key="deposit:1", now=NOON + timedelta(days=3), evidence=line)
    assert (again.transaction_id, again.created) == (first.transaction_id, False)
    assert balances.balance(books.available(books.ana)) == Decimal("10.00")


def test_the_same_key_with_other_moves_is_an_error(books: Books) -> None:
    books.deposit(books.ana, "10.00", "A")
    line = books.statement_line()
    with pytest.raises(posting.FingerprintMismatch), transaction.atomic():
        posting.post(
            "deposit",
            [Move(books.cash, books.available(books.ana), Decimal("11.00"))],
            key="deposit:bank:A",
            now=NOON,
            evidence=line,
        )
    assert balances.balance(books.available(books.ana)) == Decimal("10.00")


def test_a_transaction_without_transfers_is_no_replay(books: Books) -> None:
    moves = [Move(books.available(books.ana), books.principal(books.ana), Decimal(1))]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_transaction (kind, key, fingerprint, moves, effective_on, memo)"
            " VALUES ('position_fund', 'hollow', %s, 1, '2026-06-01', '')",
            [posting.moves_hash("position_fund", moves)],
        )
    with pytest.raises(posting.PostingIncomplete):
        posting.post("position_fund", moves, key="hollow", now=NOON)


def test_an_overdraft_is_insufficient_balance(books: Books) -> None:
    books.deposit(books.ana, "10.00")
    with pytest.raises(posting.InsufficientBalance), transaction.atomic():
        books.fund(books.ana, "10.01")
    assert balances.balance(books.available(books.ana)) == Decimal("10.00")
    assert not Fund.objects.filter(scope=SCOPE).exclude(principal=0).exists()


def test_several_at_once_or_none(books: Books) -> None:
    books.deposit(books.ana, "10.00")
    available = books.available(books.ana)
    entries = [
        Entry("position_fund", [Move(available, books.principal(books.ana, f"p{n}"), Decimal(4))], key=f"several:{n}")
        for n in range(3)
    ]
    with pytest.raises(posting.InsufficientBalance), transaction.atomic():
        posting.post_many(entries, now=NOON)
    assert balances.balance(available) == Decimal(10)
    posted = posting.post_many(entries[:2], now=NOON)
    assert [row.key for row in posted] == ["several:0", "several:1"]
    assert balances.balance(available) == Decimal(2)
    again = posting.post_many(entries[:2], now=NOON)
    assert [row.created for row in again] == [False, False]
    assert [row.transaction_id for row in again] == [row.transaction_id for row in posted]
    assert balances.balance(available) == Decimal(2)


def test_a_transaction_of_two_lines(books: Books) -> None:
    books.deposit(books.ana, "100")
    books.fund(books.ana, "100")
    penalties = accounts.open_account("penalties", "USD")
    principal = books.principal(books.ana)
    moves = [Move(principal, books.available(books.ana), Decimal(45)), Move(principal, penalties, Decimal(5))]
    posting.post("position_exit", moves, key="exit:1", now=NOON)
    assert balances.balance(books.available(books.ana)) == Decimal(45)
    assert balances.balance(penalties) == Decimal(5)
    fund = Fund.objects.get(scope=SCOPE)
    assert (fund.principal, fund.deployed, fund.shortfall, fund.free) == (50, 0, 0, 50)


def test_the_fund_follows_principal_and_work(books: Books) -> None:
    books.deposit(books.ana, "100")
    books.fund(books.ana, "90")
    deployed = accounts.open_account("deployed", "USD", scope=SCOPE, subject="asset")
    books.with_approval("deploy", Move(deployed, books.cash, Decimal(80)), evidence=books.statement_line())
    with pytest.raises(posting.FundCommitted), transaction.atomic():
        posting.post(
            "position_exit",
            [Move(books.principal(books.ana), books.available(books.ana), Decimal(11))],
            key="e",
            now=NOON,
        )
    fund = Fund.objects.get(scope=SCOPE)
    assert (fund.principal, fund.deployed, fund.free) == (90, 80, 10)
    books.with_approval("divest", Move(books.cash, deployed, Decimal(80)), evidence=books.statement_line())
    assert Fund.objects.get(scope=SCOPE).free == 90


def test_a_reversal_takes_back_once(books: Books) -> None:
    posted = books.deposit(books.ana, "10.00", "A")
    mirrored = posting.mirror_moves(posted.transaction_id)
    approval = books.approval("reversal", mirrored)
    posting.reverse(posted.transaction_id, now=NOON, actor=books.omar, approval=approval)
    assert balances.balance(books.available(books.ana)) == 0
    assert balances.balance(books.cash) == 0
    # A corrected posting has a key of its own, and may stand on the same evidence.
    line = Transaction.objects.get(pk=posted.transaction_id).evidence
    corrected = posting.post(
        "deposit",
        [Move(books.cash, books.available(books.ana), Decimal("9.00"))],
        key="deposit:bank:A:2",
        now=NOON,
        evidence=line,
    )
    assert corrected.created and balances.balance(books.available(books.ana)) == Decimal(9)


def test_set_based_postings(books: Books) -> None:
    books.fill_pool("100")
    shards = accounts.returns_due(SCOPE, "USD")
    assert [shard.subject for shard in shards] == [str(n) for n in range(16)]
    posting.post("settlement_reserve", [Move(books.pool, shards[0], Decimal(30))], key="reserve:1", now=NOON)
    wallets = [books.available(books.ana).pk, books.available(books.eve).pk]
    source = """
        SELECT 'settlement:' || n AS key, %(due)s::uuid AS debit, (%(wallets)s::uuid[])[1 + n %% 2] AS credit,
               'USD' AS currency, n::numeric AS amount FROM generate_series(1, 7) n
    """
    given = {"due": shards[0].pk, "wallets": wallets}
    assert posting.post_query("settlement", source, given, now=NOON) == 7
    assert balances.balance(shards[0]) == Decimal(2)
    assert balances.balance(books.available(books.eve)) == Decimal(1 + 3 + 5 + 7)
    assert balances.balance(books.available(books.ana)) == Decimal(2 + 4 + 6)
    assert posting.post_query("settlement", source, given, now=NOON) == 0
    with pytest.raises(posting.FingerprintMismatch), transaction.atomic():
        posting.post_query("settlement", source.replace("n::numeric", "2 * n::numeric"), given, now=NOON)
    with pytest.raises(posting.InsufficientBalance), transaction.atomic():
        posting.post_query("settlement", source.replace("'settlement:'", "'other:'"), given, now=NOON)
    assert balances.balance(shards[0]) == Decimal(2)


def test_a_set_that_stands_in_part_posts_the_rest(books: Books) -> None:
    books.fill_pool("100")
    shard = accounts.returns_due(SCOPE, "USD")[0]
    posting.post("settlement_reserve", [Move(books.pool, shard, Decimal(100))], key="reserve:1", now=NOON)
    source = """
        SELECT 'settlement:' || n AS key, %(due)s::uuid AS debit, %(wallet)s::uuid AS credit, 'USD' AS currency,
               n::numeric AS amount FROM generate_series(1, %(many)s::int) n ORDER BY n %% 3, n
    """
    given = {"due": shard.pk, "wallet": books.available(books.ana).pk}
    assert posting.post_query("settlement", source, {**given, "many": 0}, now=NOON) == 0
    assert posting.post_query("settlement", source, {**given, "many": 5}, now=NOON) == 5
    assert posting.post_query("settlement", source, {**given, "many": 9}, now=NOON) == 4
    rows = Transaction.objects.filter(key__startswith="settlement:")
    assert {row.key: row.transfers.get().amount for row in rows} == {f"settlement:{n}": n for n in range(1, 10)}


@pytest.mark.parametrize("text", ['a "quoted" \\ word', "a,b}{c", "NULL", "' OR 1=1 --", "naïve ☃ \t\n", '"', "\\"])
def test_any_text_of_a_key_and_a_memo_comes_back_as_it_was(books: Books, text: str) -> None:
    books.fill_pool("1")
    due = accounts.returns_due(SCOPE, "USD")[0]
    move = [Move(books.pool, due, Decimal("0.5"))]
    first = posting.post("settlement_reserve", move, key=f"key {text}", memo=text, now=NOON)
    both = [posting.Entry("settlement_reserve", move, key, memo=text) for key in (f"key {text}", f"2 {text}")]
    assert [one.created for one in posting.post_many(both, now=NOON)] == [False, True]
    standing = Transaction.objects.get(pk=first.transaction_id)
    assert (standing.key, standing.memo) == (f"key {text}", text)


def test_an_account_is_opened_once(books: Books) -> None:
    first = accounts.open_account("fees", "USD")
    assert accounts.open_account("fees", "USD").pk == first.pk == books.fees.pk
    with pytest.raises(accounts.UnknownCurrency):
        accounts.open_account("fees", "ZZZ")
    assert Account.objects.filter(kind="fees").count() == 1


def test_without_an_open_day_nothing_is_posted(db: None) -> None:
    fees, pool = accounts.open_account("fees", "USD"), accounts.open_account("capital", "USD")
    with pytest.raises(days.NoOpenDay, match="open_ledger"), transaction.atomic():
        posting.post("pool_fund", [Move(pool, fees, Decimal(1))], key="k", now=NOON)
    with pytest.raises(days.NoOpenDay, match="open_ledger"), transaction.atomic():
        posting.enter([Move(pool, fees, Decimal(1))])


def test_one_call_a_posting(books: Books, django_assert_num_queries) -> None:
    books.deposit(books.ana, "10")
    moves = [Move(books.available(books.ana), books.principal(books.ana), Decimal(1))]
    with django_assert_num_queries(1):
        posting.post("position_fund", moves, key="one", now=NOON)
