"""Open positions and put money into them. Source: docs/rules/returns.md §2."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from core.commands import command
from core.errors import NotFound
from investments import notices, rules
from investments.errors import (
    AboveMaximum,
    BelowMinimum,
    DisclosureOutdated,
    ExitWaiting,
    KycLevelRequired,
    NotOpenForFunding,
    NotToppedUp,
    ProductRetired,
)
from investments.models import ExitRequest, Position, PositionEvent, ProductVersion
from investments.services import events, readiness, terms
from ledger import posting
from oversight.states import move_to

Status = Position.Status
Verb = PositionEvent.Verb

UNFUNDED_DAYS = 30
FUNDED = (Status.ACTIVE, Status.PAUSED)
PENDING = (Status.PENDING_KYC, Status.PENDING_FUNDING)


@command
def open_position(
    owner: Any,
    *,
    product: UUID,
    disclosure_version: str,
    now: datetime,
    amount: Decimal | None = None,
    key: Any = None,
) -> Position:
    """Open a position in the product's active version; with `amount`, fund it from the wallet at once.

    Without `amount` too it takes an owner who may invest in the product. Raises NotFound, DisclosureOutdated, and what
    `fund_position` raises.
    """
    version = ProductVersion.objects.active().select_related("product").filter(product_id=product).first()
    if version is None:
        raise NotFound("There is no such product on offer.")
    if disclosure_version != version.disclosure_version:
        raise DisclosureOutdated(accepted=disclosure_version[:40], present=version.disclosure_version)
    ready = owner.kyc_level >= version.kyc_level
    position = Position.objects.create(
        owner=owner,
        product=version.product,
        version=version,
        status=Status.PENDING_FUNDING if ready else Status.PENDING_KYC,
        disclosure_version=disclosure_version,
        opened_at=now,
    )
    events.record(
        position, Verb.OPEN, now=now, value_on=events.day_of(now, None), actor=owner, **events.key_columns(key)
    )
    if amount is None:
        readiness.require_ready(position, amount=Decimal(0), now=now)
    else:
        add_money(position, amount=amount, now=now, actor=owner)
    return position


@command
def fund_position(position_id: UUID, *, owner: Any, amount: Decimal, now: datetime, key: Any = None) -> Position:
    """Move money from the owner's wallet into the position: its first funding, or a top-up.

    Raises NotFound, KycLevelRequired, BelowMinimum, AboveMaximum, ProductRetired, DisclosureOutdated, NotToppedUp,
    ExitWaiting, NotOpenForFunding, InsufficientBalance, FundShortfall, and what `readiness.require_ready` raises.
    """
    position = owned(position_id, owner)
    add_money(position, amount=amount, now=now, actor=owner, **events.key_columns(key))
    return position


def add_money(
    position: Position, *, amount: Decimal, now: datetime, actor: Any, on: date | None = None, **key: Any
) -> PositionEvent:
    """Fund or top up a locked position (step)."""
    value_on = events.day_of(now, on)
    _require_takes_money(position, amount, now=now)
    moves = events.funding_moves(position, amount)
    # All fundings of one person in one product debit one wallet: locked first, they are judged one after the other.
    posting.enter(moves)
    readiness.require_ready(position, amount=amount, now=now)
    is_first = position.status == Status.PENDING_FUNDING
    event_id = uuid7()
    posted = posting.post(
        "position_fund",
        moves,
        key=f"position_fund:{event_id}",
        now=now,
        actor=actor,
        effective_on=value_on,
    )
    position.principal += amount
    position.deposited += amount
    if is_first:
        _start(position, value_on=value_on, now=now, actor=actor)
    else:
        position.save(update_fields=["principal", "deposited"])
        terms.change_principal(position, from_on=value_on + rules.ONE_DAY, by=amount)
    notices.tell_funded(position, amount=amount, event_id=event_id, now=now)
    return events.record(
        position,
        Verb.FUND if is_first else Verb.TOP_UP,
        now=now,
        value_on=value_on,
        actor=actor,
        event_id=event_id,
        amount=amount,
        transaction=posted.transaction_id,
        **key,
    )


@command
def cancel_unfunded(position_id: UUID, *, now: datetime) -> bool:
    """Cancel a position that nobody has funded for 30 days; say whether there still was something to cancel."""
    position = Position.objects.lock(position_id)
    if position.status not in PENDING or position.opened_at > now - timedelta(days=UNFUNDED_DAYS):
        return False
    move_to(position, Status.CANCELLED, by=None, at=now, reason=f"not funded within {UNFUNDED_DAYS} days")
    return True


def unfunded(now: datetime) -> list[UUID]:
    """The positions that nobody has funded for 30 days; `cancel_unfunded` takes each."""
    since = now - timedelta(days=UNFUNDED_DAYS)
    waiting = Position.objects.filter(status__in=PENDING, opened_at__lte=since).order_by("pk")
    return list(waiting.values_list("pk", flat=True))


def owned(position_id: UUID, owner: Any) -> Position:
    """Lock a position of this owner. Raises NotFound for anybody else's."""
    try:
        position = Position.objects.owned_by(owner).lock(position_id)
    except Position.DoesNotExist:
        raise NotFound("You have no such position.") from None
    return position


def _start(position: Position, *, value_on: date, now: datetime, actor: Any) -> None:
    position.initial_principal = position.principal
    position.last_on = rules.last_day(value_on, position.version.term_days)
    move_to(
        position,
        Status.ACTIVE,
        by=actor,
        at=now,
        initial_principal=position.principal,
        principal=position.principal,
        deposited=position.deposited,
        funded_on=value_on,
        last_on=position.last_on,
    )
    terms.begin(position, from_on=value_on + rules.ONE_DAY)


def _require_takes_money(position: Position, amount: Decimal, *, now: datetime) -> None:
    version = position.version
    if position.status in PENDING:
        _require_kyc(position, now=now)
    elif position.status not in FUNDED:
        raise NotOpenForFunding(status=position.status)
    elif not version.is_open_ended:
        raise NotToppedUp
    _require_on_offer(position)
    if position.exits.waiting().filter(kind=ExitRequest.Kind.CANCELLATION).exists():
        raise ExitWaiting
    total = position.principal + amount
    if total < version.minimum:
        raise BelowMinimum(minimum=f"{version.minimum.normalize():f}", currency=position.product.currency)
    if version.maximum is not None and total > version.maximum:
        raise AboveMaximum(maximum=f"{version.maximum.normalize():f}", currency=position.product.currency)


def _require_on_offer(position: Position) -> None:
    """Refuse first money under a sheet that another has followed; what is held keeps its own.

    Raises ProductRetired, DisclosureOutdated.
    """
    offered = ProductVersion.objects.active().filter(product=position.product_id)
    present = offered.values_list("disclosure_version", flat=True).first()
    if present is None:
        raise ProductRetired
    accepted = position.disclosure_version
    if position.status in PENDING and accepted != present:
        advice = "This position was opened under a former disclosure: cancel it and open one under the present."
        raise DisclosureOutdated(advice, accepted=accepted, present=present)


def _require_kyc(position: Position, *, now: datetime) -> None:
    """Let a position whose owner has reached the level go on. Raises KycLevelRequired."""
    if position.owner.kyc_level < position.version.kyc_level:
        raise KycLevelRequired(needed=position.version.kyc_level, present=position.owner.kyc_level)
    if position.status == Status.PENDING_KYC:
        move_to(position, Status.PENDING_FUNDING, by=None, at=now, reason="the owner has reached the KYC level")
