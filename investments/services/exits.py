"""Let principal leave: withdrawals, cancellations, maturities, and the line in which they wait.

A product's exits come one by one: its row is locked before the position's, so that nobody overtakes in the queue.
Source: docs/rules/returns.md §2.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from uuid_utils.compat import uuid7

from core.commands import command
from core.errors import NotFound
from core.states import require_move
from investments import notices, rules
from investments.errors import (
    BelowMinimum,
    ExitWaiting,
    InsufficientPrincipal,
    LockedUntilMaturity,
    PrincipalHeld,
)
from investments.models import ExitRequest, Position, PositionEvent, Product
from investments.services import events, terms
from investments.services.funding import PENDING, owned
from ledger import accounts, posting
from oversight import audit
from oversight.states import move_to

Status = Position.Status
Verb = PositionEvent.Verb
Kind = ExitRequest.Kind

VERBS = {Kind.WITHDRAWAL: Verb.WITHDRAW, Kind.CANCELLATION: Verb.CANCEL, Kind.MATURITY: Verb.MATURE}


@command
def withdraw(position_id: UUID, *, owner: Any, amount: Decimal, now: datetime, key: Any = None) -> Position:
    """Move part of the principal to the wallet, or into the line when the money is at work.

    Raises NotFound, IllegalMove, PrincipalHeld, LockedUntilMaturity, ExitWaiting, InsufficientPrincipal, BelowMinimum.
    """
    position = _lock_in_line(position_id, owner)
    _require_may_leave(position)
    staying = position.principal - waiting_amount(position) - amount
    if staying < 0:
        raise InsufficientPrincipal
    if staying < position.version.minimum:
        minimum = f"{position.version.minimum.normalize():f}"
        raise BelowMinimum("Less than the minimum would stay; cancel the position instead.", minimum=minimum)
    leave_or_wait(position, amount=amount, kind=Kind.WITHDRAWAL, now=now, actor=owner, key=key)
    return position


@command
def cancel(position_id: UUID, *, owner: Any, now: datetime, key: Any = None) -> Position:
    """End a position: at once if it was never funded, else by letting all principal leave, or wait in line.

    Raises NotFound, IllegalMove, PrincipalHeld, LockedUntilMaturity, ExitWaiting.
    """
    position = _lock_in_line(position_id, owner)
    if position.status in PENDING:
        move_to(position, Status.CANCELLED, by=owner, at=now)
        events.record(
            position, Verb.CANCEL, now=now, value_on=events.day_of(now, None), actor=owner, **events.key_columns(key)
        )
        return position
    _require_may_leave(position)
    amount = position.principal - waiting_amount(position)
    leave_or_wait(position, amount=amount, kind=Kind.CANCELLATION, now=now, actor=owner, key=key)
    return position


@command
def mature(position_id: UUID, *, on: date, now: datetime) -> bool:
    """Mature a position whose last day is over in the close of `on`; say whether it still had to be."""
    position = _lock_in_line(position_id, None)
    if position.status not in (Status.ACTIVE, Status.PAUSED) or position.last_on is None or position.last_on > on:
        return False
    move_to(position, Status.MATURED, by=None, at=now, reason=f"its last day was {position.last_on}")
    amount = position.principal - waiting_amount(position)
    if amount:
        leave_or_wait(position, amount=amount, kind=Kind.MATURITY, now=now, actor=None, on=on)
    return True


def maturing(on: date) -> Iterator[UUID]:
    """The positions that the close of `on` matures, in order of their ids; `mature` takes each."""
    return Position.objects.maturing(on).order_by("pk").values_list("pk", flat=True).iterator()


@command
def pay_exits(product_id: UUID, *, now: datetime, on: date | None = None) -> int:
    """Pay a product's waiting exits as far as the money goes; return how many."""
    return pay_line(product_id, now=now, on=on)


def pay_line(product_id: UUID, *, now: datetime, on: date | None = None) -> int:
    """Pay whole requests by `asked_at`, up to the first that doesn't fit (step).

    What a suspended position or a blocked owner asked for keeps its place, and is passed over meanwhile.
    """
    lock_line(product_id)
    paid = 0
    for request in list(ExitRequest.objects.in_line(product_id)):
        position = Position.objects.lock(request.position_id)
        if _is_held(position):
            continue
        if not _leave(position, amount=request.amount, kind=request.kind, now=now, actor=None, on=on):
            break
        move_to(request, ExitRequest.Status.PAID, by=None, at=now, paid_at=now)
        paid += 1
    return paid


def lock_line(product_id: UUID) -> None:
    """Lock a product's line and, by primary key, the positions that stand in it: before any ledger account (step)."""
    Product.objects.lock(product_id)
    Position.objects.lock_all(ExitRequest.objects.in_line(product_id).values("position_id"))


@command
def withdraw_request(request_id: UUID, *, owner: Any, now: datetime) -> ExitRequest:
    """Step out of the line. A matured position stays in it: there is nothing left to stay for.

    Raises NotFound, IllegalMove, ExitWaiting (a cancellation counts on the withdrawals before it).
    """
    found = ExitRequest.objects.filter(pk=request_id, position__owner=owner).exclude(kind=Kind.MATURITY).first()
    if found is None:
        raise NotFound("You have no such request.")
    position = _lock_in_line(found.position_id, owner)
    if position.status == Status.MATURED:
        raise NotFound("You have no such request.")
    if position.exits.waiting().exclude(pk=request_id).exclude(kind=Kind.WITHDRAWAL).exists():
        raise ExitWaiting
    request = ExitRequest.objects.get(pk=request_id)
    move_to(request, ExitRequest.Status.WITHDRAWN, by=owner, at=now)
    return request


def place_in_line(request: ExitRequest) -> int:
    """Count whom a waiting request stands behind, itself included."""
    line = ExitRequest.objects.in_line(request.product_id).values_list("pk", flat=True)
    return list(line).index(request.pk) + 1


def leave_or_wait(
    position: Position,
    *,
    amount: Decimal,
    kind: str,
    now: datetime,
    actor: Any,
    on: date | None = None,
    key: Any = None,
) -> None:
    """Pay an exit at once if nobody waits and the money is there; else put it into the line (step)."""
    may_go = not _is_held(position) and not ExitRequest.objects.in_line(position.product_id).exists()
    if may_go and _leave(position, amount=amount, kind=kind, now=now, actor=actor, on=on, key=key):
        return
    request = ExitRequest.objects.create(
        position=position, product_id=position.product_id, kind=kind, amount=amount, asked_at=now
    )
    value_on = events.day_of(now, on)
    events.record(
        position,
        Verb.ASK,
        now=now,
        value_on=value_on,
        actor=actor,
        amount=amount,
        reason=kind,
        **events.key_columns(key),
    )
    notices.tell_waits(position, amount=amount, request_id=request.pk, now=now)
    audit.record("investments.exit.waits", actor=actor, at=now, target=request, after={"amount": str(amount)})


def _leave(
    position: Position,
    *,
    amount: Decimal,
    kind: str,
    now: datetime,
    actor: Any,
    on: date | None = None,
    key: Any = None,
) -> bool:
    """Post the exit and put the rows right; answer False when the product's money is at work."""
    value_on = events.day_of(now, on)
    event_id = uuid7()
    penalty = _penalty(position, amount, value_on=value_on)
    moves = events.exit_moves(position, amount, penalty)
    try:
        with transaction.atomic():
            posted = posting.post(
                "position_exit", moves, key=f"position_exit:{event_id}", now=now, actor=actor, effective_on=value_on
            )
    except posting.FundCommitted:
        return False
    _take_out(position, amount=amount, kind=kind, value_on=value_on, now=now, actor=actor)
    events.record(
        position,
        VERBS[Kind(kind)],
        now=now,
        value_on=value_on,
        actor=actor,
        event_id=event_id,
        amount=amount,
        penalty=penalty,
        transaction=posted.transaction_id,
        **events.key_columns(key),
    )
    notices.tell_paid_out(position, amount=amount, penalty=penalty, event_id=event_id, now=now)
    return True


def _take_out(position: Position, *, amount: Decimal, kind: str, value_on: date, now: datetime, actor: Any) -> None:
    position.principal -= amount
    position.withdrawn += amount
    position.save(update_fields=["principal", "withdrawn"])
    terms.change_principal(position, from_on=value_on + rules.ONE_DAY, by=-amount)
    # One that matured while its cancellation waited in line stays matured.
    if kind == Kind.CANCELLATION and position.status != Status.MATURED:
        terms.stop_earning(position, from_on=value_on + rules.ONE_DAY)
        move_to(position, Status.CANCELLED, by=actor, at=now, last_on=ended_on(position, value_on))


def ended_on(position: Position, value_on: date) -> date:
    return value_on if position.last_on is None else min(position.last_on, value_on)


def _penalty(position: Position, amount: Decimal, *, value_on: date) -> Decimal:
    """Only a product with a term has an early exit, and only before its last day."""
    if position.version.is_open_ended or position.last_on is None or value_on >= position.last_on:
        return Decimal(0)
    exponent = accounts.require_currency(position.product.currency).exponent
    return rules.early_exit_penalty(amount, position.version.early_exit_penalty, exponent=exponent)


def _require_may_leave(position: Position) -> None:
    if _is_held(position):
        raise PrincipalHeld
    require_move(Position.MOVES, position.status, Status.CANCELLED)
    if position.version.locked:
        raise LockedUntilMaturity(last_on=position.last_on.isoformat() if position.last_on else None)
    if position.exits.waiting().exclude(kind=Kind.WITHDRAWAL).exists():
        raise ExitWaiting


def _is_held(position: Position) -> bool:
    return position.status == Status.SUSPENDED or position.owner.blocked_at is not None


def waiting_amount(position: Position) -> Decimal:
    """What of the principal waits in line already."""
    return position.exits.waiting().aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


def _lock_in_line(position_id: UUID, owner: Any) -> Position:
    """Lock the product's line, then the position. Raises NotFound."""
    product_id = Position.objects.filter(pk=position_id).values_list("product_id", flat=True).first()
    if product_id is None:
        raise NotFound("You have no such position.")
    if owner is None:
        Product.objects.lock(product_id)
        return Position.objects.lock(position_id)
    if not Position.objects.owned_by(owner).filter(pk=position_id).exists():
        raise NotFound("You have no such position.")
    Product.objects.lock(product_id)
    return owned(position_id, owner)
