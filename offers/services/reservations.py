"""Reserve a place in a locked offer from an investor's wallet, and say who may have one. Steps.

Source: docs/rules/offers.md §2, §3.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import protection.services as protection
from accounts.errors import AccountBlocked
from core.money import Money
from ledger import days, posting
from ledger.posting import Move
from offers import rules
from offers.errors import DisclosureOutdated, KycLevelRequired, OfferNotLive
from offers.models import Offer, OfferInvestment
from offers.services import accounts
from oversight.states import move_to
from protection.models import Jurisdiction
from protection.services.standing import Standing

Status = OfferInvestment.Status


def give(waiting: OfferInvestment, accepted: Decimal, *, asked: Jurisdiction, now: datetime) -> None:
    """Reserve a place for who has waited for it; their reflection begins now. Raises InsufficientBalance."""
    wallet = accounts.wallet(waiting.investor, waiting.offer)
    posted = posting.post(
        "offer_reserve",
        [Move(wallet.available, wallet.locked, accepted)],
        key=f"offer_reserve:{waiting.pk}",
        now=now,
        actor=waiting.investor,
    )
    move_to(
        waiting,
        Status.RESERVED,
        by=None,
        at=now,
        reason="a place was free",
        accepted_amount=accepted,
        operation_id=posted.transaction_id,
        reserved_at=now,
        reflects_until=rules.reflects_until(now, days=asked.reflection_days),
    )
    waiting.offer.committed_amount += accepted
    waiting.offer.save(update_fields=["committed_amount"])


def require_person(
    offer: Offer, standing: Standing, total: Decimal, disclosure_version: str, *, now: datetime
) -> Jurisdiction:
    """Refuse who may not hold so much of the offer: their account, their level, what they have seen and declared.

    `total` counts what they hold already, so that many small steps are warned of like a large one; what holds for them
    is returned. Raises AccountBlocked, KycLevelRequired, DisclosureOutdated, and what `protection.require` raises.
    """
    investor = standing.investor
    if not investor.is_active:
        raise AccountBlocked  # Who can't log in couldn't take it back while they reflect.
    if investor.kyc_level < offer.kyc_level:
        raise KycLevelRequired(needed=offer.kyc_level, held=investor.kyc_level)
    if disclosure_version != offer.disclosure_version:
        raise DisclosureOutdated(accepted=disclosure_version[:40], present=offer.disclosure_version)
    return protection.require(standing, amount=Money(total, offer.currency), now=now)


def require_takes_money(offer: Offer, now: datetime) -> None:
    """Refuse an offer that isn't live, or whose deadline is over. Raises OfferNotLive."""
    if not offer.takes_money_on(days.platform_date(now)):
        raise OfferNotLive(status=offer.status, deadline=offer.deadline.isoformat())
