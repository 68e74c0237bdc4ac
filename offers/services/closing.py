"""Close offers, fail them, and repay them at maturity: for all investors at once, one ledger transaction each.

Each is one transaction over set-based statements: killed, it leaves nothing, and done twice, the second finds another
status. Source: docs/rules/offers.md §4.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Case, F, Max, Sum, When

from core.commands import command
from core.states import require_move
from ledger import amounts, days, posting
from ledger.models import Fund
from ledger.posting import FundCommitted
from offers import notices
from offers.errors import IncomeLeft, OfferNotFound, ReflectionRunning, TargetNotReached
from offers.models import Offer, OfferInvestment
from offers.services import accounts
from offers.services.drafts import STEER
from offers.services.rows import has_part, locked
from oversight import services as oversight
from oversight.models import ApprovalRequest
from oversight.permissions import require_permission
from oversight.states import move_to
from oversight.verbs import Verb

Status = Offer.Status
Held = OfferInvestment.Status


@command
def close_offer(offer_id: UUID, *, by: Any, reason: str, now: datetime) -> Offer:
    """Close before the deadline what is funded: reserved money becomes principal.

    Raises OfferNotFound, Forbidden, IllegalMove, ReflectionRunning, TargetNotReached.
    """
    require_permission(by, STEER)
    offer = locked(offer_id)
    require_move(Offer.MOVES, offer.status, Status.CLOSED)
    _require_reflected(offer, now)
    if not offer.is_funded:
        raise TargetNotReached(target=str(offer.target), committed=str(offer.committed_amount))
    _close(offer, by=by, on=days.platform_date(now), now=now, reason=reason)
    return offer


@command
def end_gathering(offer_id: UUID, *, on: date, now: datetime) -> str | None:
    """Close or fail an offer whose deadline is over; return its new status, None while somebody still reflects."""
    offer = locked(offer_id)
    if not Offer.objects.over_by(on).filter(pk=offer.pk).exists():
        return None
    if offer.investments.reflecting(now).exists():
        return None
    if offer.is_funded:
        _close(offer, by=None, on=on, now=now, reason="its deadline is over")
    else:
        _fail(offer, by=None, on=on, now=now, reason="its deadline is over and not enough came")
    return offer.status


@command
def mature_offer(offer_id: UUID, *, on: date, now: datetime) -> bool:
    """Repay the principal of an offer that has reached its maturity; say whether there was one to repay.

    Raises FundCommitted while its money isn't in the bank, IncomeLeft while some of its income isn't distributed.
    """
    offer = locked(offer_id)
    if not Offer.objects.maturing_by(on).filter(pk=offer.pk).exists():
        return False
    _require_settled(offer)
    _repay(offer, on=on, now=now)
    move_to(offer, Status.MATURED, by=None, at=now, reason="its maturity is reached", ended_on=on)
    return True


@command
def request_failure(offer_id: UUID, *, by: Any, reason: str, now: datetime) -> ApprovalRequest:
    """Ask that an offer fail and everybody get their money back.

    Raises OfferNotFound, IllegalMove, FundCommitted, IncomeLeft, and what oversight refuses.
    """
    offer = locked(offer_id)
    require_failable(offer)
    return oversight.ask(
        FAIL.name,
        by=by,
        at=now,
        payload={"offer": str(offer.pk)},
        summary=[("Offer", offer.name), *_goes_back(offer)],
        target=offer,
        reason=reason,
    )


def require_failable(offer: Offer) -> None:
    """Refuse to fail what has ended, or whose money isn't all there. Raises IllegalMove, FundCommitted, IncomeLeft."""
    require_move(Offer.MOVES, offer.status, Status.FAILED)
    _require_settled(offer)


def apply_failure(request: ApprovalRequest, by: Any, now: datetime) -> Offer:
    """Give everybody their money back (step). Raises IllegalMove, FundCommitted, IncomeLeft."""
    offer = locked(UUID(request.payload["offer"]))
    _fail(offer, by=by, on=days.platform_date(now), now=now, reason=request.reason)
    return offer


def look_at_failure(request: ApprovalRequest) -> list[tuple[str, str]]:
    """Say what would go back as things stand. Raises OfferNotFound, IllegalMove, FundCommitted, IncomeLeft."""
    offer = Offer.objects.filter(pk=request.payload["offer"]).first()
    if offer is None:
        raise OfferNotFound
    require_failable(offer)
    return _goes_back(offer)


def _goes_back(offer: Offer) -> list[tuple[str, str]]:
    holding = offer.investments.holding()
    return [("Investments", f"{holding.count():,}"), ("Goes back", amounts.show(_held(offer), offer.currency))]


def _held(offer: Offer) -> Decimal:
    """What stands with the offer: reserved, or what of the principal is left."""
    each = Case(When(status=Held.RESERVED, then=F("accepted_amount")), default=F("principal"))
    return offer.investments.holding().aggregate(sum=Sum(each))["sum"] or Decimal(0)


def _close(offer: Offer, *, by: Any, on: date, now: datetime, reason: str) -> None:
    accounts.open_principals(offer)
    _post(offer, "offer_commit", on=on, now=now)
    notices.tell_holders(offer, notices.COMMITTED, status=Held.RESERVED, amount="accepted_amount", now=now)
    _move_all(offer, Held.RESERVED, Held.COMMITTED, "principal = accepted_amount")
    _lapse_line(offer, now=now)
    move_to(offer, Status.CLOSED, by=by, at=now, reason=reason, closed_on=on)


def _fail(offer: Offer, *, by: Any, on: date, now: datetime, reason: str) -> None:
    require_failable(offer)
    if offer.status == Status.CLOSED:
        _repay(offer, on=on, now=now)
    else:
        _post(offer, "offer_release", on=on, now=now)
        notices.tell_holders(offer, notices.RELEASED, status=Held.RESERVED, amount="accepted_amount", now=now)
        _move_all(offer, Held.RESERVED, Held.RELEASED, "ended_at = %(now)s", now=now)
        _lapse_line(offer, now=now)
        offer.committed_amount = 0
        offer.save(update_fields=["committed_amount"])
    move_to(offer, Status.FAILED, by=by, at=now, reason=reason, ended_on=on)


def _repay(offer: Offer, *, on: date, now: datetime) -> None:
    _post(offer, "offer_repay", on=on, now=now)
    notices.tell_holders(offer, notices.REPAID, status=Held.COMMITTED, amount="principal", now=now)
    _move_all(offer, Held.COMMITTED, Held.REPAID, "principal = 0, ended_at = %(now)s", now=now)


def _post(offer: Offer, kind: str, *, on: date, now: datetime) -> None:
    given = {"offer": offer.pk, "scope": offer.scope, "currency": offer.currency}
    posting.post_query(kind, _MOVES[kind], given, now=now, effective_on=on)


def _move_all(offer: Offer, status: str, to: str, changes: str, **given: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE offers_offerinvestment SET status = %(to)s, {changes}"
            " WHERE offer_id = %(offer)s AND status = %(status)s",
            {"offer": offer.pk, "status": status, "to": to, **given},
        )


def _lapse_line(offer: Offer, *, now: datetime) -> None:
    notices.tell_line_ended(offer, now=now)
    _move_all(offer, Held.WAITING, Held.LAPSED, "ended_at = %(now)s", now=now)


def _require_reflected(offer: Offer, now: datetime) -> None:
    until = offer.investments.reflecting(now).aggregate(last=Max("reflects_until"))["last"]
    if until is not None:
        raise ReflectionRunning(until=until.isoformat())


def _require_settled(offer: Offer) -> None:
    """Refuse to end an offer whose money isn't in the bank, or whose income isn't distributed: it would be nobody's."""
    fund = Fund.objects.filter(scope=offer.scope, currency_id=offer.currency).first()
    if fund is not None and (fund.deployed or fund.shortfall):
        at_work, lost = (amounts.show(each, offer.currency) for each in (fund.deployed, fund.shortfall))
        raise FundCommitted(
            f"The offer's money isn't in the bank: {at_work} at work, {lost} lost and not shared yet.",
            deployed=str(fund.deployed),
            shortfall=str(fund.shortfall),
        )
    left = accounts.income_left(offer)
    if left:
        raise IncomeLeft(f"Distribute what is left in its pool first: {amounts.show(left, offer.currency)}.")


_WALLETS: Final = """
    JOIN ledger_account {name} ON {name}.kind = '{kind}' AND {name}.owner_id = i.investor_id
        AND {name}.subject = '' AND {name}.scope = '' AND {name}.currency_id = %(currency)s
"""
_PRINCIPAL: Final = """
    JOIN ledger_account p ON p.kind = 'principal' AND p.owner_id = i.investor_id
        AND p.subject = i.id::text AND p.scope = %(scope)s AND p.currency_id = %(currency)s
"""
_LOCKED = _WALLETS.format(name="l", kind="locked")
_AVAILABLE = _WALLETS.format(name="w", kind="available")
_FROM: Final = """
    SELECT '{kind}:' || i.id AS key, {debit}.id AS debit, {credit}.id AS credit, %(currency)s AS currency,
           i.{amount} AS amount
    FROM offers_offerinvestment i {joins} WHERE i.offer_id = %(offer)s AND i.status = '{status}' AND i.{amount} > 0
"""
_MOVES: Final = {
    "offer_commit": _FROM.format(
        kind="offer_commit",
        debit="l",
        credit="p",
        amount="accepted_amount",
        status="reserved",
        joins=_LOCKED + _PRINCIPAL,
    ),
    "offer_release": _FROM.format(
        kind="offer_release",
        debit="l",
        credit="w",
        amount="accepted_amount",
        status="reserved",
        joins=_LOCKED + _AVAILABLE,
    ),
    "offer_repay": _FROM.format(
        kind="offer_repay", debit="p", credit="w", amount="principal", status="committed", joins=_PRINCIPAL + _AVAILABLE
    ),
}

FAIL = Verb(
    name="offers.fail",
    title="Fail an offer: everybody gets their money back",
    request_permission="offers.request_deed",
    approve_permission="offers.approve_deed",
    apply=apply_failure,
    target_model=Offer,
    target_fields=("code", "status"),
    look=look_at_failure,
    has_interest=has_part,
)
