"""What an investor sees of an offer when they ask for a place in it, read at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from ledger import accounts
from offers.errors import OfferNotFound
from offers.models import Offer

_VIEW = """
SELECT o.*, a.id AS available, l.id AS locked, a.credits - a.debits AS balance,
       (SELECT coalesce(sum(i.accepted_amount), 0) FROM offers_offerinvestment i
        WHERE i.offer_id = o.id AND i.investor_id = %(investor)s AND i.status IN ('reserved', 'committed')) AS held
FROM offers_offer o
LEFT JOIN ledger_account a ON a.kind = 'available' AND a.owner_id = %(investor)s AND a.currency_id = o.currency
                          AND a.subject = '' AND a.scope = ''
LEFT JOIN ledger_account l ON l.kind = 'locked' AND l.owner_id = %(investor)s AND l.currency_id = o.currency
                          AND l.subject = '' AND l.scope = ''
WHERE o.id = %(offer)s AND o.status <> 'draft'
"""


@dataclass(frozen=True, slots=True)
class View:
    """The offer as it was read, what of it the investor holds, and their wallet's accounts and balance."""

    offer: Offer
    held: Decimal
    available: UUID
    locked: UUID
    balance: Decimal

    def holding(self, held: Decimal) -> View:
        """The same for an investor who holds so much by now."""
        return replace(self, held=held)


def of(investor: Any, offer_id: UUID) -> View:
    """Read an offer with an investor's eyes; their wallet is opened if need be. Raises OfferNotFound for a draft."""
    row = _read(investor, offer_id)
    if row.available is None or row.locked is None:
        accounts.wallet(investor, row.currency)
        row = _read(investor, offer_id)
    return View(row, row.held, row.available, row.locked, row.balance)


def _read(investor: Any, offer_id: UUID) -> Any:
    for row in Offer.objects.raw(_VIEW, {"investor": investor.pk, "offer": offer_id}):
        return row
    raise OfferNotFound
