"""What an owner sees of the ledger: their transactions, each with what it changed for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.db import models

from ledger import chart
from ledger.models import Account, Transaction, Transfer


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
    memo: str
    legs: list[Leg]


def type_of(kind: str) -> Type:
    """Return what a posting kind is to an investor."""
    return TYPE_OF_KIND.get(kind, Type.ADJUSTMENT)


def transactions_of(
    owner: models.Model,
    *,
    type: Type | None = None,
    currency: str | None = None,
    since: date | None = None,
    until: date | None = None,
) -> models.QuerySet[Transaction]:
    """Return the transactions that touch the owner's accounts; dates are business days, both included."""
    own = Account.objects.owned_by(owner)
    transfers = Transfer.objects.order_by()
    if currency is not None:
        own = own.filter(currency_id=currency)
    if since is not None:
        transfers = transfers.filter(booked_on__gte=since)
    if until is not None:
        transfers = transfers.filter(booked_on__lte=until)
    ids = own.values("pk")
    debited = transfers.filter(debit_account_id__in=ids).values("transaction_id")
    credited = transfers.filter(credit_account_id__in=ids).values("transaction_id")
    # A union, not an OR: each half has its index, and the work grows with this owner's history alone.
    found = Transaction.objects.filter(pk__in=debited.union(credited))
    return found if type is None else found.filter(_of_type(type))


def movements(owner: models.Model, transactions: Iterable[Transaction]) -> list[Movement]:
    """Describe transactions to their owner, in the order given, in one query."""
    listed = list(transactions)
    lines: dict[UUID, list[Transfer]] = defaultdict(list)
    rows = Transfer.objects.filter(transaction_id__in=[row.pk for row in listed])
    for line in rows.select_related("debit_account", "credit_account").order_by("transaction_id", "line"):
        lines[line.transaction_id].append(line)
    return [_movement(owner, row, lines[row.pk]) for row in listed]


def _of_type(type: Type) -> models.Q:
    kinds = [kind for kind, known in TYPE_OF_KIND.items() if known is type]
    if type is Type.ADJUSTMENT:
        return models.Q(kind__in=kinds) | ~models.Q(kind__in=TYPE_OF_KIND)
    return models.Q(kind__in=kinds)


def _movement(owner: models.Model, transaction: Transaction, lines: list[Transfer]) -> Movement:
    changes: dict[tuple[str, str], Decimal] = {}
    fee = Decimal(0)
    for line in lines:
        sides = ((line.credit_account, line.amount, "C"), (line.debit_account, line.amount, "D"))
        for account, amount, side in sides:
            if account.owner_id == owner.pk:
                place = (account.kind, account.currency_id)
                changes[place] = changes.get(place, Decimal(0)) + (amount if account.normal_side == side else -amount)
        if line.debit_account.owner_id == owner.pk and line.credit_account.kind in CHARGES:
            fee += line.amount
    legs = [Leg(kind, currency, change) for (kind, currency), change in changes.items()]
    legs.sort(key=lambda leg: chart.OWNED.index(leg.account))
    return Movement(
        id=transaction.pk,
        type=type_of(transaction.kind),
        kind=transaction.kind,
        currency=legs[0].currency,
        amount=legs[0].change,
        fee=fee,
        booked_on=lines[0].booked_on,
        effective_on=transaction.effective_on,
        posted_at=transaction.posted_at,
        memo=transaction.memo,
        legs=legs,
    )
