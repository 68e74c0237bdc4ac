"""What decides what a person may do: levels and blocks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import models

from accounts import roles
from accounts.errors import AlreadySo, LevelOutOfRange, OfficerIsBlockedByTwo
from accounts.models import KYC_LEVELS, VIP_LEVELS, Session, User
from accounts.services import sensitive
from accounts.services.roles import another, require_another_administrator
from accounts.services.sessions import end_everywhere
from core.commands import command
from oversight import audit
from oversight import services as oversight
from oversight.permissions import require_permission

if TYPE_CHECKING:
    from oversight.models import ApprovalRequest

KYC_VERB = "accounts.kyc_level"
BLOCK_VERB = "accounts.block"


class BlockMove(models.TextChoices):
    BLOCK = "block", "block"
    UNBLOCK = "unblock", "unblock"


@command
def request_kyc_level(person_id: UUID, *, level: int, by: User, now: datetime, reason: str) -> ApprovalRequest:
    """Ask for a person's KYC level to be set.

    Raises NotFound, OwnAccount, LevelOutOfRange, AlreadySo.
    """
    person = another(person_id, by=by)
    _require_level(person.kyc_level, level, allowed=KYC_LEVELS)
    return oversight.ask(
        KYC_VERB,
        by=by,
        at=now,
        target=person,
        beneficiary=person,
        payload={"level": level},
        summary=[
            ("Person", person.referral_code),
            ("KYC level now", str(person.kyc_level)),
            ("KYC level then", str(level)),
        ],
        reason=reason,
    )


def _require_level(current: int, level: int, *, allowed: tuple[int, int]) -> None:
    if not allowed[0] <= level <= allowed[1]:
        raise LevelOutOfRange(lowest=allowed[0], highest=allowed[1])
    if level == current:
        raise AlreadySo(level=level)


def apply_kyc_level(request: ApprovalRequest, by: User, now: datetime) -> User:
    """Set the level that two persons agreed on (a step, run by the approval)."""
    person = another(UUID(str(request.target_id)), by=by)
    return set_kyc_level(person, level=request.payload["level"], by=by, at=now, reason=request.reason)


def set_kyc_level(person: User, *, level: int, by: User | None, at: datetime, reason: str) -> User:
    """Set the KYC level of a person whose row is locked (a step).

    Raises LevelOutOfRange, AlreadySo.
    """
    _require_level(person.kyc_level, level, allowed=KYC_LEVELS)
    before, person.kyc_level = person.kyc_level, level
    return _save_level(person, "kyc_level", before, by=by, at=at, reason=reason)


def set_vip_level(person: User, *, level: int, by: User | None, at: datetime, reason: str) -> User:
    """Set the VIP level of a person whose row is locked (a step).

    Raises LevelOutOfRange, AlreadySo.
    """
    _require_level(person.vip_level, level, allowed=VIP_LEVELS)
    before, person.vip_level = person.vip_level, level
    return _save_level(person, "vip_level", before, by=by, at=at, reason=reason)


def _save_level(person: User, field: str, before: int, *, by: User | None, at: datetime, reason: str) -> User:
    person.save(update_fields=[field])
    audit.record(
        f"accounts.{field}_set",
        actor=by,
        at=at,
        target=person,
        before={field: before},
        after={field: getattr(person, field)},
        reason=reason,
    )
    return person


@command
def block_user(person_id: UUID, *, by: User, now: datetime, reason: str) -> User:
    """Block an investor at once: log-in, sessions and rights end, what would leave is held.

    Raises Forbidden, NotFound, OwnAccount, AlreadySo, OfficerIsBlockedByTwo.
    """
    require_permission(by, "accounts.block_user")
    person = another(person_id, by=by)
    if person.is_staff:
        raise OfficerIsBlockedByTwo
    return _set_block(person, BlockMove.BLOCK, by=by, at=now, reason=reason)


@command
def request_block(person_id: UUID, *, move: BlockMove, by: User, now: datetime, reason: str) -> ApprovalRequest:
    """Ask for a person to be blocked or unblocked.

    Raises NotFound, OwnAccount, AlreadySo, LastAdministrator.
    """
    person = another(person_id, by=by)
    _require_block_change(person, move)
    return oversight.ask(
        BLOCK_VERB,
        by=by,
        at=now,
        target=person,
        beneficiary=person,
        payload={"move": str(move)},
        summary=[("Person", person.referral_code), ("Change", BlockMove(move).label)],
        reason=reason,
    )


def _require_block_change(person: User, move: str) -> None:
    if person.is_blocked == (move == BlockMove.BLOCK):
        raise AlreadySo
    if move == BlockMove.BLOCK and person.groups.filter(name=roles.ADMINISTRATOR).exists():
        require_another_administrator(person)


def apply_block(request: ApprovalRequest, by: User, now: datetime) -> User:
    """Block or unblock as two persons agreed (a step, run by the approval).

    Raises AlreadySo, LastAdministrator.
    """
    person = another(UUID(str(request.target_id)), by=by)
    return _set_block(person, request.payload["move"], by=by, at=now, reason=request.reason)


def _set_block(person: User, move: str, *, by: User, at: datetime, reason: str) -> User:
    _require_block_change(person, move)
    blocked = move == BlockMove.BLOCK
    person.blocked_at, person.blocked_by = (at, by) if blocked else (None, None)
    person.save(update_fields=["blocked_at", "blocked_by"])
    if blocked:
        sensitive.changed(person, now=at)
        end_everywhere(person, reason=Session.Reason.BLOCKED, at=at)
    audit.record(f"accounts.{move}ed", actor=by, at=at, target=person, after={"blocked": blocked}, reason=reason)
    return person
