"""Invest in an offer, take it back while one reflects, and give free places to those who wait.

The offer's row is locked first; places are given on one at a time, each in a transaction of its own, so that no two
wallets are ever locked in one. Source: docs/rules/offers.md §2, §3.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from uuid_utils.compat import uuid7

import protection.services as protection
from core.commands import command
from core.errors import DomainError, NotFound
from core.money import Money
from core.states import require_move
from ledger import days, posting
from ledger.posting import InsufficientBalance, Move
from offers import rules
from offers.errors import (
    AboveTicket,
    AlreadyWaiting,
    BelowTicket,
    DisclosureOutdated,
    KycLevelRequired,
    NotWaiting,
    OfferCurrencyMismatch,
    OfferFull,
    OfferNotFound,
    OfferNotLive,
    ReflectionOver,
)
from offers.models import Offer, OfferInvestment
from offers.services import accounts
from offers.services.drafts import locked
from oversight import audit
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
    _require_allowed(investor, _found(offer), amount, currency, disclosure_version, now=now)
    row = locked(offer)
    _require_takes_money(row, now)
    held = _held(investor, row)
    if row.maximum_ticket is not None and held + amount > row.maximum_ticket:
        raise AboveTicket(maximum=str(row.maximum_ticket), held=str(held))
    investment = OfferInvestment(
        id=uuid7(),
        offer=row,
        investor=investor,
        requested_amount=amount,
        disclosure_version=disclosure_version,
        asked_at=now,
        **({} if key is None else key.columns()),
    )
    left = row.remaining if not row.investments.in_line().exists() else rules.ZERO
    if left:
        _insert_reserved(investment, rules.accepted(amount, left), now=now)
    elif join_waiting_list:
        _insert_waiting(investment)
    else:
        raise OfferFull(waiting=row.investments.in_line().count())
    return investment


@command
def withdraw(investment_id: UUID, *, investor: Any, now: datetime, key: Any = None) -> OfferInvestment:
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
    transaction.on_commit(partial(give_places, offer.pk, now=now), robust=True)
    return investment


@command
def leave_line(offer_id: UUID, *, investor: Any, now: datetime) -> OfferInvestment:
    """Leave the waiting list. Raises OfferNotFound, NotWaiting."""
    offer = locked(offer_id)
    waiting = offer.investments.in_line().owned_by(investor).first()
    if waiting is None:
        raise NotWaiting
    move_to(waiting, Status.LAPSED, by=investor, at=now, reason="left the waiting list", ended_at=now)
    return waiting


def place_in_line(offer_id: UUID, investor: Any) -> tuple[OfferInvestment, int]:
    """Return what the investor waits for, and at which place, from 1. Raises NotWaiting."""
    line = OfferInvestment.objects.filter(offer_id=offer_id).in_line()
    waiting = line.owned_by(investor).first()
    if waiting is None:
        raise NotWaiting
    return waiting, line.filter(pk__lte=waiting.pk).count()


def give_places(offer_id: UUID, *, now: datetime) -> int:
    """Give free places to those who wait, in order; return how many took one. Each in a transaction of its own."""
    given = 0
    while (taken := give_place(offer_id, now=now)) is not None:
        given += taken
    return given


@command
def give_place(offer_id: UUID, *, now: datetime) -> bool | None:
    """Give what is free to the first in line; say whether they took it, None when there is nothing to give.

    Who isn't covered by their wallet, or may not invest any more, lapses. After the deadline nothing is given on, so
    that closing can't be put off without end.
    """
    offer = locked(offer_id)
    first = offer.investments.in_line().select_related("investor", "offer").first()
    if first is None or not offer.remaining or not offer.takes_money_on(days.platform_date(now)):
        return None
    accepted = rules.accepted(first.requested_amount, offer.remaining)
    try:
        with transaction.atomic():
            _require_person(first.investor, offer, accepted, first.disclosure_version, now=now)
            _reserve(first, accepted, now=now)
    except DomainError as refusal:
        move_to(first, Status.LAPSED, by=None, at=now, reason=refusal.code, ended_at=now)
        return False
    return True


def _insert_reserved(investment: OfferInvestment, accepted: Decimal, *, now: datetime) -> None:
    posted = _take_money(investment, accepted, now=now)
    for name, value in _reservation(investment, accepted, posted.transaction_id, now=now).items():
        setattr(investment, name, value)
    investment.status = Status.RESERVED
    investment.save(force_insert=True)
    _commit_place(investment, accepted)
    figures = {"requested": str(investment.requested_amount), "accepted": str(accepted)}
    audit.record("offers.invested", actor=investment.investor, at=now, target=investment, after=figures)


def _insert_waiting(investment: OfferInvestment) -> None:
    if investment.offer.investments.in_line().owned_by(investment.investor).exists():
        raise AlreadyWaiting
    investment.status = Status.WAITING
    investment.save(force_insert=True)
    audit.record(
        "offers.waits",
        actor=investment.investor,
        at=investment.asked_at,
        target=investment,
        after={"requested": str(investment.requested_amount)},
    )


def _reserve(waiting: OfferInvestment, accepted: Decimal, *, now: datetime) -> None:
    posted = _take_money(waiting, accepted, now=now)
    changes = _reservation(waiting, accepted, posted.transaction_id, now=now)
    move_to(waiting, Status.RESERVED, by=None, at=now, reason="a place was free", **changes)
    _commit_place(waiting, accepted)


def _take_money(investment: OfferInvestment, accepted: Decimal, *, now: datetime) -> posting.Posting:
    wallet = accounts.wallet(investment.investor, investment.offer)
    return posting.post(
        "offer_reserve",
        [Move(wallet.available, wallet.locked, accepted)],
        key=f"offer_reserve:{investment.pk}",
        now=now,
        actor=investment.investor,
    )


def _reservation(investment: OfferInvestment, accepted: Decimal, operation: UUID, *, now: datetime) -> dict[str, Any]:
    days_to_reflect = protection.jurisdiction_of(investment.investor).reflection_days
    return {
        "accepted_amount": accepted,
        "operation_id": operation,
        "reserved_at": now,
        "reflects_until": rules.reflects_until(now, days=days_to_reflect),
    }


def _commit_place(investment: OfferInvestment, accepted: Decimal) -> None:
    investment.offer.committed_amount += accepted
    investment.offer.save(update_fields=["committed_amount"])


def _found(offer_id: UUID) -> Offer:
    found = Offer.objects.exclude(status=Offer.Status.DRAFT).filter(pk=offer_id).first()
    if found is None:
        raise OfferNotFound
    return found


def _require_allowed(
    investor: Any, offer: Offer, amount: Decimal, currency: str, disclosure_version: str, *, now: datetime
) -> None:
    _require_takes_money(offer, now)
    if currency != offer.currency:
        raise OfferCurrencyMismatch(asked=currency[:8], offer=offer.currency)
    if amount < offer.minimum_ticket:
        raise BelowTicket(minimum=str(offer.minimum_ticket))
    _require_person(investor, offer, amount, disclosure_version, now=now)
    if accounts.wallet(investor, offer).available.live_balance < rules.accepted(amount, offer.remaining):
        raise InsufficientBalance


def _require_person(investor: Any, offer: Offer, amount: Decimal, disclosure_version: str, *, now: datetime) -> None:
    """What may have changed while one waited: the person's level, and what they have seen and declared."""
    if investor.kyc_level < offer.kyc_level:
        raise KycLevelRequired(needed=offer.kyc_level, held=investor.kyc_level)
    if disclosure_version != offer.disclosure_version:
        raise DisclosureOutdated(accepted=disclosure_version[:40], present=offer.disclosure_version)
    protection.require_ready(
        investor, subject=offer.scope, version=offer.disclosure_version, amount=Money(amount, offer.currency), now=now
    )


def _require_takes_money(offer: Offer, now: datetime) -> None:
    if not offer.takes_money_on(days.platform_date(now)):
        raise OfferNotLive(status=offer.status, deadline=offer.deadline.isoformat())


def _held(investor: Any, offer: Offer) -> Decimal:
    return offer.investments.holding().owned_by(investor).accepted()
