"""Second factors: enrol an authenticator app, prove it, lose it. Source: docs/rules/access.md §10, RFC 6238."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import pyotp
from uuid_utils.compat import uuid7

from accounts import identifiers, lockout, mails, rules
from accounts.errors import AlreadySo, FactorMissing, WrongFactor
from accounts.models import RecoveryCode, Totp, User
from accounts.models.factors import hash_recovery
from accounts.services import passwords, pins, sensitive
from core.commands import command
from oversight import audit

ISSUER = "Fiducia"
TOTP, RECOVERY = "totp", "recovery_code"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs: the secret, and the same as an otpauth:// address for a QR code."""

    secret: str
    uri: str


def has_factor(user: User) -> bool:
    """Answer whether a password alone doesn't log this person in."""
    return Totp.objects.confirmed().filter(pk=user.pk).exists()


def enrol(user: User, *, password: str, now: datetime) -> Enrolment:
    """Draw a secret for an authenticator app; it counts once a code of it has come back.

    Raises WrongPassword, LockedOut, AlreadySo.
    """
    passwords.check_current_password(user, password, now=now)
    return draw_secret(user.pk, now=now)


@command
def draw_secret(user_id: UUID, *, now: datetime) -> Enrolment:
    """Draw it, for a person whose password was just checked. Raises AlreadySo."""
    person = User.objects.lock(user_id)
    present = Totp.objects.lock(person.pk)
    if present is not None and present.confirmed_at is not None:
        raise AlreadySo
    secret = pyotp.random_base32()
    given = {"sealed": Totp.seal(person.pk, secret), "created_at": now, "last_step": 0}
    Totp.objects.update_or_create(user=person, defaults=given)
    name = person.masked_email or person.masked_phone
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER))


def confirm(user: User, code: str, *, now: datetime) -> list[str]:
    """Take the first code of the app: from now on it is asked for. Return the recovery codes, which are shown once.

    Raises WrongFactor, LockedOut, FactorMissing.
    """
    count_try(user, now=now)
    return confirm_counted(user.pk, code, now=now)


@command
def confirm_counted(user_id: UUID, code: str, *, now: datetime) -> list[str]:
    """Confirm, once the try was counted. Raises WrongFactor, FactorMissing."""
    person = User.objects.lock(user_id)
    totp = Totp.objects.lock(user_id)
    if totp is None or totp.confirmed_at is not None:
        raise FactorMissing
    _use_step(totp, _plain(code), now=now)
    totp.confirmed_at = now
    totp.save(update_fields=["confirmed_at"])
    lockout.forget(_counter(user_id))
    return _changed(person, "accounts.totp_enrolled", now=now)


@command
def remove(user: User, *, use: pins.Use, now: datetime) -> None:
    """Take the app away, with a PIN. Raises PinTokenRefused, FactorMissing."""
    person = User.objects.lock(user.pk)
    totp = _lock_confirmed(user.pk)
    pins.spend(person, use, now=now)
    totp.delete()
    RecoveryCode.objects.filter(user=person, used_at=None).update(used_at=now)
    sensitive.changed(person, now=now)
    mails.queue("factor_changed", person)
    audit.record("accounts.totp_removed", actor=person, at=now, target=person)


def renew_recovery_codes(user: User, code: str, *, now: datetime) -> list[str]:
    """Draw ten other recovery codes, with a code of the app. Raises WrongFactor, LockedOut, FactorMissing."""
    count_try(user, now=now)
    return renew_counted(user.pk, code, now=now)


@command
def renew_counted(user_id: UUID, code: str, *, now: datetime) -> list[str]:
    """Renew them, once the try was counted. Raises WrongFactor, FactorMissing."""
    person = User.objects.lock(user_id)
    totp = _lock_confirmed(user_id)
    _use_step(totp, _plain(code), now=now)
    lockout.forget(_counter(user_id))
    return _changed(person, "accounts.recovery_codes_renewed", now=now)


def count_try(user: User, *, now: datetime) -> None:
    """Count a try of a second factor before it is compared. Raises LockedOut."""
    lockout.require_attempt(_counter(user.pk), now=now)


def use(person: User, code: str, *, now: datetime) -> str:
    """Use up a code of the app, or a recovery code, and say which it was (a step). Raises WrongFactor."""
    plain = _plain(code)
    totp = Totp.objects.lock(person.pk)
    if totp is None or totp.confirmed_at is None:
        raise WrongFactor
    if len(plain) == rules.CODE_DIGITS and plain.isdigit():
        _use_step(totp, plain, now=now)
        used = TOTP
    else:
        row = RecoveryCode.objects.lock_by_hash(person.pk, hash_recovery(person.pk, plain.replace("-", "").upper()))
        if row is None:
            raise WrongFactor
        row.used_at = now
        row.save(update_fields=["used_at"])
        mails.queue("recovery_code_used", person)
        used = RECOVERY
    lockout.forget(_counter(person.pk))
    return used


def _lock_confirmed(user_id: UUID) -> Totp:
    totp = Totp.objects.lock(user_id)
    if totp is None or totp.confirmed_at is None:
        raise FactorMissing
    return totp


def _plain(code: str) -> str:
    return identifiers.ascii_digits(code).replace(" ", "").strip()


def _use_step(totp: Totp, plain: str, *, now: datetime) -> None:
    """Find the time step whose code this is, one aside at most, and take neither it nor an older one again."""
    app, present = pyotp.TOTP(totp.secret), int(now.timestamp()) // rules.TOTP_SECONDS
    for step in range(present - rules.TOTP_STEPS_ASIDE, present + rules.TOTP_STEPS_ASIDE + 1):
        if step > totp.last_step and pyotp.utils.strings_equal(app.generate_otp(step), plain):
            totp.last_step = step
            totp.save(update_fields=["last_step"])
            return
    raise WrongFactor


def _changed(person: User, action: str, *, now: datetime) -> list[str]:
    drawn = [base64.b32encode(secrets.token_bytes(rules.RECOVERY_BYTES)).decode() for _ in range(rules.RECOVERY_CODES)]
    RecoveryCode.objects.filter(user=person, used_at=None).update(used_at=now)
    RecoveryCode.objects.bulk_create(
        RecoveryCode(id=uuid7(), user=person, code_hash=hash_recovery(person.pk, code), created_at=now)
        for code in drawn
    )
    sensitive.changed(person, now=now)
    mails.queue("factor_changed", person)
    audit.record(action, actor=person, at=now, target=person)
    return [f"{code[:4]}-{code[4:]}" for code in drawn]


def _counter(user_id: UUID) -> bytes:
    return lockout.counter_of_person(user_id, lockout.SECOND_FACTOR)
