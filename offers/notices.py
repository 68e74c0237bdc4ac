"""What investors hear of offers: all of an offer's by one statement."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from notifications import kinds, services
from notifications.kinds import INVESTMENTS, Facts, Kind, Priority, look_by
from offers.models import Offer, OfferDeed, OfferInvestment

PATH: Final = "/offers/{offer}"
SAMPLE: Final = {
    "offer": "01997f3e-5c1a-7d2b-9e4f-8a6b7c5d4e3f",
    "amount": "5000",
    "currency": "USD",
}
SEEN: Final = {"offer_name": "Harbour warehouse"}
PLACE_GIVEN, LINE_ENDED = "offer_place_given", "offer_line_ended"
COMMITTED, RELEASED, REPAID = "offer_committed", "offer_released", "offer_repaid"
DISTRIBUTED, LOST = "offer_distributed", "offer_lost"


def offers(ids: set[UUID]) -> dict[UUID, Facts]:
    """Read the names of offers that messages are about."""
    names = Offer.objects.filter(pk__in=ids).values_list("pk", "name")
    return {offer: {"offer_name": name} for offer, name in names}


LOOK: Final = look_by("offer", offers)


def _kind(code: str, *, priority: Priority = Priority.NORMAL, **facts: str) -> Kind:
    return Kind(
        code=code,
        category=INVESTMENTS,
        priority=priority,
        path=PATH,
        look=LOOK,
        facts={**SAMPLE, **facts},
        seen=SEEN,
    )


KINDS: Final = (
    _kind(PLACE_GIVEN, priority=Priority.HIGH, until="2026-03-06T08:00:00+00:00"),
    Kind(
        code=LINE_ENDED,
        category=INVESTMENTS,
        path=PATH,
        look=LOOK,
        facts={"offer": SAMPLE["offer"]},
        seen=SEEN,
    ),
    _kind(COMMITTED),
    _kind(RELEASED, priority=Priority.HIGH),
    _kind(REPAID),
    _kind(DISTRIBUTED),
    _kind(LOST, priority=Priority.HIGH),
)


def register() -> None:
    """Make the kinds known."""
    kinds.register(*KINDS)


def tell_place_given(investment: OfferInvestment, *, now: datetime) -> None:
    """Tell who waited that they have a place, and until when they may still take their money back (a step)."""
    offer, until = investment.offer, investment.reflects_until
    facts = {
        "offer": str(offer.pk),
        "amount": f"{investment.accepted_amount.normalize():f}",
        "currency": offer.currency,
        "until": until.isoformat() if until else "",
    }
    services.notify(investment.investor, PLACE_GIVEN, facts=facts, key=str(investment.pk), now=now)


def tell_line_ended(offer: Offer, *, now: datetime) -> None:
    """Tell all who still wait that nothing is given on any more (a step)."""
    given = {"offer": offer.pk, "status": OfferInvestment.Status.WAITING}
    services.notify_selected(LINE_ENDED, _WAITING, given, now=now)


def tell_lapsed(investment: OfferInvestment, *, now: datetime) -> None:
    """Tell one who was first in line, but can't take the place, that they wait no more (a step)."""
    facts = {"offer": str(investment.offer_id)}
    services.notify(investment.investor, LINE_ENDED, facts=facts, key=str(investment.pk), now=now)


def tell_holders(offer: Offer, kind: str, *, status: str, amount: str, now: datetime) -> None:
    """Tell all investors whose investments have this status what becomes of the sum of this column (a step)."""
    given = {"offer": offer.pk, "status": status, "currency": offer.currency}
    services.notify_selected(kind, _HOLDERS.format(amount=amount), given, now=now)


def tell_shares(deed: OfferDeed, *, now: datetime) -> None:
    """Tell all investors their share of what was distributed, or lost (a step)."""
    kind = DISTRIBUTED if deed.verb == OfferDeed.Verb.DISTRIBUTE else LOST
    given: dict[str, Any] = {"offer": deed.offer_id, "deed": deed.pk, "currency": deed.offer.currency}
    services.notify_selected(kind, _SHARES, given, now=now)


_WAITING: Final = """
    SELECT investor_id AS user_id, id::text AS key, jsonb_build_object('offer', %(offer)s::text) AS facts
    FROM offers_offerinvestment WHERE offer_id = %(offer)s AND status = %(status)s
"""
_FACTS: Final = """
    jsonb_build_object('offer', %(offer)s::text, 'currency', %(currency)s::text,
                       'amount', trim_scale(sum({amount}))::text) AS facts
"""
_HOLDERS: Final = f"""
    SELECT investor_id AS user_id, %(offer)s::text AS key, {_FACTS}
    FROM offers_offerinvestment WHERE offer_id = %(offer)s AND status = %(status)s AND {{amount}} > 0
    GROUP BY investor_id
"""
_SHARES: Final = f"""
    SELECT i.investor_id AS user_id, %(deed)s::text AS key, {_FACTS.format(amount="s.amount")}
    FROM offers_offershare s JOIN offers_offerinvestment i ON i.id = s.investment_id
    WHERE s.deed_id = %(deed)s AND s.amount > 0 GROUP BY i.investor_id
"""
