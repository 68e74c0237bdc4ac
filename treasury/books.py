"""Read the ledger and the evidence for coverage: sums per currency and kind, cash accounts, assets, holders.

A closed day is read exactly as it ended, although the next is already open: what was booked after its last
transfer is taken out again, in the same statement, so a posting under way can't fall between two readings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from core.plans import allow_memory
from ledger import balances, days
from ledger.models import Account, BusinessDay
from treasury import rules
from treasury.models import StatementBalance, Valuation

_OPEN: Final = 9_223_372_036_854_775_807
_SCOPED: Final = ("deployed", "returns_pool", "returns_due", "principal", "shortfall")
_HOLDINGS: Final = ("available", "locked", "in_payout", "principal")


@dataclass(frozen=True, slots=True)
class Line:
    """The balance, on its normal side, of all accounts of one currency, kind, scope and asset."""

    currency: str
    kind: str
    scope: str
    subject: str
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Holders:
    """How many people hold something: in all, by currency, and principal by (currency, scope)."""

    everywhere: int
    by_currency: dict[str, int]
    by_scope: dict[tuple[str, str], int]


def is_closed(day: date) -> bool:
    """Say whether a business day takes no more postings."""
    return last_transfer_of(day) != _OPEN


def last_transfer_of(day: date) -> int:
    """Return the id that ends a closed day; of the open day, one beyond all."""
    closed = BusinessDay.objects.filter(day=day, closed_at__isnull=False).values_list("last_transfer_id", flat=True)
    for last in closed:
        return last or 0
    return _OPEN


def read_lines(day: date, *, currency: str = "") -> list[Line]:
    """Return what the books said at the end of `day`, or say now if that is the open day."""
    given: dict[str, Any] = {"last": last_transfer_of(day), "scoped": list(_SCOPED), "currency": currency}
    with connection.cursor() as cursor:
        cursor.execute(_LINES, given)
        lines = [Line(*row) for row in cursor.fetchall()]
    return [*lines, *_read_unkept(day, currency=currency)]


def _read_unkept(day: date, *, currency: str) -> list[Line]:
    accounts = Account.objects.filter(keeps_balance=False)
    if currency:
        accounts = accounts.filter(currency_id=currency)
    found = {account.pk: account for account in accounts.order_by("currency_id", "kind", "scope")}
    if not found:
        return []
    as_of = day if is_closed(day) else None
    sums = balances.balances(list(found), as_of=as_of)
    return [
        Line(account.currency_id, account.kind, account.scope, account.subject, sums.get(pk, Decimal(0)))
        for pk, account in found.items()
    ]


def figures_of(lines: Iterable[Line], *, on: date) -> dict[str, rules.Figures]:
    """Return the figures of each currency in `lines`, with the newest evidence up to `on`."""
    balances_by: dict[str, dict[str, Decimal]] = defaultdict(dict)
    parts: dict[str, list[rules.Part]] = defaultdict(list)
    statements, valuations = newest_statements(on), newest_valuations(on)
    for line in lines:
        of_currency = balances_by[line.currency]
        of_currency[line.kind] = rules.total([of_currency.get(line.kind, Decimal(0)), line.balance])
        if line.kind == "cash":
            proof = statements.get((line.scope, line.currency), (None, None))
        elif line.kind == "deployed":
            proof = valuations.get(line.subject, (None, None))
        else:
            continue
        parts[line.currency].append(rules.Part(line.kind, line.scope, line.subject, line.balance, *proof))
    return {
        currency: rules.Figures(currency, on, found, tuple(parts[currency]))
        for currency, found in sorted(balances_by.items())
    }


def figures_now(currency: str) -> rules.Figures:
    """Return the figures of one currency as they are in this moment, on the open business day."""
    on = days.open_day()
    found = figures_of(read_lines(on, currency=currency), on=on)
    return found.get(currency) or rules.Figures(currency, on, {}, ())


def newest_statements(on: date) -> dict[tuple[str, str], tuple[date, Decimal]]:
    """Return the newest statement up to `on` of each (cash account, currency): its day and balance."""
    rows = StatementBalance.objects.filter(day__lte=on).order_by("cash", "currency_id", "-day", "-id")
    newest = rows.distinct("cash", "currency_id").values_list("cash", "currency_id", "day", "amount")
    return {(cash, currency): (day, amount) for cash, currency, day, amount in newest}


def newest_valuations(on: date) -> dict[str, tuple[date, Decimal]]:
    """Return the newest valuation up to `on` of each asset: its day and amount."""
    rows = Valuation.objects.filter(valued_on__lte=on).order_by("asset_id", "-valued_on", "-id")
    newest = rows.distinct("asset_id").values_list("asset_id", "valued_on", "amount")
    return {str(asset): (day, amount) for asset, day, amount in newest}


def count_holders(day: date) -> Holders:
    """Return how many people held money at the end of `day`."""
    allow_memory()
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS, {"last": last_transfer_of(day), "kinds": list(_HOLDINGS)})
        rows = cursor.fetchall()
    everywhere = next((count for currency, scope, count in rows if currency is None), 0)
    by_currency = {currency: count for currency, scope, count in rows if currency is not None and scope is None}
    by_scope = {(currency, scope): count for currency, scope, count in rows if scope is not None}
    return Holders(everywhere, by_currency, by_scope)


_ENDED = """
    SELECT a.*, a.debits - COALESCE(f.debits, 0) AS ended_debits, a.credits - COALESCE(f.credits, 0) AS ended_credits
    FROM ledger_account a
    LEFT JOIN (
        SELECT x.id, sum(x.debit) AS debits, sum(x.credit) AS credits
        FROM (SELECT debit_account_id AS id, amount AS debit, 0 AS credit FROM ledger_transfer WHERE id > %(last)s
              UNION ALL
              SELECT credit_account_id, 0, amount FROM ledger_transfer WHERE id > %(last)s) x
        GROUP BY x.id
    ) f ON f.id = a.id
    WHERE a.keeps_balance
"""

_LINES = f"""
    SELECT e.currency_id, e.kind,
           CASE WHEN e.kind = ANY (%(scoped)s) THEN e.scope ELSE '' END AS scope,
           CASE WHEN e.kind = 'deployed' THEN e.subject ELSE '' END AS subject,
           sum(CASE e.normal_side WHEN 'D' THEN e.ended_debits - e.ended_credits
                                  ELSE e.ended_credits - e.ended_debits END)
    FROM ({_ENDED}) e
    WHERE %(currency)s = '' OR e.currency_id = %(currency)s
    GROUP BY 1, 2, 3, 4
    ORDER BY 1, 2, 3, 4
"""

_HOLDERS = f"""
    WITH held AS MATERIALIZED (
        SELECT DISTINCT e.owner_id, e.currency_id, CASE WHEN e.kind = 'principal' THEN e.scope END AS scope
        FROM ({_ENDED}) e
        WHERE e.kind = ANY (%(kinds)s) AND e.ended_credits > e.ended_debits
    )
    SELECT NULL, NULL, count(*) FROM (SELECT DISTINCT owner_id FROM held) everywhere
    UNION ALL
    SELECT currency_id, NULL, count(*) FROM (SELECT DISTINCT owner_id, currency_id FROM held) x GROUP BY currency_id
    UNION ALL
    SELECT currency_id, scope, count(*) FROM held WHERE scope IS NOT NULL GROUP BY currency_id, scope
"""
