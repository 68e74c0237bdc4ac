"""An offer as an investor sees it who asks for a place in it, all read at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection

from ledger import accounts
from offers.errors import OfferNotFound
from offers.models import Offer
from protection.services import standing
from protection.services.standing import Standing

_OFFER: Final = [
    "id",
    "code",
    "status",
    "currency",
    "max_amount",
    "committed_amount",
    "minimum_ticket",
    "maximum_ticket",
    "deadline",
    "kyc_level",
    "disclosure_version",
]
"""What is asked of an offer before it takes money; its texts stay where they are."""
_STANDING: Final = standing.select(subject="'offer:' || o.code", version="o.disclosure_version", currency="o.currency")
_VIEW: Final = f"""
SELECT {", ".join(f"o.{name}" for name in _OFFER)},
       (SELECT coalesce(sum(i.accepted_amount), 0) FROM offers_offerinvestment i
        WHERE i.offer_id = o.id AND i.investor_id = %(investor)s AND i.status IN ('reserved', 'committed')),
       a.id, l.id, a.credits - a.debits, stands.*
FROM offers_offer o
CROSS JOIN LATERAL ({_STANDING}) stands
LEFT JOIN ledger_account a ON a.kind = 'available' AND a.owner_id = %(investor)s AND a.currency_id = o.currency
                          AND a.subject = '' AND a.scope = ''
LEFT JOIN ledger_account l ON l.kind = 'locked' AND l.owner_id = %(investor)s AND l.currency_id = o.currency
                          AND l.subject = '' AND l.scope = ''
WHERE o.id = %(offer)s AND o.status <> 'draft'
"""


class View(NamedTuple):
    """The offer as it was read, what of it the investor holds, their wallet's accounts and balance, their standing.

    Of the offer only _OFFER is there.
    """

    offer: Offer
    held: Decimal
    available: UUID
    locked: UUID
    balance: Decimal
    standing: Standing

    def holding(self, held: Decimal) -> View:
        """The same for an investor who holds so much by now."""
        return self._replace(held=held)


def of(investor: Any, offer_id: UUID) -> View:
    """Read an offer with an investor's eyes; their wallet is opened if need be. Raises OfferNotFound for a draft."""
    offer, row = _read(investor, offer_id)
    if row[1] is None or row[2] is None:
        accounts.wallet(investor, offer.currency)
        offer, row = _read(investor, offer_id)
    held, available, locked, balance, *stands = row
    return View(offer, held, available, locked, balance, Standing.read(investor, offer.scope, stands))


def _read(investor: Any, offer_id: UUID) -> tuple[Offer, Any]:
    with connection.cursor() as cursor:
        cursor.execute(_VIEW, {**standing.parameters(investor), "offer": offer_id})
        row = cursor.fetchone()
    if row is None:
        raise OfferNotFound
    return Offer.from_db(DEFAULT_DB_ALIAS, _OFFER, row[: len(_OFFER)]), row[len(_OFFER) :]
