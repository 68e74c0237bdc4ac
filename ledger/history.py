"""What an owner sees of the ledger: their transactions, each with what it changed for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from api.pagination import Listing
from ledger import chart


class Type(StrEnum):
    """What a movement is to an investor."""

    DEPOSIT = "deposit"
    PAYOUT = "payout"
    FEE = "fee"
    INVESTMENT = "investment"
    RETURN = "return"
    REFERRAL = "referral"
    TRANSFER = "transfer"
    REFUND = "refund"
    ADJUSTMENT = "adjustment"


TYPES = [kind.value for kind in Type]


TYPE_OF_KIND: Final[Mapping[str, Type]] = {
    "deposit": Type.DEPOSIT,
    "suspense_allot": Type.DEPOSIT,
    "position_fund": Type.INVESTMENT,
    "position_exit": Type.INVESTMENT,
    "settlement": Type.RETURN,
    "goodwill": Type.ADJUSTMENT,
    "correction": Type.ADJUSTMENT,
    "reversal": Type.ADJUSTMENT,
}
"""By posting kind; a kind that no row names is an adjustment."""

CHARGES: Final = ("fees", "penalties")
ZERO: Final = Decimal(0)
CHUNK: Final = 1000


@dataclass(frozen=True, slots=True)
class Leg:
    """What a transaction changed in one of the owner's accounts; positive is more."""

    account: str
    currency: str
    change: Decimal


@dataclass(frozen=True, slots=True)
class Movement:
    """A transaction as its owner sees it. `amount` is signed: what `available` gained or lost.

    Where `available` isn't touched it is what the first account touched gained or lost. `fee` is what of it went to
    the platform.
    """

    id: UUID
    type: Type
    kind: str
    currency: str
    amount: Decimal
    fee: Decimal
    booked_on: date
    effective_on: date
    posted_at: datetime
    legs: list[Leg]


def type_of(kind: str) -> Type:
    """Return what a posting kind is to an investor."""
    return TYPE_OF_KIND.get(kind, Type.ADJUSTMENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class History(Listing[Movement]):
    """The movements of an owner's accounts; a slice of them is one query.

    `currency`, `since` and `until` narrow it to transactions that moved an account of that currency on those
    business days, both included.
    """

    owner_id: UUID
    type: Type | None = None
    currency: str | None = None
    since: date | None = None
    until: date | None = None

    def read(self, *, limit: int, offset: int) -> list[Movement]:
        """Read a page of movements."""
        page = _PAGE.format(order=self.direction, **self._conditions())
        place = {"limit": limit, "offset": offset}
        return _movements(_LINES.format(page=page, order=self.direction), self._arguments() | place)

    def one(self, transaction_id: UUID) -> Movement | None:
        """Return one movement; None for what is somebody else's or isn't there."""
        sql = _LINES.format(page="SELECT %(id)s::uuid AS id", order="ASC")
        return next(iter(_movements(sql, {"id": transaction_id, "owner": self.owner_id})), None)

    def _conditions(self) -> dict[str, str]:
        return {
            "currency": "" if self.currency is None else "AND currency_id = %(currency)s",
            "lines": " ".join(sql for name, sql in _NARROWED.items() if getattr(self, name) is not None),
            "kind": "" if self.type is None else _OF_KIND.format("<> ALL" if self._is_rest() else "= ANY"),
        }

    def _arguments(self) -> dict[str, Any]:
        kinds = [kind for kind, known in TYPE_OF_KIND.items() if (known is self.type) is not self._is_rest()]
        named = {name: getattr(self, name) for name in ("currency", *_NARROWED)}
        return {"owner": self.owner_id, "kinds": kinds, **named}

    def _is_rest(self) -> bool:
        return self.type is Type.ADJUSTMENT


def each(owner_id: UUID) -> Iterator[Movement]:
    """Go through all movements of an owner, newest first: one query, through a cursor that the database keeps.

    Page by page the whole history would be read once a page.
    """
    sql = _LINES.format(page=_ALL.format(currency="", lines="", kind=""), order="DESC")
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, {"owner": owner_id})
        for _, own in groupby(_fetched(cursor), key=attrgetter("id")):
            movement = _movement(list(own))
            if movement is not None:
                yield movement


def _fetched(cursor: Any) -> Iterator[_Line]:
    while rows := cursor.fetchmany(CHUNK):
        yield from map(_Line._make, rows)


_NARROWED: Final = {
    "since": "AND x.booked_on >= %(since)s",
    "until": "AND x.booked_on <= %(until)s",
    "before": "AND x.transaction_id < %(before)s",
    "after": "AND x.transaction_id > %(after)s",
}
_OF_KIND: Final = (
    "AND EXISTS (SELECT 1 FROM ledger_transaction t WHERE t.id = x.transaction_id AND t.kind {} (%(kinds)s))"
)
# A union, not an OR: each half has its index, and the work grows with this owner's history alone.
_SIDE: Final = """
    SELECT x.transaction_id AS id FROM ledger_transfer x
    WHERE x.{side}_account_id IN (
        SELECT id FROM ledger_account WHERE owner_id = %(owner)s {{currency}}) {{lines}} {{kind}}
"""
_ALL: Final = f"{_SIDE.format(side='debit')} UNION {_SIDE.format(side='credit')}"
_PAGE: Final = f"{_ALL} ORDER BY id {{order}} LIMIT %(limit)s OFFSET %(offset)s"
_LINES: Final = """
WITH page AS ({page})
SELECT t.id, t.kind, t.effective_on, t.posted_at,
       x.amount, x.currency_id, x.booked_on,
       d.kind, d.owner_id IS NOT DISTINCT FROM %(owner)s, c.kind, c.owner_id IS NOT DISTINCT FROM %(owner)s
FROM page
JOIN ledger_transaction t ON t.id = page.id
JOIN ledger_transfer x ON x.transaction_id = page.id
JOIN ledger_account d ON d.id = x.debit_account_id
JOIN ledger_account c ON c.id = x.credit_account_id
ORDER BY page.id {order}, x.line
"""


class _Line(NamedTuple):
    """A transfer of a transaction, and whether the accounts that it moves are the owner's."""

    id: UUID
    kind: str
    effective_on: date
    posted_at: datetime
    amount: Decimal
    currency: str
    booked_on: date
    debit_kind: str
    is_debit_own: bool
    credit_kind: str
    is_credit_own: bool


def _movements(sql: str, arguments: dict[str, Any]) -> list[Movement]:
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        lines = [_Line(*row) for row in cursor.fetchall()]
    found = (_movement(list(own)) for _, own in groupby(lines, key=attrgetter("id")))
    return [movement for movement in found if movement is not None]


def _movement(lines: list[_Line]) -> Movement | None:
    changes: dict[tuple[str, str], Decimal] = {}
    fee = ZERO
    for line in lines:
        if line.is_credit_own:
            place = (line.credit_kind, line.currency)
            changes[place] = changes.get(place, ZERO) + (-line.amount if _is_debit(line.credit_kind) else line.amount)
        if line.is_debit_own:
            place = (line.debit_kind, line.currency)
            changes[place] = changes.get(place, ZERO) + (line.amount if _is_debit(line.debit_kind) else -line.amount)
            if line.credit_kind in CHARGES:
                fee += line.amount
    if not changes:
        return None
    legs = [Leg(kind, currency, change) for (kind, currency), change in changes.items()]
    legs.sort(key=lambda leg: chart.OWNED.index(leg.account))
    first = lines[0]
    return Movement(
        id=first.id,
        type=type_of(first.kind),
        kind=first.kind,
        currency=legs[0].currency,
        amount=legs[0].change,
        fee=fee,
        booked_on=first.booked_on,
        effective_on=first.effective_on,
        posted_at=first.posted_at,
        legs=legs,
    )


def _is_debit(kind: str) -> bool:
    return kind in chart.DEBIT_NORMAL
