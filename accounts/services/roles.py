"""Roles are granted and taken by two persons, and never one's own."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import models

from accounts import roles
from accounts.errors import AlreadySo, LastAdministrator, OwnAccount, UnknownRole
from accounts.models import User
from core.commands import command
from core.errors import NotFound
from oversight import audit
from oversight import services as oversight

if TYPE_CHECKING:
    from oversight.models import ApprovalRequest

VERB = "accounts.role"


class RoleMove(models.TextChoices):
    GRANT = "grant", "grant"
    REVOKE = "revoke", "take away"


@command
def request_role(
    person_id: UUID, *, role: str, move: RoleMove, by: User, now: datetime, reason: str
) -> ApprovalRequest:
    """Ask for a role to be granted to a person, or taken from them.

    Raises NotFound, UnknownRole, OwnAccount, AlreadySo, LastAdministrator.
    """
    person = another(person_id, by=by)
    _require_change(person, role=role, move=move)
    return oversight.ask(
        VERB,
        by=by,
        at=now,
        target=person,
        beneficiary=person,
        payload={"role": role, "move": str(move)},
        summary=[("Person", person.referral_code), ("Role", role), ("Change", RoleMove(move).label)],
        reason=reason,
    )


def another(person_id: UUID, *, by: User) -> User:
    """Lock the person that an officer acts on.

    Raises NotFound, OwnAccount: an officer doesn't act on themselves.
    """
    if person_id == by.pk:
        raise OwnAccount
    try:
        return User.objects.lock(person_id)
    except User.DoesNotExist as error:
        raise NotFound from error


def _require_change(person: User, *, role: str, move: str) -> None:
    if role not in roles.ROLES:
        raise UnknownRole(role=role)
    has_it = person.groups.filter(name=role).exists()
    if has_it == (move == RoleMove.GRANT):
        raise AlreadySo(role=role)
    if move == RoleMove.REVOKE and role == roles.ADMINISTRATOR:
        require_another_administrator(person)


def require_another_administrator(person: User) -> None:
    """Refuse to lose the last administrator; two such changes at once take turns on the group's row.

    Raises LastAdministrator.
    """
    roles.lock(roles.ADMINISTRATOR)
    if not User.objects.officers().filter(groups__name=roles.ADMINISTRATOR).exclude(pk=person.pk).exists():
        raise LastAdministrator


def apply_role(request: ApprovalRequest, by: User, now: datetime) -> User:
    """Do what two persons agreed on (a step, run by the approval).

    Raises AlreadySo, LastAdministrator.
    """
    assert request.target_id is not None
    person = another(UUID(str(request.target_id)), by=by)
    role, move = request.payload["role"], request.payload["move"]
    _require_change(person, role=role, move=move)
    before = role_names(person)
    change_role(person, role=role, move=move)
    audit.record(
        "accounts.role_granted" if move == RoleMove.GRANT else "accounts.role_revoked",
        actor=by,
        at=now,
        target=person,
        before={"roles": before},
        after={"roles": role_names(person)},
        reason=request.reason,
    )
    return person


def change_role(person: User, *, role: str, move: str) -> None:
    """Change the membership; whoever has an officer's role may enter the console (a step)."""
    group = Group.objects.get(name=role)
    if move == RoleMove.GRANT:
        person.groups.add(group)
    else:
        person.groups.remove(group)
    person.is_staff = person.groups.filter(name__in=roles.OFFICER_ROLES).exists()
    person.save(update_fields=["is_staff"])


def role_names(person: User) -> list[str]:
    return sorted(person.groups.values_list("name", flat=True))
