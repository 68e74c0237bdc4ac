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
from offers.errors import AboveTicket, BelowTicket, OfferCurrencyMismatch, OfferFull, OfferNotFound, ReflectionOver
from offers.models import Offer, OfferInvestment
from offers.services import accounts, reservations, waiting
from offers.services.rows import locked
from oversight.states import move_to

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
    before = _require_allowed(investor, _found(offer), amount, currency, disclosure_version, now=now)
    row = locked(offer)
    reservations.require_takes_money(row, now)
    held = reservations.held(investor, row)
    if held != before:  # Another investment of theirs came between: what that one counts is asked again.
        _require_may_hold(investor, row, held + amount, disclosure_version, now=now)
    investment = OfferInvestment(
        id=uuid7(),
        offer=row,
        investor=investor,
        requested_amount=amount,
        disclosure_version=disclosure_version,
        asked_at=now,
        **({} if key is None else key.columns()),
    )
    is_free = row.remaining > 0 and not row.investments.in_line().exists()
    if is_free:
        reservations.insert(investment, rules.accepted(amount, row.remaining), now=now)
    elif join_waiting_list:
        waiting.insert(investment, now=now)
    else:
        raise OfferFull(waiting=row.investments.in_line().count())
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


def _found(offer_id: UUID) -> Offer:
    found = Offer.objects.exclude(status=Offer.Status.DRAFT).filter(pk=offer_id).first()
    if found is None:
        raise OfferNotFound
    return found


def _require_allowed(
    investor: Any, offer: Offer, amount: Decimal, currency: str, disclosure_version: str, *, now: datetime
) -> Decimal:
    """Refuse what can be refused without the lock; return what the investor held when it was asked."""
    reservations.require_takes_money(offer, now)
    if currency != offer.currency:
        raise OfferCurrencyMismatch(asked=currency[:8], offer=offer.currency)
    if amount < offer.minimum_ticket:
        raise BelowTicket(minimum=str(offer.minimum_ticket))
    held = reservations.held(investor, offer)
    _require_may_hold(investor, offer, held + amount, disclosure_version, now=now)
    if accounts.wallet(investor, offer).available.live_balance < rules.accepted(amount, offer.remaining):
        raise InsufficientBalance
    return held


def _require_may_hold(investor: Any, offer: Offer, total: Decimal, disclosure_version: str, *, now: datetime) -> None:
    if offer.maximum_ticket is not None and total > offer.maximum_ticket:
        raise AboveTicket(maximum=str(offer.maximum_ticket), wanted=str(total))
    reservations.require_person(investor, offer, total, disclosure_version, now=now)
