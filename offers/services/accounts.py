"""The ledger accounts of offers and their investments. Steps."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Exists, F, OuterRef, QuerySet, Value
from django.db.models.functions import Concat

from ledger import accounts
from ledger.models import Account
from offers.models import Offer


def pool(offer: Offer) -> Account:
    """What its distributions are paid from: income that the treasury recorded for it."""
    return accounts.open_account("returns_pool", offer.currency, scope=offer.scope)


def income_left(offer: Offer) -> Decimal:
    """What of its income isn't distributed."""
    return _held(offer, "returns_pool")


def loss_left(offer: Offer) -> Decimal:
    """What of its principal is lost and not yet shared among its investors."""
    return _held(offer, "shortfall")


def with_late_income() -> QuerySet[Offer]:
    """Offers that have ended and whose pool holds what came after."""
    pools = Account.objects.filter(kind="returns_pool", credits__gt=F("debits"), currency_id=OuterRef("currency"))
    of_it = pools.filter(scope=Concat(Value("offer:"), OuterRef("code")))
    return Offer.objects.filter(Exists(of_it), ended_on__isnull=False).order_by("pk")


def due(offer: Offer) -> Account:
    return accounts.open_account("returns_due", offer.currency, scope=offer.scope)


def wallet(investor: Any, offer: Offer) -> accounts.Wallet:
    return accounts.wallet(investor, offer.currency)


def open_principals(offer: Offer) -> None:
    """Open a principal account for every reserved investment, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO ledger_account (id, kind, owner_id, subject, scope, currency_id)
            SELECT uuidv7(), 'principal', i.investor_id, i.id::text, %(scope)s, %(currency)s
            FROM offers_offerinvestment i WHERE i.offer_id = %(offer)s AND i.status = 'reserved' ORDER BY i.id
            ON CONFLICT DO NOTHING
            """,
            {"scope": offer.scope, "currency": offer.currency, "offer": offer.pk},
        )


def _held(offer: Offer, kind: str) -> Decimal:
    """What an account of the offer holds; one that nobody has opened yet holds nothing, and stays unopened."""
    account = Account.objects.filter(kind=kind, scope=offer.scope, currency_id=offer.currency).first()
    return account.live_balance if account else Decimal(0)
