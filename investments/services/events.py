"""Write down what was done with a position, and find its accounts. Steps."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from investments.models import Position, PositionEvent
from ledger import accounts, days
from ledger.models import Account
from ledger.posting import Move
from oversight import audit

ZERO = Decimal(0)


def record(
    position: Position,
    verb: str,
    *,
    now: datetime,
    value_on: date,
    actor: Any,
    event_id: UUID | None = None,
    amount: Decimal = ZERO,
    penalty: Decimal = ZERO,
    transaction: UUID | None = None,
    reason: str = "",
    **key: Any,
) -> PositionEvent:
    """Append the event and its audit; `key` are the columns of an HTTP request's key, if it came by one."""
    event = PositionEvent(
        id=event_id or uuid7(),
        position=position,
        owner_id=position.owner_id,
        verb=verb,
        amount=amount,
        penalty=penalty,
        value_on=value_on,
        made_at=now,
        transaction=transaction,
        **key,
    )
    event.save(force_insert=True)
    figures = {"amount": str(amount), "penalty": str(penalty), "value_on": value_on.isoformat()}
    audit.record(f"investments.position.{verb}", actor=actor, at=now, target=position, after=figures, reason=reason)
    return event


def day_of(now: datetime, on: date | None) -> date:
    """Return the verb's day: the one being closed, if the close says so, else `now`'s in the platform's zone."""
    return on or days.platform_date(now)


def principal_account(position: Position) -> Account:
    return accounts.open_account(
        "principal",
        position.product.currency,
        owner=position.owner,
        subject=position.ledger_subject,
        scope=position.product.scope,
    )


def funding_moves(position: Position, amount: Decimal) -> list[Move]:
    wallet = accounts.wallet(position.owner, position.product.currency)
    return [Move(wallet.available, principal_account(position), amount)]


def exit_moves(position: Position, amount: Decimal, penalty: Decimal) -> list[Move]:
    """Debit the principal, credit the wallet with what is left and the penalties with the rest."""
    wallet = accounts.wallet(position.owner, position.product.currency)
    principal = principal_account(position)
    moves = [Move(principal, wallet.available, amount - penalty)]
    if penalty:
        moves.append(Move(principal, accounts.open_account("penalties", position.product.currency), penalty))
    return moves


def key_columns(key: Any) -> dict[str, Any]:
    """The columns that an event keeps of the HTTP request that asked for it."""
    return {} if key is None else key.columns()
