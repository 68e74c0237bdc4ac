"""The place that an investment gets in its offer: one call, offers/sql/offers_invest.sql. A step."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import UUID

from django.db import connection

from ledger import days, posting
from offers import rules
from offers.models import OfferInvestment
from offers.services.views import View
from oversight import trace


class Place(NamedTuple):
    """What became of a request; unless it is reserved nothing was done, but the offer's lock is held."""

    verdict: Literal["reserved", "not-live", "held", "full"]
    held: Decimal
    accepted: Decimal
    operation: UUID
    committed: Decimal


_INVEST = f"SELECT * FROM offers_invest({', '.join(['%s'] * 17)})"


def reserve(investment: OfferInvestment, view: View, *, days_to_reflect: int, now: datetime) -> Place:
    """Lock the offer, and write this unsaved investment with as much as is left of what it asks for.

    `view.held` is what the caller has judged by; where it isn't so any more the verdict is "held", with what they hold.
    Raises InsufficientBalance, NoOpenDay.
    """
    until = rules.reflects_until(now, days=days_to_reflect)
    source = trace.current()
    given = [
        investment.pk,
        investment.offer_id,
        investment.investor_id,
        investment.requested_amount,
        view.held,
        view.available,
        view.locked,
        days.platform_date(now),
        now,
        until,
        investment.disclosure_version,
        investment.request_method,
        investment.request_path,
        investment.request_key,
        investment.request_fingerprint,
        source.ip,
        source.request_id,
    ]
    with posting.refusals(), connection.cursor() as cursor:
        cursor.execute(_INVEST, given)
        place = Place(*cursor.fetchone())
    if place.verdict == "reserved":
        investment.status = OfferInvestment.Status.RESERVED
        investment.accepted_amount, investment.operation_id = place.accepted, place.operation
        investment.reserved_at, investment.reflects_until = now, until
        investment.offer.committed_amount = place.committed
        investment._state.adding = False
        investment._state.db = connection.alias
    return place
