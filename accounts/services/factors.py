"""Second factors: enrol an authenticator app, prove it, lose it. Source: docs/rules/access.md §10, RFC 6238.

Passkeys and recovery codes have modules of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import pyotp

from accounts import identifiers, lockout, rules
from accounts.errors import AlreadySo, FactorMissing, LastFactor, WrongFactor
from accounts.models import Passkey, Session, Totp, User
from accounts.services import copies, passwords, pins, recovery, sensitive
from accounts.services.sessions import lock_caller, revoke_sessions
from core.commands import command
from oversight import second_factor

ISSUER = "Fiducia"
TOTP, PASSKEY = "totp", "passkey"
STRONG = (TOTP, PASSKEY, recovery.RECOVERY)
"""What counts for officers over the API: a code that was sent doesn't."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs: the secret, and the same as an otpauth:// address for a QR code."""

    secret: str
    uri: str


class Proof(Protocol):
    """What somebody gives as a second factor. `use` is a step that says which it was; it raises WrongFactor."""

    def use(self, person: User, *, now: datetime) -> str: ...


@dataclass(frozen=True, slots=True)
class AppCode:
    """A code of the authenticator app, as it was typed."""

    typed: str

    def use(self, person: User, *, now: datetime) -> str:
        """Use it up (a step). Raises FactorMissing, WrongFactor."""
        _use_step(_lock_confirmed(person.pk), plain(self.typed), now=now)
        lockout.forget(counter(person.pk))
        return TOTP


@dataclass(frozen=True, slots=True)
class Code:
    """A code of the authenticator app, or a recovery code, as it was typed."""

    typed: str

    def use(self, person: User, *, now: datetime) -> str:
        """Use it up, and say which it was (a step). Raises WrongFactor."""
        typed = plain(self.typed)
        if not has_factor(person):
            raise WrongFactor
        if len(typed) == rules.CODE_DIGITS and typed.isdigit():
            totp = Totp.objects.lock(person.pk)
            if totp is None or totp.confirmed_at is None:
                raise WrongFactor
            _use_step(totp, typed, now=now)
            used = TOTP
        else:
            used = recovery.use(person, typed, now=now)
        lockout.forget(counter(person.pk))
        return used


def has_app(user: User) -> bool:
    """Answer whether an authenticator app was enrolled and confirmed."""
    return Totp.objects.confirmed().filter(pk=user.pk).exists()


def has_factor(user: User) -> bool:
    """Answer whether a password alone doesn't log this person in."""
    return has_app(user) or has_passkey(user)


def has_passkey(user: User) -> bool:
    """Answer whether somebody registered a passkey."""
    return Passkey.objects.filter(user=user.pk).exists()


def methods_of(user: User) -> tuple[str, ...]:
    """Name what a log-in over the API may be finished with; none if the password is enough."""
    own = [method for method, has in ((TOTP, has_app), (PASSKEY, has_passkey)) if has(user)]
    return (*own, recovery.RECOVERY) if own else ()


def pending_of(user: User) -> Enrolment | None:
    """Return the enrolment that waits for its first code, to be shown once more to whoever drew it."""
    totp = Totp.objects.filter(pk=user.pk, confirmed_at=None).first()
    return None if totp is None else _enrolment(user, totp.secret)


def enrol(
    user: User,
    *,
    password: str,
    in_session: UUID | None = None,
    proved_at: datetime | None = None,
    now: datetime,
) -> Enrolment:
    """Draw a secret for an authenticator app; it counts once a code of it has come back.

    `proved_at` is when another factor was given. Raises WrongPassword, LockedOut, AlreadySo, SecondFactorNeeded,
    TokenRefused.
    """
    passwords.check_current_password(user, password, now=now)
    return draw_secret(user, in_session=in_session, proved_at=proved_at, now=now)


def require_proof(person: User, proved_at: datetime | None, *, now: datetime) -> bool:
    """Refuse another factor to whoever has one and didn't give it just now: the password alone adds none (a step).

    Return whether the next is the first. Raises SecondFactorNeeded.
    """
    is_first = not has_factor(person)
    if not is_first:
        second_factor.require_fresh(proved_at, person=person, within=second_factor.FOR_APPROVALS, now=now)
    return is_first


def note_added(person: User, action: str, *, is_first: bool, session: Session | None, now: datetime) -> None:
    """Note a factor that a locked person added, in `session` if it came over the API: it was given there (a step).

    With the first one the sessions end that the password had opened, but for that one.
    """
    if is_first:
        revoke_sessions(person, reason=Session.Reason.FACTOR, at=now, keep=session.pk if session else None)
    if session is not None:
        Session.objects.filter(pk=session.pk).update(second_factor_at=now)
    sensitive.factor_changed(person, action, now=now)


@command
def draw_secret(
    user: User, *, in_session: UUID | None = None, proved_at: datetime | None = None, now: datetime
) -> Enrolment:
    """Draw it, for a person whose password was just checked. Raises AlreadySo, SecondFactorNeeded, TokenRefused."""
    person = lock_caller(user, in_session=in_session, now=now)
    require_proof(person, proved_at, now=now)
    present = Totp.objects.lock(person.pk)
    if present is not None and present.confirmed_at is not None:
        raise AlreadySo
    secret = pyotp.random_base32()
    given = {"sealed": Totp.seal(person.pk, secret), "created_at": now, "last_step": 0}
    Totp.objects.update_or_create(user=person, defaults=given)
    return _enrolment(person, secret)


def _enrolment(person: User, secret: str) -> Enrolment:
    name = person.masked_email or person.masked_phone
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER))


def confirm(
    user: User, code: str, *, session: Session | None = None, proved_at: datetime | None = None, now: datetime
) -> list[str]:
    """Take the first code of the app: from now on it is asked for. Return the recovery codes, which are shown once.

    `session`, if it comes over the API, has proved the factor with it; all others end if it is the first.

    Raises WrongFactor, LockedOut, FactorMissing, SecondFactorNeeded, TokenRefused.
    """
    count_try(user, now=now)
    return confirm_counted(user, code, session=session, proved_at=proved_at, now=now)


@command
def confirm_counted(
    user: User, code: str, *, session: Session | None = None, proved_at: datetime | None = None, now: datetime
) -> list[str]:
    """Confirm, once the try was counted. Raises WrongFactor, FactorMissing, SecondFactorNeeded, TokenRefused."""
    person = lock_caller(user, in_session=session.pk if session else None, now=now)
    is_first = require_proof(person, proved_at, now=now)
    totp = Totp.objects.lock(person.pk)
    if totp is None or totp.confirmed_at is not None or now - totp.created_at > rules.ENROLMENT_LIFETIME:
        raise FactorMissing
    _use_step(totp, plain(code), now=now)
    totp.confirmed_at = now
    totp.save(update_fields=["confirmed_at"])
    lockout.forget(counter(person.pk))
    note_added(person, "accounts.totp_enrolled", is_first=is_first, session=session, now=now)
    return recovery.draw(person, now=now)


@command
def remove(user: User, *, use: pins.Use, now: datetime) -> None:
    """Take the app away, with a PIN. Raises PinTokenRefused, FactorMissing, LastFactor."""
    person = User.objects.lock(user.pk)
    totp = _lock_confirmed(user.pk)
    pins.spend(person, use, now=now)
    _give_up(person, totp, now=now)


@command
def remove_proved(user: User, *, now: datetime) -> None:
    """Take away the app of somebody who proved a factor just now. Raises FactorMissing, LastFactor, TokenRefused."""
    person = lock_caller(user, now=now)
    totp = _lock_confirmed(user.pk)
    _give_up(person, totp, now=now)


def _give_up(person: User, totp: Totp, *, now: datetime) -> None:
    if person.is_staff and not has_passkey(person):
        raise LastFactor
    totp.delete()
    if not has_factor(person):
        recovery.end(person, now=now)
    sensitive.factor_changed(person, "accounts.totp_removed", now=now)


def renew_recovery_codes(user: User, proof: Proof, *, in_session: UUID | None = None, now: datetime) -> list[str]:
    """Draw ten other recovery codes, with a code of the app or a passkey.

    Raises WrongFactor, LockedOut, FactorMissing, TokenRefused.
    """
    count_try(user, now=now)
    with copies.told(user, now=now):
        return renew_counted(user, proof, in_session=in_session, now=now)


@command
def renew_counted(user: User, proof: Proof, *, in_session: UUID | None = None, now: datetime) -> list[str]:
    """Renew them, once the try was counted. Raises WrongFactor, FactorMissing, TokenRefused."""
    person = lock_caller(user, in_session=in_session, now=now)
    proof.use(person, now=now)
    sensitive.factor_changed(person, "accounts.recovery_codes_renewed", now=now)
    return recovery.draw(person, now=now)


def count_try(user: User, *, now: datetime) -> None:
    """Count a try of a second factor before it is compared. Raises LockedOut."""
    lockout.require_attempt(counter(user.pk), now=now, patience=rules.WITH_FACTORS)


def _lock_confirmed(user_id: UUID) -> Totp:
    totp = Totp.objects.lock(user_id)
    if totp is None or totp.confirmed_at is None:
        raise FactorMissing
    return totp


def plain(code: str) -> str:
    """Return a code as it is compared, however it was typed."""
    return identifiers.ascii_digits(code).replace(" ", "").strip()


def _use_step(totp: Totp, typed: str, *, now: datetime) -> None:
    """Find the time step whose code this is, one aside at most, and take neither it nor an older one again."""
    app, present = pyotp.TOTP(totp.secret), int(now.timestamp()) // rules.TOTP_SECONDS
    for step in range(present - rules.TOTP_STEPS_ASIDE, present + rules.TOTP_STEPS_ASIDE + 1):
        if step > totp.last_step and pyotp.utils.strings_equal(app.generate_otp(step), typed):
            totp.last_step = step
            totp.save(update_fields=["last_step"])
            return
    raise WrongFactor


def counter(user_id: UUID) -> bytes:
    """Name the counter of tries at somebody's second factor."""
    return lockout.counter_of_person(user_id, lockout.SECOND_FACTOR)
