"""The person's money: wallets, every line of every account, transactions, deposits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from backoffice.export.people import same
from backoffice.export.subject import Subject
from backoffice.export.tables import CHUNK, KEYED, NO_CLOCK, NO_FINGERPRINT, QUIET, Row, Table, Told, written
from ledger import balances, chart, history
from ledger.models import Account, Transaction, Transfer
from payments.models import BankCredit, Deposit
from treasury.models import TreasuryMovement

# One statement for all accounts, so that each line's balance is summed up by the database as it reads them.
_LINES: Final = """
    WITH own AS (SELECT id, kind, scope, currency_id, normal_side FROM ledger_account WHERE owner_id = %s),
    line AS (
        SELECT x.id, x.transaction_id, x.booked_on, o.id AS account, o.kind, o.scope, o.currency_id,
               CASE o.normal_side WHEN 'D' THEN x.amount ELSE -x.amount END AS amount
        FROM own o JOIN ledger_transfer x ON x.debit_account_id = o.id
        UNION ALL
        SELECT x.id, x.transaction_id, x.booked_on, o.id, o.kind, o.scope, o.currency_id,
               CASE o.normal_side WHEN 'C' THEN x.amount ELSE -x.amount END
        FROM own o JOIN ledger_transfer x ON x.credit_account_id = o.id)
    SELECT l.booked_on, t.effective_on, t.posted_at, l.kind, l.scope, t.kind, t.memo, l.amount,
           sum(l.amount) OVER (PARTITION BY l.account ORDER BY l.id), l.currency_id, l.transaction_id
    FROM line l JOIN ledger_transaction t ON t.id = l.transaction_id
    ORDER BY l.id DESC
"""


class _Line(NamedTuple):
    booked_on: date
    effective_on: date
    posted_at: datetime
    account: str
    scope: str
    kind: str
    memo: str
    amount: Decimal
    balance: Decimal
    currency: str
    transaction: UUID


def _wallets(subject: Subject) -> Iterator[Row]:
    for wallet in balances.wallets_of(subject.user):
        held = {kind: written(getattr(wallet, kind), wallet.currency) for kind in chart.WALLET}
        yield {"currency": wallet.currency, **held, "total": written(wallet.total, wallet.currency)}


def _statement(subject: Subject) -> Iterator[Row]:
    """Read the lines through a cursor that the database keeps, a thousand at a time."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(_LINES, [subject.user.pk])
        while lines := cursor.fetchmany(CHUNK):
            for line in map(_Line._make, lines):
                yield {name: written(value, line.currency) for name, value in line._asdict().items()}


def _transactions(subject: Subject) -> Iterator[Row]:
    return map(_written, history.each(subject.user.pk))


def _written(movement: history.Movement) -> Row:
    lines = [
        {"account": leg.account, "currency": leg.currency, "change": written(leg.change, leg.currency)}
        for leg in movement.legs
    ]
    return {
        "id": movement.id,
        "booked_on": movement.booked_on,
        "effective_on": movement.effective_on,
        "posted_at": movement.posted_at,
        "type": movement.type.value,
        "kind": movement.kind,
        "amount": written(movement.amount, movement.currency),
        "fee": written(movement.fee, movement.currency),
        "currency": movement.currency,
        "lines": lines,
    }


PARTS: list[Any] = [
    Told("wallets", "Wallets", (), _wallets),
    Told(
        "transactions",
        "Transactions",
        (Transaction,),
        _transactions,
        note="What each movement of your money changed for you; positive is more.",
        quiet=QUIET | {"posted_at", "lines"},
    ),
    Told(
        "statement",
        "Statement",
        (Transfer,),
        _statement,
        note="Every line of every account of yours, with that account's balance after it.",
        quiet=QUIET | {"posted_at", "transaction"},
    ),
    Table(
        name="accounts",
        title="Accounts in the ledger",
        model=Account,
        whose="owner",
        columns=same("id", "kind", "scope", "subject", "debits", "credits") | {"currency": "currency_id"},
        left_out=dict.fromkeys(
            ("normal_side", "overdraft_allowed", "keeps_balance"), "what each account of its kind is"
        ),
        currency="currency_id",
        quiet=QUIET | {"subject"},
    ),
    Table(
        name="deposits",
        title="Deposits",
        model=Deposit,
        whose="investor",
        columns=same("id", "created_at", "reference", "status", "amount", "arrived_amount")
        | {"currency": "currency_id", "method": "method__name"}
        | same("expires_at", "value_on", "confirmed_at", "position_id", "position_refusal", "transaction_id")
        | KEYED,
        left_out=NO_FINGERPRINT,
        currency="currency_id",
        quiet=QUIET | {"position_id", "position_refusal", "transaction_id"},
    ),
    Table(
        name="bank_credits",
        title="What the bank credited for you",
        model=BankCredit,
        whose="deposit__investor",
        columns=same("id", "booked_at", "cash_scope", "bank_reference", "amount")
        | {"currency": "currency_id"}
        | same("value_on", "status", "deposit_id", "transaction_id", "moved_by_transaction_id"),
        left_out={"evidence": "the bank's own document, which may name others; ask for a copy of your line"},
        currency="currency_id",
        quiet=QUIET | {"deposit_id", "transaction_id", "moved_by_transaction_id"},
    ),
    Table(
        name="treasury_movements",
        title="What officers booked for you",
        model=TreasuryMovement,
        whose="investor",
        columns=same("id", "booked_on", "verb", "amount") | {"currency": "currency_id"} | same("transaction_id"),
        left_out={
            **NO_CLOCK,
            **dict.fromkeys(("request", "requested_by", "approved_by"), "officers; `approvals` says in which role"),
            **dict.fromkeys(("scope", "cash", "asset"), "where the firm keeps its money"),
            **dict.fromkeys(
                ("counterparty_name", "counterparty_country", "counterparty_relation"), "about somebody else"
            ),
            "reason": "an officer's words, which may name others; ask for them",
            "evidence": "a document of the firm's",
            "reverses": "the movement that it undoes; it is here as well if it is yours",
        },
        currency="currency_id",
        quiet=QUIET | {"transaction_id"},
    ),
]
