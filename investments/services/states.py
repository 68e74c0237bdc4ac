"""Pause, resume, suspend, release. Source: docs/rules/returns.md §2."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from core.commands import command
from core.errors import Forbidden, IllegalMove, NotFound
from core.states import require_move
from investments.errors import NotPausable
from investments.models import Position, PositionEvent
from investments.rules import ONE_DAY
from investments.services import events, terms
from investments.services.funding import owned
from oversight.permissions import require_permission
from oversight.services import ReasonMissing
from oversight.states import move_to

Status = Position.Status
Verb = PositionEvent.Verb
SUSPEND = "investments.suspend_position"


@command
def pause(position_id: UUID, *, owner: Any, now: datetime, key: Any = None) -> Position:
    """Stop earning after today; principal stays, and a term goes on running.

    Raises NotFound, IllegalMove, NotPausable.
    """
    position = owned(position_id, owner)
    require_move(Position.MOVES, position.status, Status.PAUSED)
    if not position.version.pausable:
        raise NotPausable
    if position.status == Status.SUSPENDED:
        raise IllegalMove("It is suspended; only an officer releases it.", current=position.status)
    move_to(position, Status.PAUSED, by=owner, at=now)
    value_on = events.day_of(now, None)
    terms.stop_earning(position, from_on=value_on + ONE_DAY)
    events.record(position, Verb.PAUSE, now=now, value_on=value_on, actor=owner, **events.key_columns(key))
    return position


@command
def resume(position_id: UUID, *, owner: Any, now: datetime, key: Any = None) -> Position:
    """Earn again from tomorrow on.

    Raises NotFound, IllegalMove.
    """
    position = owned(position_id, owner)
    if position.status != Status.PAUSED:
        raise IllegalMove("Only a paused position is resumed.", current=position.status, wanted=Status.ACTIVE)
    move_to(position, Status.ACTIVE, by=owner, at=now)
    value_on = events.day_of(now, None)
    terms.start_earning(position, from_on=value_on + ONE_DAY)
    events.record(position, Verb.RESUME, now=now, value_on=value_on, actor=owner, **events.key_columns(key))
    return position


@command
def suspend(position_id: UUID, *, by: Any, reason: str, now: datetime) -> Position:
    """Hold a position: it goes on earning and is credited, its principal can't leave.

    Raises Forbidden, NotFound, IllegalMove, ReasonMissing.
    """
    position = _for_officer(position_id, by, reason)
    before = position.status
    move_to(position, Status.SUSPENDED, by=by, at=now, reason=reason, suspended_from=before)
    return position


@command
def release(position_id: UUID, *, by: Any, reason: str, now: datetime) -> Position:
    """Let a suspended position go on in the state that it came from.

    Raises Forbidden, NotFound, IllegalMove, ReasonMissing.
    """
    position = _for_officer(position_id, by, reason)
    if position.status != Status.SUSPENDED:
        raise IllegalMove("It isn't suspended.", current=position.status)
    move_to(position, position.suspended_from, by=by, at=now, reason=reason, suspended_from="")
    return position


def _for_officer(position_id: UUID, by: Any, reason: str) -> Position:
    require_permission(by, SUSPEND)
    if not reason.strip():
        raise ReasonMissing
    try:
        position = Position.objects.lock(position_id)
    except Position.DoesNotExist:
        raise NotFound("There is no such position.") from None
    if position.owner_id == by.pk:
        raise Forbidden("Nobody acts on what they own.")
    return position
