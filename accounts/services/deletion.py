"""Delete a person softly, and restore them: two officers, and nothing that the person would lose.

Source: docs/rules/access.md §13.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import IntegrityError, models, transaction

from accounts import mails, obstacles, signals
from accounts.errors import (
    AlreadySo,
    IdentifiersTaken,
    OfficerKeepsRoles,
    PersonDeleted,
    SomethingStands,
)
from accounts.models import PasswordResetToken, PinToken, Session, User, VerificationCode
from accounts.services.roles import another
from accounts.services.sessions import revoke_sessions
from core.commands import command
from oversight import audit
from oversight import services as oversight
from oversight.encryption import blind_index

if TYPE_CHECKING:
    from oversight.models import ApprovalRequest

VERB = "accounts.deletion"
CHANNELS = ("email", "phone")


class DeletionMove(models.TextChoices):
    DELETE = "delete", "delete"
    RESTORE = "restore", "restore"


@command
def request_deletion(person_id: UUID, *, move: DeletionMove, by: User, now: datetime, reason: str) -> ApprovalRequest:
    """Ask for a person to be deleted, or restored.

    Raises NotFound, OwnAccount, AlreadySo, OfficerKeepsRoles, SomethingStands.
    """
    person = another(person_id, by=by)
    _require_possible(person, move)
    return oversight.ask(
        VERB,
        by=by,
        at=now,
        target=person,
        beneficiary=person,
        payload={"move": str(move)},
        summary=[("Person", person.referral_code), ("Change", DeletionMove(move).label)],
        reason=reason,
    )


def look(request: ApprovalRequest) -> Iterable[tuple[str, str]]:
    """Refuse what would be refused as things stand; no line of the summary drifts."""
    person = User.objects.get(pk=request.target_id)
    _require_possible(person, request.payload["move"], request_id=request.pk)
    return []


def apply_deletion(request: ApprovalRequest, by: User, now: datetime) -> User:
    """Delete or restore as two persons agreed (a step, run by the approval).

    Raises AlreadySo, OfficerKeepsRoles, SomethingStands, IdentifiersTaken.
    """
    person = another(UUID(str(request.target_id)), by=by)
    move = request.payload["move"]
    _require_possible(person, move, request_id=request.pk)
    if move == DeletionMove.DELETE:
        _delete(person, at=now)
    else:
        _restore(person)
    if move == DeletionMove.DELETE:
        mails.queue("account_deleted", person)
    else:
        signals.tell(person, "account_restored", now=now)
    after = {"deleted": move == DeletionMove.DELETE}
    audit.record(f"accounts.{move}d", actor=by, at=now, target=person, after=after, reason=request.reason)
    return person


def require_there(person_id: UUID) -> User:
    """Hold a person as they are until the transaction ends, for who gives them something (a step).

    Raises PersonDeleted.
    """
    person = User.objects.lock(person_id)
    if person.deleted_at is not None:
        raise PersonDeleted
    return person


def _require_possible(person: User, move: str, *, request_id: UUID | None = None) -> None:
    if (person.deleted_at is not None) == (move == DeletionMove.DELETE):
        raise AlreadySo
    if move == DeletionMove.RESTORE:
        return
    if person.is_staff:
        raise OfficerKeepsRoles
    found = [*obstacles.open_requests(person, but=request_id), *obstacles.found_for(person)]
    if found:
        raise SomethingStands(
            f"Something of theirs still stands: {'; '.join(each.title for each in found)}.",
            obstacles=[each.code for each in found],
        )


def _delete(person: User, *, at: datetime) -> None:
    """End every way in; an address that was never shown to be theirs is free for whoever it belongs to."""
    person.deleted_at = at
    freed = [channel for channel in CHANNELS if getattr(person, f"{channel}_verified_at") is None]
    for channel in freed:
        setattr(person, f"{channel}_index", None)
    person.save(update_fields=["deleted_at", *(f"{channel}_index" for channel in freed)])
    revoke_sessions(person, reason=Session.Reason.DELETED, at=at)
    PasswordResetToken.objects.filter(user=person, used_at=None).update(used_at=at)
    VerificationCode.objects.filter(user=person, used_at=None).update(used_at=at)
    PinToken.objects.filter(user=person, spent_at=None).update(spent_at=at)


def _restore(person: User) -> None:
    """Give back what was, but for an address that somebody else has meanwhile; no session comes back."""
    person.deleted_at = None
    for channel in CHANNELS:
        if getattr(person, channel) and getattr(person, f"{channel}_index") is None:
            _take_back(person, channel)
    if person.email_index is None and person.phone_index is None:
        raise IdentifiersTaken
    person.save(update_fields=["deleted_at"])


def _take_back(person: User, channel: str) -> None:
    setattr(person, f"{channel}_index", blind_index(getattr(person, channel)))
    try:
        with transaction.atomic():
            person.save(update_fields=[f"{channel}_index"])
    except IntegrityError:
        setattr(person, channel, "")
        setattr(person, f"{channel}_index", None)
        person.save(update_fields=[channel, f"{channel}_index"])
