"""Statements of one account, newest first, with the balance after each line. Source: docs/rules/ledger.md §2."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection

from ledger import balances
from ledger.models import Account, BusinessDay

LAST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Line:
    """One transfer as its account saw it: `amount` is positive when the balance on the normal side rose."""

    transfer_id: int
    transaction_id: UUID
    kind: str
    memo: str
    booked_on: date
    effective_on: date
    posted_at: datetime
    amount: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends: the next begins before this transfer, at this balance."""

    before: int
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Page:
    lines: list[Line]
    next: Place | None


def page(
    account: Account, *, limit: int, after: Place | None = None, since: date | None = None, until: date | None = None
) -> Page:
    """Return a page of lines booked from `since` to `until` (business days, both included).

    The running balance counts back from the live one, from the balance at the end of `until`, or from the cursor.
    """
    if after is None and until is not None:
        after = Place(_end_of(until) + 1, balances.balance(account, as_of=until))
    begin = _end_of(since, before=True) if since is not None else 0
    start_balance = after.balance if after else None
    before = after.before if after else LAST_ID
    with connection.cursor() as cursor:
        cursor.execute(_PAGE, {"account": account.pk, "before": before, "begin": begin, "limit": limit + 1})
        rows = cursor.fetchall()
    return _page(rows, limit=limit, balance=start_balance, account=account)


def _page(rows: list[tuple], *, limit: int, balance: Decimal | None, account: Account) -> Page:
    lines: list[Line] = []
    for live, transfer_id, transaction_id, kind, memo, booked, effective, posted, amount in rows[:limit]:
        if balance is None:
            balance = live if account.keeps_balance else balances.balance(account)
        lines.append(Line(transfer_id, transaction_id, kind, memo, booked, effective, posted, amount, balance))
        balance -= amount
    more = len(rows) > limit
    return Page(lines, Place(lines[-1].transfer_id, lines[-1].balance - lines[-1].amount) if more else None)


def _end_of(day: date, *, before: bool = False) -> int:
    """Return the last transfer id booked up to the end of `day` (or of the day before it)."""
    known = BusinessDay.objects.filter(day__lt=day) if before else BusinessDay.objects.filter(day__lte=day)
    latest = known.order_by("-day").first()
    if latest is None:
        return 0
    return LAST_ID - 1 if latest.last_transfer_id is None else latest.last_transfer_id


# Two index scans, newest first, merged; the live balance comes from the same snapshot as the lines.
_PAGE = """
    WITH own AS (
        (SELECT x.id, x.transaction_id, x.booked_on,
                CASE a.normal_side WHEN 'D' THEN x.amount ELSE -x.amount END AS amount
         FROM ledger_account a JOIN ledger_transfer x ON x.debit_account_id = a.id
         WHERE a.id = %(account)s AND x.id < %(before)s AND x.id > %(begin)s ORDER BY x.id DESC LIMIT %(limit)s)
        UNION ALL
        (SELECT x.id, x.transaction_id, x.booked_on, CASE a.normal_side WHEN 'C' THEN x.amount ELSE -x.amount END
         FROM ledger_account a JOIN ledger_transfer x ON x.credit_account_id = a.id
         WHERE a.id = %(account)s AND x.id < %(before)s AND x.id > %(begin)s ORDER BY x.id DESC LIMIT %(limit)s)
        ORDER BY id DESC LIMIT %(limit)s
    )
    SELECT (SELECT (a.debits - a.credits) * CASE a.normal_side WHEN 'D' THEN 1 ELSE -1 END
            FROM ledger_account a WHERE a.id = %(account)s),
           o.id, t.id, t.kind, t.memo, o.booked_on, t.effective_on, t.posted_at, o.amount
    FROM own o JOIN ledger_transaction t ON t.id = o.transaction_id
    ORDER BY o.id DESC
"""
