"""Balances: live, as of any date, and of accounts that keep none. Source: docs/rules/ledger.md §2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db import connection, models

from ledger import chart
from ledger.models import Account

ZERO = Decimal(0)
LAST_ID = 2**63 - 1
"""No transfer has a higher id."""


@dataclass(frozen=True, slots=True)
class WalletBalance:
    """What an owner has in one currency."""

    currency: str
    available: Decimal
    locked: Decimal
    in_payout: Decimal

    @property
    def total(self) -> Decimal:
        return self.available + self.locked + self.in_payout


def balance(account: Account, *, as_of: date | None = None) -> Decimal:
    """Return an account's balance on its normal side: now, or at the end of business day `as_of`."""
    return balances([account.pk], as_of=as_of).get(account.pk, ZERO)


def balances(account_ids: Sequence[UUID], *, as_of: date | None = None) -> dict[UUID, Decimal]:
    """Return balances by account, on their normal sides, in one query.

    A live one is read from its row; one in the past, or of a kind that keeps none, is the nearest snapshot with
    what was booked since.
    """
    with connection.cursor() as cursor:
        cursor.execute(LIVE if as_of is None else _AS_OF, {"ids": list(account_ids), "as_of": as_of})
        return dict(cursor.fetchall())


def total(kinds: Sequence[str], *, currency: str, scope: str | None = None) -> Decimal:
    """Return the sum of all accounts of these kinds that keep a balance, as it is now."""
    accounts = Account.objects.filter(kind__in=kinds, currency_id=currency)
    if scope is not None:
        accounts = accounts.filter(scope=scope)
    sums = accounts.aggregate(debits=models.Sum("debits"), credits=models.Sum("credits"))
    difference = (sums["debits"] or ZERO) - (sums["credits"] or ZERO)
    return difference if kinds[0] in chart.DEBIT_NORMAL else -difference


def wallets_of(owner: models.Model, *, currency: str | None = None) -> list[WalletBalance]:
    """Return the owner's wallets by currency, in one query; those never used don't exist."""
    with connection.cursor() as cursor:
        cursor.execute(_WALLETS, {"owner": owner.pk, "kinds": list(chart.WALLET), "currency": currency})
        rows = cursor.fetchall()
    found: dict[str, dict[str, Decimal]] = {}
    for code, kind, live in rows:
        found.setdefault(code, {})[kind] = live
    return [WalletBalance(code, *(held.get(kind, ZERO) for kind in chart.WALLET)) for code, held in found.items()]


_WALLETS = """
    SELECT a.currency_id, a.kind, a.credits - a.debits FROM ledger_account a
    WHERE a.owner_id = %(owner)s AND a.kind = ANY (%(kinds)s)
      AND (%(currency)s::text IS NULL OR a.currency_id = %(currency)s::text)
    ORDER BY a.currency_id
"""
# Rows are compared, not ids: a range of ids alone may be read from the primary key, past every other account's rows.
_SUM = """COALESCE((
               SELECT sum(x.amount) FROM ledger_transfer x
               WHERE (x.{side}_account_id, x.id) > (a.id, COALESCE(s.last_transfer_id, 0))
                 AND (x.{side}_account_id, x.id) <= (a.id, {last})), 0)"""
_SINCE = f"""
    SELECT a.id,
           (COALESCE(s.debits, 0) + {_SUM.replace("{side}", "debit")}
            - COALESCE(s.credits, 0) - {_SUM.replace("{side}", "credit")}
           ) * CASE a.normal_side WHEN 'D' THEN 1 ELSE -1 END
    FROM ledger_account a
    LEFT JOIN LATERAL (
        SELECT * FROM ledger_accountsnapshot p WHERE p.account_id = a.id {{snapshot}}
        ORDER BY p.day DESC LIMIT 1) s ON true
    WHERE a.id = ANY (%(ids)s) {{which}}
"""
LIVE = """
    SELECT a.id, (a.debits - a.credits) * CASE a.normal_side WHEN 'D' THEN 1 ELSE -1 END
    FROM ledger_account a WHERE a.id = ANY (%(ids)s) AND a.keeps_balance
    UNION ALL""" + _SINCE.format(last=LAST_ID, snapshot="", which="AND NOT a.keeps_balance")
# Ids of one day are one range, so a closed day's end is an id; the open day has none yet.
_AS_OF = _SINCE.format(
    last="COALESCE((SELECT b.last_transfer_id FROM ledger_businessday b WHERE b.day <= %(as_of)s"
    " AND b.closed_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ledger_businessday o WHERE o.day <= %(as_of)s"
    " AND o.closed_at IS NULL) ORDER BY b.day DESC LIMIT 1),"
    f" CASE WHEN EXISTS (SELECT 1 FROM ledger_businessday o WHERE o.day <= %(as_of)s) THEN {LAST_ID}"
    " ELSE 0 END)",
    snapshot="AND p.day <= %(as_of)s",
    which="",
)
