"""Recovery codes: drawn with the first factor, shown once, good once each. Source: docs/rules/access.md §10."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime

from uuid_utils.compat import uuid7

from accounts import rules, signals
from accounts.errors import WrongFactor
from accounts.models import RecoveryCode, User
from accounts.models.factors import hash_recovery
from accounts.services import sensitive
from accounts.services.sessions import lock_caller
from core.commands import command

RECOVERY = "recovery_code"


def draw(person: User, *, now: datetime) -> list[str]:
    """Draw ten codes for a locked person, in place of those before, and return them (a step)."""
    end(person, now=now)
    drawn = [base64.b32encode(secrets.token_bytes(rules.RECOVERY_BYTES)).decode() for _ in range(rules.RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(id=uuid7(), user=person, code_hash=hash_recovery(person.pk, code), created_at=now)
        for code in drawn
    )
    return [f"{code[:4]}-{code[4:]}" for code in drawn]


@command
def renew(user: User, *, now: datetime) -> list[str]:
    """Draw other codes for somebody who proved a factor just now. Raises TokenRefused."""
    person = lock_caller(user, now=now)
    sensitive.factor_changed(person, "accounts.recovery_codes_renewed", now=now)
    return draw(person, now=now)


def end(person: User, *, now: datetime) -> None:
    """Let no code of theirs be good any more (a step)."""
    RecoveryCode.objects.filter(user=person, used_at=None).update(used_at=now)


def use(person: User, plain: str, *, now: datetime) -> str:
    """Use up a code, which is told (a step). Raises WrongFactor."""
    code_hash = hash_recovery(person.pk, plain.replace("-", "").upper())
    row = RecoveryCode.objects.lock_by_hash(person.pk, code_hash)
    if row is None:
        raise WrongFactor
    row.used_at = now
    row.save(update_fields=["used_at"])
    signals.tell(person, "recovery_code_used", now=now, key=str(row.pk))
    return RECOVERY
