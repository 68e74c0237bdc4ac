"""The waiting list: who stands in it, and how free places are given on.

Places are given on one at a time, each in a transaction of its own, so that no two wallets are ever locked in one.
Source: docs/rules/offers.md §3; docs/adr/0017-places-are-given-on-one-at-a-time.md.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from core.commands import command
from core.errors import DomainError
from ledger import days
from ledger.posting import InsufficientBalance
from offers import notices, rules
from offers.errors import AlreadyWaiting, NotWaiting
from offers.models import Offer, OfferInvestment
from offers.services import reservations, views
from offers.services.rows import locked
from oversight import audit
from oversight.states import move_to

Status = OfferInvestment.Status

LEFT: Final = "left the waiting list"


def insert(investment: OfferInvestment, *, now: datetime) -> None:
    """Put an investment that isn't written yet into the line of its locked offer (step). Raises AlreadyWaiting.

    Where a place is free and others wait (whoever had to give it on was killed), it is given on after the commit.
    """
    if investment.offer.investments.in_line().owned_by(investment.investor).exists():
        raise AlreadyWaiting
    investment.status = Status.WAITING
    investment.save(force_insert=True)
    figures = {"requested": str(investment.requested_amount)}
    audit.record("offers.waits", actor=investment.investor, at=now, target=investment, after=figures)
    give_on_after_commit(investment.offer, now=now)


@command
def leave_line(offer_id: UUID, *, investor: Any, now: datetime) -> OfferInvestment:
    """Leave the waiting list. Raises OfferNotFound, NotWaiting."""
    offer = locked(offer_id)
    waiting = offer.investments.in_line().owned_by(investor).first()
    if waiting is None:
        raise NotWaiting
    move_to(waiting, Status.LAPSED, by=investor, at=now, reason=LEFT, ended_at=now)
    return waiting


def place_in_line(offer_id: UUID, investor: Any) -> tuple[OfferInvestment, int]:
    """Return what the investor waits for, and at which place, from 1. Raises NotWaiting."""
    line = OfferInvestment.objects.filter(offer_id=offer_id).in_line()
    waiting = line.owned_by(investor).select_related("offer").first()
    if waiting is None:
        raise NotWaiting
    return waiting, line.filter(pk__lte=waiting.pk).count()


def give_on_after_commit(offer: Offer, *, now: datetime) -> None:
    """Have free places given on once the caller's transaction has committed (step).

    It has committed then, whatever becomes of the places: what fails is logged, and the day's close tries again.
    """
    if offer.remaining and offer.investments.in_line().exists():
        transaction.on_commit(lambda: give_places(offer.pk, now=now), robust=True)


def give_places(offer_id: UUID, *, now: datetime) -> int:
    """Give free places to those who wait, in order; return how many took one. Each in a transaction of its own."""
    given = 0
    while (served := give_place(offer_id, now=now)) is not None:
        given += served.status == Status.RESERVED
    return given


@command
def give_place(offer_id: UUID, *, now: datetime) -> OfferInvestment | None:
    """Give what is free to the first in line; return who was served, reserved or lapsed, None when there is nothing.

    Who isn't covered by their wallet, or may not invest any more, lapses. After the deadline nothing is given on, so
    that closing can't be put off without end.
    """
    offer = locked(offer_id)
    first = offer.investments.in_line().select_related("investor", "offer").first()
    if first is None or not offer.remaining or not offer.takes_money_on(days.platform_date(now)):
        return None
    first.offer = offer
    accepted = rules.accepted(first.requested_amount, offer.remaining)
    refusal = _refusal(first, accepted, now=now)
    if refusal is not None:
        move_to(first, Status.LAPSED, by=None, at=now, reason=refusal.code, ended_at=now)
        notices.tell_lapsed(first, now=now)
    else:
        notices.tell_place_given(first, now=now)
    return first


def _refusal(first: OfferInvestment, accepted: Decimal, *, now: datetime) -> DomainError | None:
    """Try to reserve, and return what speaks against this person.

    What is wrong with the platform, such as a ledger without an open day, is raised: they go on waiting.
    """
    try:
        view = views.of(first.investor, first.offer_id)
        total = view.held + accepted
        asked = reservations.require_person(first.offer, view.standing, total, first.disclosure_version, now=now)
    except DomainError as refusal:
        return refusal
    try:
        with transaction.atomic():
            reservations.give(first, accepted, asked=asked, now=now)
    except InsufficientBalance as refusal:
        return refusal
    return None
