"""The first two administrators, whom nobody can have approved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts import roles
from accounts.errors import OfficersExist
from accounts.models import User
from accounts.services.roles import RoleMove, change_role
from core.commands import command
from oversight import audit


@dataclass(frozen=True, slots=True)
class NewOfficer:
    email: str
    password: str
    first_name: str
    last_name: str
    country: str


@command
def bootstrap_officers(officers: Sequence[NewOfficer], *, now: datetime) -> list[User]:
    """Make the first administrators, once: two, since each needs another to approve.

    Raises OfficersExist, InvalidIdentifier, IntegrityError when an address is taken.
    """
    if len(officers) != 2:
        raise ValueError("there are two first administrators")
    group = roles.lock(roles.ADMINISTRATOR)
    if User.objects.filter(groups=group).exists():
        raise OfficersExist
    return [_make(officer, now=now) for officer in officers]


def _make(officer: NewOfficer, *, now: datetime) -> User:
    person = User.objects.create_user(
        email=officer.email,
        password=officer.password,
        first_name=officer.first_name,
        last_name=officer.last_name,
        country=officer.country,
        created_at=now,
    )
    change_role(person, role=roles.ADMINISTRATOR, move=RoleMove.GRANT)
    audit.record(
        "accounts.role_granted",
        actor=None,
        at=now,
        target=person,
        after={"roles": [roles.ADMINISTRATOR]},
        reason="bootstrap_officers",
    )
    return person
