"""Somebody lost the app, the passkeys and the recovery codes. Source: docs/rules/access.md §10."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from accounts import lockout
from accounts.errors import FactorMissing
from accounts.models import Passkey, Session, Totp, User
from accounts.services import factors, recovery, sensitive
from accounts.services.roles import another
from accounts.services.sessions import end_everywhere
from core.commands import command
from oversight import services as oversight

if TYPE_CHECKING:
    from oversight.models import ApprovalRequest

VERB = "accounts.reset_factors"


@command
def request_reset_of_factors(person_id: UUID, *, by: User, now: datetime, reason: str) -> ApprovalRequest:
    """Ask for all second factors of a person to be taken away.

    Raises NotFound, OwnAccount, FactorMissing.
    """
    person = another(person_id, by=by)
    _require_factor(person)
    return oversight.ask(
        VERB,
        by=by,
        at=now,
        target=person,
        beneficiary=person,
        payload={},
        summary=[("Person", person.referral_code), ("Then", "the password alone lets them enrol another factor")],
        reason=reason,
    )


def apply_reset_of_factors(request: ApprovalRequest, by: User, now: datetime) -> User:
    """Take them away as two persons agreed (a step, run by the approval). Raises FactorMissing."""
    person = another(UUID(str(request.target_id)), by=by)
    _require_factor(person)
    Totp.objects.filter(pk=person.pk).delete()
    Passkey.objects.filter(user=person).delete()
    recovery.end(person, now=now)
    lockout.forget(factors.counter(person.pk))
    end_everywhere(person, reason=Session.Reason.OFFICER, at=now)
    sensitive.factor_changed(person, "accounts.factors_reset", by=by, now=now, reason=request.reason)
    return person


def _require_factor(person: User) -> None:
    if not factors.has_factor(person):
        raise FactorMissing
