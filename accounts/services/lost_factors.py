"""Somebody lost the app, the passkeys and the recovery codes, or the number. Source: docs/rules/access.md §10."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from accounts import lockout, signals
from accounts.errors import FactorMissing
from accounts.models import Passkey, Session, Totp, User, VerificationCode
from accounts.services import factors, recovery, sensitive
from accounts.services.roles import another
from accounts.services.sessions import end_everywhere
from core.commands import command
from oversight import audit
from oversight import services as oversight

if TYPE_CHECKING:
    from oversight.models import ApprovalRequest

VERB = "accounts.reset_factors"


@command
def request_reset_of_factors(
    person_id: UUID, *, with_number: bool = False, by: User, now: datetime, reason: str
) -> ApprovalRequest:
    """Ask for all second factors of a person to be taken away; `with_number`: and for their number to count no more.

    Raises NotFound, OwnAccount, FactorMissing.
    """
    person = another(person_id, by=by)
    _require_something(person, with_number=with_number)
    number = [("Number", "counts as theirs no more until they verify it anew, or another")]
    return oversight.ask(
        VERB,
        by=by,
        at=now,
        target=person,
        beneficiary=person,
        payload={"with_number": with_number},
        summary=[
            ("Person", person.referral_code),
            *(number if with_number else []),
            ("Then", "the password alone lets them in, and enrol another factor"),
        ],
        reason=reason,
    )


def apply_reset_of_factors(request: ApprovalRequest, by: User, now: datetime) -> User:
    """Take them away as two persons agreed (a step, run by the approval). Raises FactorMissing."""
    person = another(UUID(str(request.target_id)), by=by)
    with_number = bool(request.payload.get("with_number"))
    _require_something(person, with_number=with_number)
    end_everywhere(person, reason=Session.Reason.OFFICER, at=now)
    if factors.has_factor(person):
        _take_factors(person, by=by, now=now, reason=request.reason)
    if with_number:
        _forget_number(person, by=by, now=now, reason=request.reason)
    return person


def _take_factors(person: User, *, by: User, now: datetime, reason: str) -> None:
    Totp.objects.filter(pk=person.pk).delete()
    Passkey.objects.filter(user=person).delete()
    recovery.end(person, now=now)
    lockout.forget(factors.counter(person.pk))
    sensitive.factor_changed(person, "accounts.factors_reset", by=by, now=now, reason=reason)


def _forget_number(person: User, *, by: User, now: datetime, reason: str) -> None:
    """Let a locked person's number be no proof any more; it is told there first, since it may be theirs still."""
    signals.tell(person, "number_unverified", now=now)
    person.phone_verified_at = None
    person.save(update_fields=["phone_verified_at"])
    VerificationCode.objects.filter(user=person, channel=VerificationCode.Channel.PHONE, used_at=None).update(
        used_at=now
    )
    sensitive.changed(person, now=now)
    audit.record("accounts.phone_unverified", actor=by, at=now, target=person, reason=reason)


def _require_something(person: User, *, with_number: bool) -> None:
    """Refuse what would take nothing away: without a factor there is the number, where it is asked for."""
    if with_number and person.phone_verified_at is None:
        raise FactorMissing("No number of theirs is verified: it proves nothing as it is.")
    if not with_number and not factors.has_factor(person):
        raise FactorMissing
