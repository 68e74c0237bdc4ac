"""What the database refuses, tried in raw SQL by the application's login role; each names what refused."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from uuid_utils.compat import uuid7

from ledger import accounts, chart, posting
from ledger.models import Account, Evidence, Seal, Transaction, Transfer
from ledger.posting import Move
from ledger.tests.conftest import NOON, SCOPE, Books

DENIED = "42501"
"""SQLSTATE insufficient_privilege: the role has no such right."""


def refused(sql: str, *parameters: object) -> tuple[str, str]:
    """Run SQL that must be refused; return SQLSTATE and message, the test's transaction unharmed."""
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
    cause = caught.value.__cause__
    return cause.sqlstate, str(cause)


def counts() -> tuple[int, int, Decimal]:
    """What a refused attack must leave as it was."""
    sums = sum((a.debits + a.credits for a in Account.objects.all()), Decimal(0))
    return Transaction.objects.count(), Transfer.objects.count(), sums


def put_transaction(
    kind: str, *, moves: int = 1, evidence: object = None, approval: object = None, reverses: object = None
) -> object:
    """Insert a transaction's row as the application's role may; its transfers are up to the attack."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO ledger_transaction (kind, key, fingerprint, moves, effective_on, memo, evidence_id,
                                               approval_id, reverses_id)
               VALUES (%s, %s, sha256('x'), %s, '2026-06-01', '', %s, %s, %s) RETURNING id""",
            [kind, f"attack:{uuid4()}", moves, evidence, approval, reverses],
        )
        return cursor.fetchone()[0]


TRANSFER = """INSERT INTO ledger_transfer
    (transaction_id, line, debit_account_id, credit_account_id, currency_id, amount, booked_on)
    VALUES (%s, %s, %s, %s, %s, %s::numeric, %s)"""


def attack(
    kind: str,
    debit: Account,
    credit: Account,
    amount: str = "1.00",
    *,
    currency: str = "USD",
    on: str = "2026-06-01",
    evidence: object = None,
    approval: object = None,
    reverses: object = None,
    line: int = 1,
) -> tuple[str, str]:
    """Post one transfer in raw SQL, which must be refused and leave nothing."""
    before = counts()
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        of = put_transaction(kind, evidence=evidence, approval=approval, reverses=reverses)
        cursor.execute(TRANSFER, [of, line, debit.pk, credit.pk, currency, amount, on])
    assert counts() == before
    cause = caught.value.__cause__
    return cause.sqlstate, str(cause)


def test_the_tests_run_as_the_application(books: Books) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_user, usesuper FROM pg_user WHERE usename = session_user")
        assert cursor.fetchone() == ("fiducia_app", False)


APPEND_ONLY = (
    "ledger_transaction",
    "ledger_transfer",
    "ledger_evidence",
    "ledger_seal",
    "ledger_accountsnapshot",
    "oversight_auditevent",
    "investments_accrual",
    "investments_accrualadjustment",
    "investments_settlement",
    "treasury_valuation",
    "treasury_statementbalance",
    "treasury_coverageday",
)


@pytest.mark.parametrize("attack", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_what_was_written_stays(books: Books, table: str, attack: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", [table])
        column = cursor.fetchone()[0]
    assert refused(attack.format(table, column, column))[0] == DENIED


@pytest.mark.parametrize(
    "attack", ["INSERT INTO {} DEFAULT VALUES", "UPDATE {} SET amount = 0", "DELETE FROM {}", "TRUNCATE {}"]
)
def test_no_right_on_a_partition(books: Books, attack: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT investments_make_partitions('2026-06-01', 1)")
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'investments_accrual'::regclass"
        )
        partitions = [row[0] for row in cursor.fetchall()]
    assert partitions
    assert refused(attack.format(partitions[0]))[0] == DENIED


@pytest.mark.parametrize("column", ["debits", "credits"])
def test_an_account_opens_empty(books: Books, column: str) -> None:
    sql = f"INSERT INTO ledger_account (id, kind, scope, currency_id, {column}) VALUES (%s, 'fees', 'x', 'USD', 100)"
    assert refused(sql, uuid7())[0] == DENIED


@pytest.mark.parametrize(
    ("kind", "owned", "refusal"),
    [("pot", False, "no-kind"), ("available", False, "wrong-owner"), ("fees", True, "wrong-owner")],
)
def test_an_account_is_of_a_kind_and_has_the_owner_that_its_kind_has(
    books: Books, kind: str, owned: bool, refusal: str
) -> None:
    sql = "INSERT INTO ledger_account (id, kind, scope, owner_id, currency_id) VALUES (%s, %s, 'x', %s, 'USD')"
    state, message = refused(sql, uuid7(), kind, books.ana.pk if owned else None)
    assert state == "FI018" and refusal in message


def test_an_account_cannot_be_opened_as_one_that_may_overdraw(books: Books) -> None:
    sql = "INSERT INTO ledger_account (id, kind, currency_id, overdraft_allowed) VALUES (%s, 'fees', 'USD', true)"
    assert refused(sql, uuid7())[0] == DENIED


def test_what_its_kind_makes_of_an_account_is_written_by_the_guard(shared_books: Books, as_owner) -> None:
    as_owner(
        "INSERT INTO ledger_account (id, kind, currency_id, normal_side, overdraft_allowed, keeps_balance)"
        " VALUES (uuidv7(), 'penalties', 'USD', 'D', true, false)"
    )
    made = Account.objects.get(kind="penalties")
    assert (made.normal_side, made.overdraft_allowed, made.keeps_balance) == ("C", False, True)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO ledger_currency (code, exponent, kind) VALUES ('ZZZ', 2, 'fiat')",
        "UPDATE ledger_currency SET exponent = 6 WHERE code = 'USD'",
        "INSERT INTO ledger_postingrule (kind, debit_kind, credit_kind, needs_evidence, needs_approval, same_owner,"
        " same_scope, scope_prefix, debit_scope)"
        " VALUES ('gift', 'available', 'fees', false, false, false, false, '', '')",
        "UPDATE ledger_postingrule SET needs_approval = false",
        "DELETE FROM ledger_postingrule",
        "INSERT INTO ledger_fund (scope, currency_id, principal) VALUES ('product:x', 'USD', 1000)",
        "UPDATE ledger_fund SET principal = principal + 1",
        "INSERT INTO ledger_businessday (day) VALUES ('2027-01-01')",
        "UPDATE ledger_businessday SET closed_at = NULL",
        "UPDATE ledger_account SET credits = credits + 100",
        "UPDATE ledger_account SET kind = 'cash'",
        "SELECT * FROM ledger_account FOR UPDATE",
        "ALTER TABLE ledger_transfer DISABLE TRIGGER ALL",
        "DROP TRIGGER ledger_transfer_is_right ON ledger_transfer",
        "SET session_replication_role = replica",
        "SET ROLE fiducia_owner",
        "CREATE TABLE public.mine (id int)",
        "INSERT INTO ledger_transaction (id, kind, key, fingerprint, moves, effective_on, memo)"
        " VALUES (uuidv7(), 'deposit', 'k', 'x', 1, '2026-06-01', '')",
        "INSERT INTO ledger_transaction (kind, key, fingerprint, moves, effective_on, memo, posted_at)"
        " VALUES ('deposit', 'k', 'x', 1, '2026-06-01', '', '2020-01-01')",
    ],
)
def test_the_role_has_no_such_right(books: Books, sql: str) -> None:
    before = counts()
    assert refused(sql)[0] == DENIED
    assert counts() == before


def test_ids_of_transfers_are_the_databases(books: Books) -> None:
    sql = TRANSFER.replace("(transaction_id", "(id, transaction_id").replace("VALUES (", "VALUES (7, ")
    of = put_transaction("deposit")
    assert refused(sql, of, 1, books.cash.pk, books.available(books.ana).pk, "USD", "1", "2026-06-01")[0] == DENIED


@pytest.mark.parametrize("day", ["2026-05-31", "2026-06-02"])
def test_another_day(books: Books, day: str) -> None:
    line = books.statement_line()
    state, message = attack("deposit", books.cash, books.available(books.ana), on=day, evidence=line.pk)
    assert state == "FI011" and "wrong-day" in message


def test_a_transfer_added_to_a_transaction_that_has_some(books: Books) -> None:
    posted = books.deposit(books.ana, "10")
    before = counts()
    values = [posted.transaction_id, 1, books.cash.pk, books.available(books.ana).pk, "USD", "5", "2026-06-01"]
    assert "ledger_transfer_line" in refused(TRANSFER, *values)[1]
    values[1] = 2
    state, message = refused(TRANSFER, *values)
    assert state == "FI011" and "wrong-line" in message
    assert counts() == before


def test_a_transaction_comes_in_one_statement(books: Books) -> None:
    before = counts()
    books_counts = (books.principal(books.ana).pk, books.available(books.ana).pk)
    before = counts()
    with pytest.raises(DatabaseError, match="incomplete"), transaction.atomic(), connection.cursor() as cursor:
        of = put_transaction("position_exit", moves=2)
        cursor.execute(TRANSFER, [of, 1, *books_counts, "USD", "1", "2026-06-01"])
    assert counts() == before


GUARDED = {
    "available": ("position_fund", "principal"),
    "principal": ("position_exit", "available"),
    "returns_pool": ("settlement_reserve", "returns_due"),
    "returns_due": ("settlement", "available"),
    "suspense": ("suspense_allot", "available"),
    "capital": ("pool_fund", "returns_pool"),
    "fees": ("goodwill", "available"),
    "penalties": ("make_good", "shortfall"),
    "deployed": ("divest", "cash"),
    "shortfall": ("write_up", "deployed"),
}


def account_of(books: Books, kind: str, *, of: str = SCOPE) -> Account:
    if kind == "available":
        return books.available(books.ana)
    if kind == "principal":
        return books.principal(books.ana)
    if kind == "cash":
        return books.cash
    scope = "" if kind in ("capital", "fees", "penalties") else "bank" if kind == "suspense" else of
    subject = {"returns_due": "0", "deployed": "asset"}.get(kind, "")
    return accounts.open_account(kind, "USD", scope=scope, subject=subject)


@pytest.mark.parametrize("kind", GUARDED)
def test_no_overdraft(books: Books, kind: str) -> None:
    posting_kind, other = GUARDED[kind]
    ours, theirs = account_of(books, kind), account_of(books, other)
    moves = (theirs, ours) if kind in ("deployed", "shortfall") else (ours, theirs)
    evidence = books.statement_line() if posting_kind in ("divest", "write_up") else None
    approval = None
    if posting_kind in ("suspense_allot", "pool_fund", "goodwill", "make_good", "divest", "write_up"):
        approval = books.approval(posting_kind, [Move(*moves, Decimal("1.00"))])
    state, message = attack(posting_kind, *moves, evidence=evidence and evidence.pk, approval=approval)
    assert state == "23514"
    assert "ledger_account_no_overdraft" in message or "ledger_fund_" in message


@pytest.mark.parametrize("kind", sorted(set(chart.KINDS) - set(chart.OVERDRAFT_ALLOWED)))
def test_the_owner_cannot_overdraw_either(shared_books: Books, as_owner, kind: str) -> None:
    """Kinds that no rule moves yet (locked, in_payout, receivable, referral_budget) have the CHECK already."""
    owner = shared_books.ana if kind in chart.OWNED else None
    account = accounts.open_account(kind, "USD", owner=owner, scope=SCOPE)
    wrong_side = "credits" if kind in chart.DEBIT_NORMAL else "debits"
    with pytest.raises(psycopg.errors.CheckViolation, match="ledger_account_no_overdraft"):
        as_owner(f"UPDATE ledger_account SET {wrong_side} = 1 WHERE id = '{account.pk}'")


def test_currencies_do_not_mix(books: Books) -> None:
    euros = books.available(books.ana, "EUR")
    line = books.statement_line()
    for currency in ("USD", "EUR"):
        state, message = attack("deposit", books.cash, euros, currency=currency, evidence=line.pk)
        assert state == "FI011" and "wrong-currency" in message


@pytest.mark.parametrize("amount", ["NaN", "-1", "0", "0.001", "0.009999999999999999", "-0.01"])
def test_amounts_that_are_none(books: Books, amount: str) -> None:
    line = books.statement_line()
    state, message = attack("deposit", books.cash, books.available(books.ana), amount, evidence=line.pk)
    assert state == "FI011" and "wrong-amount" in message


def test_amounts_finer_than_the_currency(books: Books) -> None:
    cash = accounts.open_account("cash", "XOF", scope="bank")
    line = books.statement_line()
    state, message = attack("deposit", cash, books.available(books.ana, "XOF"), "0.5", currency="XOF", evidence=line.pk)
    assert state == "FI011" and "wrong-amount" in message


@pytest.mark.parametrize(
    ("kind", "debit", "credit"),
    [
        ("position_fund", "available", "returns_pool"),
        ("income", "available", "returns_pool"),
        ("pool_fund", "principal", "returns_pool"),
        ("capital_in", "suspense", "capital"),
        ("settlement", "returns_pool", "available"),
        ("deposit", "returns_pool", "available"),
        ("make_good", "principal", "shortfall"),
        ("gift", "fees", "available"),
        ("settlement_reserve", "principal", "returns_due"),
    ],
)
def test_a_movement_that_no_rule_lists(books: Books, kind: str, debit: str, credit: str) -> None:
    books.deposit(books.ana, "100")
    books.fund(books.ana, "50")
    books.fill_pool("20")
    state, message = attack(kind, account_of(books, debit), account_of(books, credit))
    assert state == "FI011" and "no-rule" in message


def test_one_owner(books: Books) -> None:
    books.deposit(books.ana, "100")
    state, message = attack("position_fund", books.available(books.ana), books.principal(books.eve))
    assert state == "FI011" and "no-rule" in message


def test_one_owner_over_all_lines(books: Books) -> None:
    books.deposit(books.ana, "100")
    books.deposit(books.eve, "100")
    books.fund(books.ana, "50")
    books.fund(books.eve, "50")
    penalties = accounts.open_account("penalties", "USD")
    moves = [
        Move(books.principal(books.ana), books.available(books.ana), Decimal(10)),
        Move(books.principal(books.eve), penalties, Decimal(10)),
    ]
    before = counts()
    with pytest.raises(posting.PostingRefused) as caught, transaction.atomic():
        posting.post("position_exit", moves, key="mixed", now=NOON)
    assert caught.value.facts["guard"] == "two-owners"
    assert counts() == before


def test_another_scope(books: Books) -> None:
    books.fill_pool("20")
    other = accounts.open_account("returns_due", "USD", scope="product:other", subject="0")
    state, message = attack("settlement_reserve", books.pool, other)
    assert state == "FI011" and "no-rule" in message


def rule_moves(books: Books, rule: chart.Rule) -> tuple[Account, Account]:
    """Accounts between which this rule lets money move."""
    of = "offer:mill" if rule.scope == "offer:" else SCOPE
    debit, credit = account_of(books, rule.debit, of=of), account_of(books, rule.credit, of=of)
    if rule.debit_scope:
        debit = accounts.open_account(rule.debit, "USD", scope=rule.debit_scope)
    if rule.debit == rule.credit:
        credit = accounts.open_account(rule.credit, "USD", scope="another")
    return debit, credit


def rules_marked(mark: str) -> list[object]:
    found = [rule for rule in chart.POSTING_RULES if getattr(rule, mark)]
    return [pytest.param(rule, id=f"{rule.kind}-{rule.debit}-{rule.credit}") for rule in found]


@pytest.mark.parametrize("rule", rules_marked("approval"))
def test_each_four_eyes_kind_needs_its_approval(books: Books, rule: chart.Rule) -> None:
    evidence = books.statement_line().pk if rule.evidence else None
    state, message = attack(rule.kind, *rule_moves(books, rule), evidence=evidence)
    assert state == "FI015" and "no-approval" in message


@pytest.mark.parametrize("rule", rules_marked("evidence"))
def test_each_kind_that_needs_evidence_is_refused_without(books: Books, rule: chart.Rule) -> None:
    debit, credit = rule_moves(books, rule)
    approval = books.approval(rule.kind, [Move(debit, credit, Decimal("1.00"))]) if rule.approval else None
    state, message = attack(rule.kind, debit, credit, approval=approval)
    assert state == "FI014" and "no-evidence" in message


def test_four_eyes_without_an_approval(books: Books) -> None:
    books.capital_in("50")
    state, message = attack("pool_fund", books.capital, books.pool)
    assert state == "FI015" and "no-approval" in message


def test_four_eyes_with_an_approval_of_other_moves(books: Books) -> None:
    books.capital_in("50")
    approval = books.approval("pool_fund", [Move(books.capital, books.pool, Decimal("2.00"))])
    state, message = attack("pool_fund", books.capital, books.pool, "3.00", approval=approval)
    assert state == "FI015" and "no-approval" in message


def test_four_eyes_with_a_used_approval(books: Books) -> None:
    books.capital_in("50")
    move = Move(books.capital, books.pool, Decimal("2.00"))
    books.with_approval("pool_fund", move)
    used = Transaction.objects.get(kind="pool_fund").approval_id
    state, message = attack("pool_fund", books.capital, books.pool, "2.00", approval=used)
    assert state == "23505" and "ledger_approval_used_once" in message


def test_evidence_is_needed(books: Books) -> None:
    state, message = attack("deposit", books.cash, books.available(books.ana))
    assert state == "FI014" and "no-evidence" in message
    assert attack("deposit", books.cash, books.available(books.ana), evidence=uuid4())[0] == "FI014"


def test_a_document_alone_is_not_enough(books: Books) -> None:
    with connection.cursor() as cursor:
        identifier = uuid7()
        cursor.execute(
            "INSERT INTO ledger_evidence (id, type, source, reference, sha256, received_at)"
            " VALUES (%s, 'document', 'bank', 'D1', sha256('x'), now())",
            [identifier],
        )
    state, message = attack("deposit", books.cash, books.available(books.ana), evidence=identifier)
    assert state == "FI015" and "no-approval" in message


def test_one_bank_reference_for_two_deposits(books: Books) -> None:
    books.deposit(books.ana, "10", "BANK-77")
    sql = """INSERT INTO ledger_evidence (id, type, source, reference, sha256, received_at)
             VALUES (uuidv7(), 'statement_line', 'bank', 'BANK-77', sha256('x'), now())"""
    assert "ledger_evidence_is_one" in refused(sql)[1]
    standing = Evidence.objects.get(reference="BANK-77")
    state, message = attack("deposit", books.cash, books.available(books.eve), evidence=standing.pk)
    assert state == "FI014" and "evidence-used" in message


def reversal_approval(books: Books, debit: Account, credit: Account, amount: str) -> object:
    return books.approval("reversal", [Move(debit, credit, Decimal(amount))])


def test_a_reversal_that_is_no_mirror(books: Books) -> None:
    posted = books.deposit(books.ana, "10")
    books.deposit(books.eve, "10")
    for owner, amount in ((books.ana, "9"), (books.eve, "10")):
        debit, credit = books.available(owner), books.cash
        approval = reversal_approval(books, debit, credit, amount)
        state, message = attack("reversal", debit, credit, amount, approval=approval, reverses=posted.transaction_id)
        assert state == "FI013" and "no-mirror" in message


def test_a_reversal_without_approval(books: Books) -> None:
    posted = books.deposit(books.ana, "10")
    state, _ = attack("reversal", books.available(books.ana), books.cash, "10", reverses=posted.transaction_id)
    assert state == "FI015"


def test_a_second_reversal_and_one_of_a_reversal(books: Books) -> None:
    posted = books.deposit(books.ana, "10")
    books.deposit(books.ana, "30")
    debit, credit = books.available(books.ana), books.cash
    first = posting.reverse(
        posted.transaction_id, now=NOON, actor=books.omar, approval=reversal_approval(books, debit, credit, "10")
    )
    approval = reversal_approval(books, debit, credit, "10")
    state, message = attack("reversal", debit, credit, "10", approval=approval, reverses=posted.transaction_id)
    assert state == "23505" and "reverses" in message
    approval = reversal_approval(books, credit, debit, "10")
    state, message = attack("reversal", credit, debit, "10", approval=approval, reverses=first.transaction_id)
    assert state == "FI013" and "not-reversible" in message


def test_a_reversal_that_the_wallet_does_not_cover(books: Books) -> None:
    posted = books.deposit(books.ana, "10")
    books.fund(books.ana, "5")
    before = counts()
    approval = reversal_approval(books, books.available(books.ana), books.cash, "10")
    with pytest.raises(posting.InsufficientBalance), transaction.atomic():
        posting.reverse(posted.transaction_id, now=NOON, actor=books.omar, approval=approval)
    assert counts() == before


def test_principal_at_work_cannot_leave(books: Books) -> None:
    books.deposit(books.ana, "100")
    books.fund(books.ana, "100")
    deployed = accounts.open_account("deployed", "USD", scope=SCOPE, subject="asset")
    books.with_approval("deploy", Move(deployed, books.cash, Decimal(80)), evidence=books.statement_line())
    state, message = attack("position_exit", books.principal(books.ana), books.available(books.ana), "30")
    assert state == "23514" and "ledger_fund_covers" in message


def test_more_than_the_principal_cannot_be_put_to_work(books: Books) -> None:
    books.deposit(books.ana, "100")
    books.fund(books.ana, "50")
    deployed = accounts.open_account("deployed", "USD", scope=SCOPE, subject="asset")
    move = Move(deployed, books.cash, Decimal(60))
    line = books.statement_line()
    approval = books.approval("deploy", [move])
    state, message = attack("deploy", deployed, books.cash, "60", evidence=line.pk, approval=approval)
    assert state == "23514" and "ledger_fund_covers" in message


def test_nobody_funds_a_product_with_a_shortfall(books: Books) -> None:
    books.deposit(books.ana, "100")
    books.fund(books.ana, "50")
    deployed = accounts.open_account("deployed", "USD", scope=SCOPE, subject="asset")
    shortfall = accounts.open_account("shortfall", "USD", scope=SCOPE)
    books.with_approval("deploy", Move(deployed, books.cash, Decimal(50)), evidence=books.statement_line())
    books.with_approval("write_down", Move(shortfall, deployed, Decimal(10)), evidence=books.statement_line())
    state, message = attack("position_fund", books.available(books.ana), books.principal(books.ana), "5")
    assert state == "FI016" and "fund-shortfall" in message


def test_an_older_snapshot(shared_books: Books) -> None:
    shared_books.deposit(shared_books.ana, "10")
    before = counts()
    values = (shared_books.available(shared_books.ana).pk, shared_books.principal(shared_books.ana).pk)
    for level in ("REPEATABLE READ", "SERIALIZABLE"):
        with pytest.raises(DatabaseError, match="isolation"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
            of = put_transaction("position_fund")
            cursor.execute(TRANSFER, [of, 1, *values, "USD", "1", "2026-06-01"])
    assert counts() == before


def test_a_function_shadowed_by_a_temporary_one(shared_books: Books) -> None:
    """pg_temp stands last in the guards' search path, so neither a temporary table nor a function comes first."""
    shared_books.deposit(shared_books.ana, "10")
    with pytest.raises(DatabaseError, match="no-rule"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE FUNCTION pg_temp.trunc(numeric, int) RETURNS numeric LANGUAGE sql AS 'SELECT $1'")
        cursor.execute("CREATE TEMPORARY TABLE ledger_postingrule AS SELECT * FROM public.ledger_postingrule")
        cursor.execute(
            "UPDATE pg_temp.ledger_postingrule SET credit_kind = 'returns_pool' WHERE kind = 'position_fund'"
        )
        of = put_transaction("position_fund")
        debit, credit = shared_books.available(shared_books.ana).pk, shared_books.pool.pk
        cursor.execute(TRANSFER, [of, 1, debit, credit, "USD", "1", "2026-06-01"])


def test_a_posting_into_a_closed_day(shared_books: Books) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger_close('2026-06-01')")
    line = shared_books.statement_line()
    account = shared_books.available(shared_books.ana)
    state, message = attack("deposit", shared_books.cash, account, on="2026-06-01", evidence=line.pk)
    assert state == "FI011" and "wrong-day" in message


def test_no_rule_leads_from_client_money_to_what_returns_are_paid_from(books: Books) -> None:
    for rule in chart.POSTING_RULES:
        if rule.debit in (*chart.WALLET, "principal", "suspense"):
            assert rule.credit not in ("returns_pool", "referral_budget", "capital"), rule


def test_seals_stay(books: Books) -> None:
    assert Seal.objects.count() == 0
    assert refused("UPDATE ledger_seal SET transfers = 0")[0] == DENIED


def test_evidence_is_dated_by_the_databases_clock(books: Books) -> None:
    """Whoever writes it says nothing of `recorded_at`: a row dated into a sealed day, or far ahead, would escape."""
    sql = """INSERT INTO ledger_evidence (id, type, source, reference, sha256, received_at, recorded_at)
             VALUES (uuidv7(), 'statement_line', 'bank', 'LATE', sha256('x'), now(), '2100-01-01')
             RETURNING recorded_at BETWEEN now() AND clock_timestamp()"""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        assert cursor.fetchone() == (True,)
