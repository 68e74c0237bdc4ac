"""Log-in, refresh and log-out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import make_password
from uuid_utils.compat import uuid7

from accounts import identifiers, lockout, rules, signals, tokens
from accounts.devices import Device
from accounts.errors import AccountBlocked, TokenRefused, WrongCredentials
from accounts.models import Session, User
from accounts.services import copies, factors, new_device, passkeys, sessions
from accounts.sites import Site
from core.commands import command
from oversight import audit, trace
from oversight.encryption import blind_index


def check_credentials(identifier: str, password: str, *, now: datetime) -> User:
    """Return whose identifier and password these are; count the attempt, take it back when they are right.

    An unknown identifier costs one hash, as a known one does. Raises WrongCredentials, LockedOut, AccountBlocked.
    """
    index = _index(identifier)
    counter = lockout.counter_of(index, ip=trace.current().ip, now=now)
    lockout.require_attempt(counter, now=now)
    user = User.objects.filter(deleted_at=None).with_index(index).first()
    if user is None:
        make_password(password)
        raise WrongCredentials
    if not user.check_password(password):
        raise WrongCredentials
    lockout.take_back(*([counter] if counter != index else [user.email_index, user.phone_index]))
    if user.is_blocked:
        raise AccountBlocked
    return user


def _index(identifier: str) -> bytes:
    try:
        return blind_index(identifiers.normalise(identifier))
    except identifiers.InvalidIdentifier:
        return blind_index(f"not an identifier: {identifier}")


@dataclass(frozen=True, slots=True)
class Challenge:
    """The password was right, and a second factor is asked for: with this token, by one of these methods."""

    mfa_token: str
    methods: tuple[str, ...]


def log_in(identifier: str, password: str, *, device: Device, now: datetime) -> tokens.TokenPair | Challenge:
    """Open a session for whoever has this identifier (e-mail address or phone number) and password.

    Who has a second factor is asked for it first; who has none is sent a code when the device is new or the password
    came by mail.

    Raises WrongCredentials, LockedOut, AccountBlocked, SmsCapped.
    """
    user = check_credentials(identifier, password, now=now)
    methods = factors.methods_of(user)
    if not methods and new_device.asks_code(user, device, now=now):
        methods = (new_device.send_code(user, now=now),)
    if methods:
        return Challenge(tokens.issue_challenge(user.pk, user.password, now=now), methods)
    return open_session(user, device=device, now=now)


def log_in_with_factor(
    mfa_token: str, given: factors.Code | passkeys.Assertion, *, device: Device, now: datetime
) -> tokens.TokenPair:
    """Open a session for whoever's password was right.

    `given` is a code of their app, a recovery code, one that was sent, or a passkey's answer. Raises TokenRefused,
    WrongFactor, LockedOut, AccountBlocked.
    """
    user = _challenged(mfa_token)
    proof: factors.Proof = given
    if factors.has_factor(user):
        factors.count_try(user, now=now)
    elif isinstance(given, factors.Code):
        proof = new_device.count_try(user, given.typed, now=now)
    with copies.told(user, now=now):
        return open_session(user, device=device, now=now, proof=proof)


def ask_passkey(mfa_token: str, *, site: Site, now: datetime) -> dict[str, Any]:
    """Return what the browser needs to finish a log-in with a passkey. Raises TokenRefused, FactorMissing."""
    return passkeys.ask_to_prove(_challenged(mfa_token), site=site, now=now)


def _challenged(mfa_token: str) -> User:
    """Return whose password was right, if it still is theirs. Raises TokenRefused."""
    user_id, password = tokens.read_challenge(mfa_token)
    user = User.objects.present().filter(pk=user_id).first()
    if user is None or tokens.digest(user.password).hex() != password:
        raise TokenRefused
    return user


def knock(identifier: str, password: str, *, now: datetime) -> User:
    """Return the officer whose identifier and password these are; their second factor opens the console.

    Raises WrongCredentials (for an investor, too), LockedOut, AccountBlocked.
    """
    user = check_credentials(identifier, password, now=now)
    if not user.is_staff:
        raise WrongCredentials
    note_knock(user, now=now)
    return user


@command
def note_knock(officer: User, *, now: datetime) -> None:
    """Write down that an officer's password was given at the console's door."""
    audit.record("accounts.knocked_at_console", actor=officer, at=now, target=officer)


@command
def open_session(user: User, *, device: Device, now: datetime, proof: factors.Proof | None = None) -> tokens.TokenPair:
    """Open a session for a person whose password was just checked; a device that is new is told to them.

    `proof` is of a second factor. Raises WrongFactor; WrongCredentials when the password or what it needs, and
    AccountBlocked when the standing changed meanwhile.
    """
    current = User.objects.lock(user.pk)
    if current.password != user.password:
        raise WrongCredentials
    if not current.is_active:
        raise AccountBlocked
    if proof is None and (factors.has_factor(current) or new_device.asks_code(current, device, now=now)):
        raise WrongCredentials
    is_new = new_device.is_new(device, current, now=now)
    used = proof.use(current, now=now) if proof is not None else ""
    session_id: UUID = uuid7()
    pair = tokens.issue(session_id, current.pk, now=now)
    Session.objects.create(
        pk=session_id,
        user=current,
        token_hash=tokens.digest(pair.refresh),
        user_agent=_printable(device.user_agent),
        ip=device.ip,
        device=device.mark,
        second_factor_at=now if used in factors.STRONG else None,
        created_at=now,
        last_used_at=now,
        expires_at=now + rules.REFRESH_LIFETIME,
    )
    current.last_login = now
    current.save(update_fields=["last_login"])
    after = {"session": str(session_id), "by": used} if used else {"session": str(session_id)}
    audit.record(lockout.LOGGED_IN, actor=current, at=now, target=current, after=after)
    if is_new:
        about = str(session_id)
        signals.tell(current, "new_device", now=now, key=about, facts={"session": about})
    return pair


def _printable(text: str) -> str:
    length = Session._meta.get_field("user_agent").max_length or 0
    return "".join(character for character in text if character.isprintable())[:length]


def refresh(token: str, *, now: datetime) -> tokens.TokenPair:
    """Exchange a refresh token for a new pair; one that was used before ends its whole family.

    Raises TokenRefused.
    """
    claims = tokens.read(token, tokens.REFRESH)
    pair = rotate(claims, presented=tokens.digest(token), now=now)
    if pair is None:
        raise TokenRefused
    return pair


@command
def rotate(claims: tokens.Claims, *, presented: bytes, now: datetime) -> tokens.TokenPair | None:
    """Give the session its next pair; None is a refusal, whose consequence (a revoked family) is committed."""
    session = sessions.lock_with_person(claims.session_id)
    if session is None or session.user_id != claims.user_id or not session.is_alive(now):
        return None
    if bytes(session.token_hash) != presented:
        sessions.put_out(session, reason=Session.Reason.REUSED, at=now)
        audit.record(
            "accounts.refresh_token_reused", actor=None, at=now, target=session.user, after={"session": str(session.pk)}
        )
        signals.tell(session.user, "token_reused", now=now, key=str(session.pk), facts={"session": str(session.pk)})
        return None
    pair = tokens.issue(session.pk, session.user_id, now=now)
    session.token_hash = tokens.digest(pair.refresh)
    session.last_used_at, session.expires_at = now, now + rules.REFRESH_LIFETIME
    session.save(update_fields=["token_hash", "last_used_at", "expires_at"])
    return pair


@command
def log_out(token: str, *, now: datetime) -> None:
    """End the session of a refresh token, an old one's too; saying it twice changes nothing.

    Raises TokenRefused when it isn't one of ours.
    """
    claims = tokens.read(token, tokens.REFRESH)
    session = sessions.lock_with_person(claims.session_id)
    if session is None or session.user_id != claims.user_id:
        raise TokenRefused
    if session.revoked_at is None:
        sessions.revoke(session, reason=Session.Reason.LOG_OUT, at=now)
        audit.record("accounts.logged_out", actor=session.user, at=now, target=session.user)
