"""An investor says that money will come; it comes, or its time passes."""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import OperationalError, transaction

from accounts.models import User
from api.idempotency import RequestKey
from core.commands import command
from core.errors import DomainError, NotFound
from core.money import Money
from ledger import amounts
from oversight import alerts, audit
from oversight.services import move_to
from payments import hooks, notices, signals
from payments.models import Deposit, PaymentMethod

log = logging.getLogger(__name__)

EXPIRED_AT_ONCE = 500
"""Deposits that one transaction of `expire_deposits` takes, so that it holds few locks for a short time."""


class MethodUnavailable(DomainError):
    code = "method-unavailable"
    title = "This payment method isn't offered for this currency and country"
    status = 422


class AmountOutsideMethod(DomainError):
    code = "amount-outside-method"
    title = "The method doesn't take an amount of this size"
    status = 422


class AmountNotPostable(DomainError):
    code = "amount-not-postable"
    title = "An amount is more than zero and has no more digits after the point than its currency"
    status = 422


class UnknownPosition(DomainError):
    code = "unknown-investment-account"
    title = "There is no such investment account in this currency"
    status = 422


class UnknownDeposit(NotFound):
    code = "unknown-deposit"
    title = "There is no such deposit"


@command
def request_deposit(
    investor: User,
    *,
    key: RequestKey,
    amount: Money,
    method: str,
    now: datetime,
    position_id: UUID | None = None,
) -> Deposit:
    """Note that the investor will send an amount, and give it a payment reference.

    `position_id` names the position that the money is for, once it is there. Raises AmountNotPostable,
    MethodUnavailable, AmountOutsideMethod, UnknownPosition.
    """
    if not amounts.is_postable(amount.amount, amount.currency):
        raise AmountNotPostable
    way = require_method(method, currency=amount.currency, country=investor.country)
    if not way.minimum <= amount.amount <= way.maximum:
        minimum, maximum = (amounts.format_amount(bound, amount.currency) for bound in (way.minimum, way.maximum))
        raise AmountOutsideMethod(
            f"{way.name} takes {minimum} to {maximum} {amount.currency}.",
            minimum=minimum,
            maximum=maximum,
            currency=amount.currency,
        )
    if position_id is not None and not hooks.owns_position(investor, position_id, amount.currency):
        raise UnknownPosition
    deposit = Deposit.objects.create(
        investor=investor,
        method=way,
        currency_id=amount.currency,
        amount=amount.amount,
        position_id=position_id,
        created_at=now,
        expires_at=now + timedelta(days=way.expires_days),
        **key.columns(),
    )
    audit.record(
        "payments.deposit.pending",
        actor=investor,
        at=now,
        target=deposit,
        after={"status": deposit.status, "amount": amount.amount, "currency": amount.currency},
    )
    return deposit


@command
def expire_deposits(*, now: datetime) -> int:
    """Expire deposits whose money hasn't come in time, up to EXPIRED_AT_ONCE; return how many.

    Call it again until it answers 0. Late money still confirms them.
    """
    overdue = list(Deposit.objects.overdue(now).lock_some(EXPIRED_AT_ONCE))
    for deposit in overdue:
        move_to(deposit, Deposit.Status.EXPIRED, by=None, at=now, reason="no money by its last day")
    notices.tell_expired(overdue, now=now)
    return len(overdue)


def require_method(code: str, *, currency: str, country: str) -> PaymentMethod:
    """Return the offered way in. Raises MethodUnavailable."""
    way = PaymentMethod.objects.into().for_country(country).filter(code=code, currency_id=currency).first()
    if way is None:
        raise MethodUnavailable
    return way


def require_deposit(deposit_id: UUID) -> Deposit:
    """Lock a deposit (step). Raises UnknownDeposit."""
    try:
        return Deposit.objects.lock(deposit_id)
    except Deposit.DoesNotExist:
        raise UnknownDeposit from None


def confirm(
    deposit: Deposit, *, amount: Money, value_on: date | None, transaction_id: UUID, by: User, now: datetime
) -> None:
    """Mark a locked deposit as credited, and tell the rooms above in a savepoint (step). Raises IllegalMove."""
    move_to(
        deposit,
        Deposit.Status.CONFIRMED,
        by=by,
        at=now,
        arrived_amount=amount.amount,
        value_on=value_on,
        confirmed_at=now,
        transaction_id=transaction_id,
        position_refusal="",
    )
    notices.tell_confirmed(deposit, now=now)
    refusal = _refusal_of_listeners(deposit, now=now)
    if refusal is None:
        return
    deposit.position_refusal = refusal.code
    deposit.save(update_fields=["position_refusal"])
    alerts.raise_alert(
        "deposit-not-invested",
        title=f"Deposit {deposit.shown_reference} was credited but not invested",
        detail=refusal.detail,
        at=now,
        target=deposit,
        dedupe=str(deposit.pk),
    )


class ListenerFailed(DomainError):
    """A listener broke; what it had done is undone, and engineers are told."""

    code = "internal-error"
    title = "The investment couldn't be made; an engineer finds the cause in the log"


def _refusal_of_listeners(deposit: Deposit, *, now: datetime) -> DomainError | None:
    """Send the event in a savepoint, which is undone if a listener refuses or breaks."""
    facts: dict[str, Any] = {"deposit": deposit, "now": now}
    try:
        with transaction.atomic():
            signals.deposit_confirmed.send(sender=Deposit, **facts)
    except DomainError as refusal:
        return refusal
    except OperationalError:
        raise  # A deadlock or a lost connection: the whole command is tried again.
    except Exception:
        log.exception("a listener of deposit_confirmed failed", extra={"deposit": str(deposit.pk)})
        return ListenerFailed()
    return None
