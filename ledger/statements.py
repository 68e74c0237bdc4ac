"""Statements of one account, newest first, with the balance after each line. Source: docs/rules/ledger.md §2."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from ledger import balances
from ledger.balances import LAST_ID
from ledger.models import Account, BusinessDay


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
        after = _end_of_closed(account, until)
    begin = _end_of(since, before=True) if since is not None else 0
    asked: dict[str, Any] = {"account": account.pk, "ids": [account.pk], "begin": begin, "limit": limit + 1}
    asked |= {"before": after.before if after else LAST_ID, "is_first": after is None}
    with connection.cursor() as cursor:
        cursor.execute(_PAGE, asked)
        rows = cursor.fetchall()
    return _page(rows, limit=limit, start_balance=after.balance if after else None)


def _page(rows: list[tuple], *, limit: int, start_balance: Decimal | None) -> Page:
    lines: list[Line] = []
    balance: Decimal = rows[0][0] if rows and start_balance is None else start_balance or Decimal(0)
    for _, transfer_id, transaction_id, kind, memo, booked, effective, posted, amount in rows[:limit]:
        lines.append(Line(transfer_id, transaction_id, kind, memo, booked, effective, posted, amount, balance))
        balance -= amount
    more = len(rows) > limit
    return Page(lines, Place(lines[-1].transfer_id, lines[-1].balance - lines[-1].amount) if more else None)


def _end_of_closed(account: Account, day: date) -> Place | None:
    """Return the end of a closed day; one that isn't over ends where the account stands, with the lines themselves."""
    end = _end_of(day)
    return None if end == LAST_ID - 1 else Place(end + 1, balances.balance(account, as_of=day))


def _end_of(day: date, *, before: bool = False) -> int:
    """Return the last transfer id booked up to the end of `day` (or of the day before it)."""
    known = BusinessDay.objects.filter(day__lt=day) if before else BusinessDay.objects.filter(day__lte=day)
    latest = known.order_by("-day").first()
    if latest is None:
        return 0
    return LAST_ID - 1 if latest.last_transfer_id is None else latest.last_transfer_id


# Two index scans, newest first, merged; the live balance comes from the same snapshot as the lines: read in a statement
# of its own, it would count what was posted in between.
_PAGE = f"""
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
    SELECT CASE WHEN %(is_first)s THEN (SELECT b.balance FROM ({balances.LIVE}) b (id, balance)) END,
           o.id, t.id, t.kind, t.memo, o.booked_on, t.effective_on, t.posted_at, o.amount
    FROM own o JOIN ledger_transaction t ON t.id = o.transaction_id
    ORDER BY o.id DESC
"""
