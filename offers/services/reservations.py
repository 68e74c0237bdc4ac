"""Reserve a place in a locked offer from an investor's wallet, and say who may have one. Steps.

Source: docs/rules/offers.md §2, §3.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import protection.services as protection
from core.money import Money
from ledger import days, posting
from ledger.posting import Move
from offers import rules
from offers.errors import DisclosureOutdated, KycLevelRequired, OfferNotLive
from offers.models import Offer, OfferInvestment
from offers.services import accounts
from oversight import audit
from oversight.states import move_to

Status = OfferInvestment.Status


def insert(investment: OfferInvestment, accepted: Decimal, *, now: datetime) -> None:
    """Reserve a place for an investment that isn't written yet, and write it. Raises InsufficientBalance."""
    operation = _take_money(investment, accepted, now=now)
    for name, value in _reservation(investment, accepted, operation, now=now).items():
        setattr(investment, name, value)
    investment.status = Status.RESERVED
    investment.save(force_insert=True)
    _count(investment, accepted)
    figures = {"requested": str(investment.requested_amount), "accepted": str(accepted)}
    audit.record("offers.invested", actor=investment.investor, at=now, target=investment, after=figures)


def give(waiting: OfferInvestment, accepted: Decimal, *, now: datetime) -> None:
    """Reserve a place for who has waited for it; their reflection begins now. Raises InsufficientBalance."""
    operation = _take_money(waiting, accepted, now=now)
    changes = _reservation(waiting, accepted, operation, now=now)
    move_to(waiting, Status.RESERVED, by=None, at=now, reason="a place was free", **changes)
    _count(waiting, accepted)


def held(investor: Any, offer: Offer) -> Decimal:
    """Return what of the offer the investor holds already."""
    return offer.investments.holding().owned_by(investor).accepted()


def require_person(investor: Any, offer: Offer, total: Decimal, disclosure_version: str, *, now: datetime) -> None:
    """Refuse who may not hold so much of the offer: their level, and what they have seen and declared.

    `total` counts what they hold already, so that many small steps are warned of like a large one. Raises
    KycLevelRequired, DisclosureOutdated, and what `protection.require_ready` raises.
    """
    if investor.kyc_level < offer.kyc_level:
        raise KycLevelRequired(needed=offer.kyc_level, held=investor.kyc_level)
    if disclosure_version != offer.disclosure_version:
        raise DisclosureOutdated(accepted=disclosure_version[:40], present=offer.disclosure_version)
    protection.require_ready(
        investor, subject=offer.scope, version=offer.disclosure_version, amount=Money(total, offer.currency), now=now
    )


def require_takes_money(offer: Offer, now: datetime) -> None:
    """Refuse an offer that isn't live, or whose deadline is over. Raises OfferNotLive."""
    if not offer.takes_money_on(days.platform_date(now)):
        raise OfferNotLive(status=offer.status, deadline=offer.deadline.isoformat())


def _take_money(investment: OfferInvestment, accepted: Decimal, *, now: datetime) -> UUID:
    wallet = accounts.wallet(investment.investor, investment.offer)
    posted = posting.post(
        "offer_reserve",
        [Move(wallet.available, wallet.locked, accepted)],
        key=f"offer_reserve:{investment.pk}",
        now=now,
        actor=investment.investor,
    )
    return posted.transaction_id


def _reservation(investment: OfferInvestment, accepted: Decimal, operation: UUID, *, now: datetime) -> dict[str, Any]:
    days_to_reflect = protection.jurisdiction_of(investment.investor).reflection_days
    return {
        "accepted_amount": accepted,
        "operation_id": operation,
        "reserved_at": now,
        "reflects_until": rules.reflects_until(now, days=days_to_reflect),
    }


def _count(investment: OfferInvestment, accepted: Decimal) -> None:
    investment.offer.committed_amount += accepted
    investment.offer.save(update_fields=["committed_amount"])
