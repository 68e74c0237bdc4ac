"""Invest in an offer, and take it back while one reflects. Source: docs/rules/offers.md §2, §3."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from core.commands import command
from core.errors import NotFound
from core.states import require_move
from ledger import posting
from ledger.posting import InsufficientBalance, Move
from offers import rules
from offers.errors import AboveTicket, BelowTicket, OfferCurrencyMismatch, OfferFull, ReflectionOver
from offers.models import OfferInvestment
from offers.services import accounts, places, reservations, views, waiting
from offers.services.rows import locked
from offers.services.views import View
from oversight.states import move_to
from protection.models import Jurisdiction

Status = OfferInvestment.Status


@command
def invest(
    investor: Any,
    *,
    offer: UUID,
    amount: Decimal,
    currency: str,
    disclosure_version: str,
    now: datetime,
    join_waiting_list: bool = False,
    key: Any = None,
) -> OfferInvestment:
    """Reserve as much of `amount` as is left of the offer, from the wallet; or wait for a place if one wants to.

    What can be refused cheaply is refused before the offer is locked. Raises OfferNotFound, OfferNotLive,
    OfferCurrencyMismatch, BelowTicket, AboveTicket, KycLevelRequired, DisclosureOutdated, InsufficientBalance,
    OfferFull, AlreadyWaiting, and what protection refuses.
    """
    view = views.of(investor, offer)
    investment = OfferInvestment(
        id=uuid7(),
        offer=view.offer,
        investor=investor,
        requested_amount=amount,
        disclosure_version=disclosure_version,
        asked_at=now,
        **({} if key is None else key.columns()),
    )
    while True:
        asked = _require_allowed(investment, view, currency, now=now)
        place = places.reserve(investment, view, days_to_reflect=asked.reflection_days, now=now)
        if place.verdict != "held":
            break
        # Another investment of theirs came between: what it counts is asked again, under the lock that is held now.
        view = view.holding(place.held)
    if place.verdict == "reserved":
        return investment
    row = locked(offer)
    reservations.require_takes_money(row, now)
    if not join_waiting_list:
        raise OfferFull(waiting=row.investments.in_line().count())
    investment.offer = row
    waiting.insert(investment, now=now)
    return investment


@command
def withdraw(investment_id: UUID, *, investor: Any, now: datetime) -> OfferInvestment:
    """Take an investment back inside the reflection period, without a reason or a cost; the place is given on.

    Raises NotFound, IllegalMove, ReflectionOver.
    """
    found = OfferInvestment.objects.owned_by(investor).filter(pk=investment_id).first()
    if found is None:
        raise NotFound("You have no such investment.")
    offer = locked(found.offer_id)
    investment = OfferInvestment.objects.select_related("offer", "investor").get(pk=found.pk)
    require_move(OfferInvestment.MOVES, investment.status, Status.WITHDRAWN)
    if not investment.may_withdraw(now):
        raise ReflectionOver
    wallet = accounts.wallet(investor, offer)
    posting.post(
        "offer_release",
        [Move(wallet.locked, wallet.available, investment.accepted_amount)],
        key=f"offer_release:{investment.pk}",
        now=now,
        actor=investor,
    )
    offer.committed_amount -= investment.accepted_amount
    offer.save(update_fields=["committed_amount"])
    move_to(investment, Status.WITHDRAWN, by=investor, at=now, ended_at=now)
    waiting.give_on_after_commit(offer, now=now)
    return investment


def _require_allowed(investment: OfferInvestment, view: View, currency: str, *, now: datetime) -> Jurisdiction:
    """Refuse what can be refused without the lock; return what holds for the investor."""
    offer, amount = view.offer, investment.requested_amount
    reservations.require_takes_money(offer, now)
    if currency != offer.currency:
        raise OfferCurrencyMismatch(asked=currency[:8], offer=offer.currency)
    if amount < offer.minimum_ticket:
        raise BelowTicket(minimum=str(offer.minimum_ticket))
    total = view.held + amount
    if offer.maximum_ticket is not None and total > offer.maximum_ticket:
        raise AboveTicket(maximum=str(offer.maximum_ticket), wanted=str(total))
    version = investment.disclosure_version
    asked = reservations.require_person(offer, view.standing, total, version, now=now)
    if view.balance < rules.accepted(amount, offer.remaining):
        raise InsufficientBalance
    return asked
