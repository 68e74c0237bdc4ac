"""The only way in: `post`, `post_many`, `post_query`, `reverse`. All are steps; what they book is `Move`s.

`enter` locks what a posting would, for a room that judges by what others may be booking.

Source: docs/rules/ledger.md §2, §4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import connection, models

from core.errors import DomainError, from_database
from ledger import days
from ledger.models import Account, Evidence, Transaction, Transfer


class PostingRefused(DomainError):
    """The database's rules refuse the posting; `facts["guard"]` says which rule."""

    code = "posting-refused"
    title = "The ledger refuses this posting"


class InsufficientBalance(DomainError):
    code = "insufficient-balance"
    title = "The account doesn't cover this amount"
    status = 422


class FundCommitted(DomainError):
    """Principal can't leave, or be put to work, since the money isn't in the bank."""

    code = "fund-committed"
    title = "The product's money is at work"


class FundShortfall(DomainError):
    code = "fund-shortfall"
    title = "A loss on this product isn't made good yet, so nobody new may fund it"


class EvidenceUsed(DomainError):
    code = "evidence-used"
    title = "This evidence already stands behind another transaction"


class FingerprintMismatch(DomainError):
    """The key was posted before, with other moves."""

    code = "key-reused"
    title = "This fact was posted before, with other amounts or accounts"


class PostingIncomplete(DomainError):
    """A transaction stands without its transfers: a break that `verify_ledger` names, never a replay."""

    code = "posting-incomplete"
    title = "This fact's transaction stands without its transfers; run verify_ledger"


@dataclass(frozen=True, slots=True)
class Move:
    """Debit one account, credit another, by a positive amount in their currency."""

    debit: Account
    credit: Account
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Entry:
    """One transaction to post."""

    kind: str
    moves: Sequence[Move]
    key: str
    memo: str = ""
    evidence: Evidence | None = None
    approval: UUID | None = None
    reverses: UUID | None = None


@dataclass(frozen=True, slots=True)
class Posting:
    """What stands in the ledger for a key; `created` is false for a fact that was posted before."""

    transaction_id: UUID
    key: str
    created: bool


def moves_hash(kind: str, moves: Sequence[Move]) -> bytes:
    """Return the SHA-256 over kind and moves that an approval freezes and the trigger recomputes."""
    lines = (
        f"{line}:{move.debit.pk}:{move.credit.pk}:{move.debit.currency_id}:{move.amount:.18f}"
        for line, move in enumerate(moves, 1)
    )
    return hashlib.sha256("|".join([kind, *lines]).encode()).digest()


def post(
    kind: str,
    moves: Sequence[Move],
    *,
    key: str,
    now: datetime,
    actor: models.Model | None = None,
    memo: str = "",
    evidence: Evidence | None = None,
    approval: UUID | None = None,
    effective_on: date | None = None,
) -> Posting:
    """Post one transaction; the same key and moves again return the first posting.

    `effective_on` is the value date, by default `now`'s day in the platform's time zone. Raises
    InsufficientBalance, FundCommitted, FundShortfall, EvidenceUsed, FingerprintMismatch, PostingRefused, NoOpenDay.
    """
    entry = Entry(kind, moves, key, memo=memo, evidence=evidence, approval=approval)
    return post_many([entry], now=now, actor=actor, effective_on=effective_on)[0]


def post_many(
    entries: Sequence[Entry], *, now: datetime, actor: models.Model | None = None, effective_on: date | None = None
) -> list[Posting]:
    """Post several transactions in one call, all or none; answers stand in the order of `entries`.

    Raises as `post`, and ValueError for two entries with one key or an entry without moves.
    """
    if not entries:
        return []
    if len({entry.key for entry in entries}) != len(entries) or not all(entry.moves for entry in entries):
        raise ValueError("each entry has a key of its own and at least one move")
    value_date = effective_on or days.platform_date(now)
    statement, arguments = _call(entries, actor=actor, effective_on=value_date)
    with refusals(), connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        rows = {row[0]: row for row in cursor.fetchall()}
    return [_answer(entry, rows[entry.key]) for entry in entries]


def enter(moves: Sequence[Move]) -> None:
    """Hold the open day and lock the accounts of these moves, as their posting will (step).

    What is read of these accounts' owners from here on, in statements of its own, nobody else books meanwhile. Lock
    nothing but what the posting locks after it. Raises NoOpenDay.
    """
    accounts = {account.pk for move in moves for account in (move.debit, move.credit)}
    with refusals(), connection.cursor() as cursor:
        cursor.execute("SELECT ledger_enter(%s::uuid[])", [list(accounts)])


def reverse(
    transaction_id: UUID, *, now: datetime, actor: models.Model, approval: UUID, key: str | None = None, memo: str = ""
) -> Posting:
    """Mirror a transaction, once. Only the room that posts a kind calls this, in a verb that puts its rows right.

    Raises PostingRefused (a reversal, a second one, no approval of these moves), InsufficientBalance.
    """
    entry = Entry(
        "reversal",
        mirror_moves(transaction_id),
        key or f"reversal:{transaction_id}",
        memo=memo,
        approval=approval,
        reverses=transaction_id,
    )
    return post_many([entry], now=now, actor=actor)[0]


def mirror_moves(transaction_id: UUID) -> list[Move]:
    """Return the moves that would reverse a transaction, for its approval's hash and for `reverse`."""
    transfers = Transfer.objects.filter(transaction_id=transaction_id).select_related("debit_account", "credit_account")
    moves = [Move(row.credit_account, row.debit_account, row.amount) for row in transfers.order_by("line")]
    if not moves:
        raise PostingRefused("There is no such transaction to reverse.", guard="not-reversible")
    return moves


def find(key: str) -> Transaction | None:
    """Return the transaction of a business fact, if it was posted."""
    return Transaction.objects.filter(key=key).first()


def post_query(
    kind: str,
    source: str,
    parameters: Mapping[str, Any],
    *,
    now: datetime,
    effective_on: date | None = None,
    memo: str = "",
) -> int:
    """Post one transaction of one transfer for each row of a query, set-based; return how many are new.

    `source` is a SELECT with columns key text, debit uuid, credit uuid, currency text, amount numeric, of rows that
    nobody changes: it is read before the accounts are locked. `parameters` are its named ones. Only kinds without
    evidence and approval can come this way. Raises as `post`.
    """
    given = {**parameters, "kind": kind, "memo": memo, "effective_on": effective_on or days.platform_date(now)}
    with refusals(), connection.cursor() as cursor:
        cursor.execute(_BULK.format(source=source), given)
        created, mismatched = cursor.fetchone() or (0, 0)
    if mismatched:
        raise FingerprintMismatch(f"{mismatched} facts were posted before with other moves.", count=mismatched)
    return int(created)


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what the ledger's triggers and constraints refuse into a DomainError."""
    try:
        yield
    except DatabaseError as error:
        refusal = _refusal(error)
        if refusal is None:
            raise
        raise refusal from error


_BY_CONSTRAINT: Mapping[str, type[DomainError]] = {
    "ledger_account_no_overdraft": InsufficientBalance,
    "ledger_fund_covers": FundCommitted,
    "ledger_fund_sums": FundCommitted,
}
_BY_GUARD: Mapping[str, type[DomainError]] = {
    "evidence-used": EvidenceUsed,
    "fund-shortfall": FundShortfall,
    "no-open-day": days.NoOpenDay,
}
_BY_UNIQUE: Mapping[str, str] = {
    "ledger_approval_used_once": "approval-used: this approval already stands behind another transaction",
    "ledger_transaction_reverses_id_key": "reversed: this transaction was reversed before",
}


def _refusal(error: DatabaseError) -> DomainError | None:
    constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
    if constraint in _BY_CONSTRAINT:
        return _BY_CONSTRAINT[constraint]()
    if constraint in _BY_UNIQUE:
        guard, _, detail = _BY_UNIQUE[constraint].partition(": ")
        return PostingRefused(detail, guard=guard)
    refusal = from_database(error)
    if refusal is None:
        return None
    guard = refusal.facts["guard"]
    return _BY_GUARD.get(guard, PostingRefused)(refusal.detail, guard=guard)


_ONE = "SELECT * FROM ledger_post(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
_MANY = (
    "SELECT * FROM ledger_post_many(%s::date, %s::uuid, %s::text[], %s::text[], %s::bytea[], %s::int[], %s::text[],"
    " %s::uuid[], %s::uuid[], %s::uuid[], %s::int[], %s::int[], %s::uuid[], %s::uuid[], %s::text[], %s::numeric[])"
)


def _call(entries: Sequence[Entry], *, actor: models.Model | None, effective_on: date) -> tuple[str, list[Any]]:
    """Return the statement that posts these entries, and its arguments."""
    first = [effective_on, actor.pk if actor is not None else None]
    if len(entries) == 1 and len(entries[0].moves) == 1:
        return _ONE, [*first, *_scalars(entries[0])]
    return _MANY, [*first, *_arrays(entries)]


def _scalars(entry: Entry) -> list[Any]:
    move = entry.moves[0]
    return [
        entry.kind,
        entry.key,
        moves_hash(entry.kind, entry.moves),
        entry.memo,
        entry.evidence.pk if entry.evidence else None,
        entry.approval,
        entry.reverses,
        move.debit.pk,
        move.credit.pk,
        move.debit.currency_id,
        move.amount,
    ]


def _arrays(entries: Sequence[Entry]) -> list[str]:
    """Arrays as PostgreSQL writes them: psycopg's own dump of fourteen lists took a third of a posting's time."""
    lines = [(place, line, move) for place, entry in enumerate(entries, 1) for line, move in enumerate(entry.moves, 1)]
    return [
        _texts(entry.kind for entry in entries),
        _texts(entry.key for entry in entries),
        _texts(f"\\x{moves_hash(entry.kind, entry.moves).hex()}" for entry in entries),
        _plain(len(entry.moves) for entry in entries),
        _texts(entry.memo for entry in entries),
        _plain(entry.evidence.pk if entry.evidence else None for entry in entries),
        _plain(entry.approval for entry in entries),
        _plain(entry.reverses for entry in entries),
        _plain(place for place, _, _ in lines),
        _plain(line for _, line, _ in lines),
        _plain(move.debit.pk for _, _, move in lines),
        _plain(move.credit.pk for _, _, move in lines),
        _texts(move.debit.currency_id for _, _, move in lines),
        _plain(f"{move.amount:f}" for _, _, move in lines),
    ]


def _plain(values: Iterable[object]) -> str:
    """An array of what needs no quotes: numbers and identifiers; None is NULL."""
    return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"


def _texts(values: Iterable[str]) -> str:
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"


def _answer(entry: Entry, row: tuple[str, UUID, bool, bytes, bool]) -> Posting:
    _, transaction_id, created, standing, complete = row
    if not created and standing != moves_hash(entry.kind, entry.moves):
        raise FingerprintMismatch(key=entry.key)
    if not complete:
        raise PostingIncomplete(key=entry.key)
    return Posting(transaction_id, entry.key, created)


_BULK = """
SELECT out_created, out_mismatched FROM (
    SELECT array_agg(key) AS keys,
           array_agg(sha256(convert_to(%(kind)s::text || '|1:' || debit || ':' || credit || ':' || currency || ':'
                                       || amount::numeric(38, 18), 'UTF8'))) AS fingerprints,
           array_agg(debit) AS debits, array_agg(credit) AS credits, array_agg(currency) AS currencies,
           array_agg(amount) AS amounts
    FROM ({source}) facts
) source
CROSS JOIN LATERAL ledger_post_bulk(%(kind)s::text, %(effective_on)s::date, %(memo)s::text,
                                    keys, fingerprints, debits, credits, currencies, amounts)
WHERE keys IS NOT NULL
"""
