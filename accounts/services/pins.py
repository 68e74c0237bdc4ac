"""The transaction PIN: set, verified into a token for one request, spent with it. Source: docs/rules/access.md §9."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts import lockout, rules, signals, tokens
from accounts.errors import (
    GuessablePin,
    OtherChannelNeeded,
    PinLocked,
    PinMissing,
    PinSpent,
    PinStands,
    PinTokenRefused,
    WrongPassword,
    WrongPin,
)
from accounts.models import PinToken, Session, TransactionPin, User
from accounts.models.pins import encode
from accounts.services import codes, mailbox, passwords, sensitive, sessions
from accounts.services.codes import Channel, Purpose
from core.commands import command
from oversight import audit

TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Use:
    """The request that a PIN token is for, and the token that came with it, if any."""

    session: Session
    method: str
    path: str
    token: str = ""


def set_pin(user: User, *, pin: str, password: str, in_session: UUID | None = None, now: datetime) -> None:
    """Set the first PIN, with the password.

    Raises GuessablePin, WrongPassword, LockedOut, PinStands, OtherChannelNeeded, TokenRefused.
    """
    require_unguessable(pin)
    passwords.check_current_password(user, password, now=now)
    keep_first(user, encode(user.pk, pin), checked=user.password, in_session=in_session, now=now)


def change_pin(user: User, *, pin: str, current: str, in_session: UUID | None = None, now: datetime) -> None:
    """Set another PIN with the present one. Raises GuessablePin, TokenRefused, and what `require_right` raises."""
    require_unguessable(pin)
    present = require_right(user, current, now=now)
    replace(user, encode(user.pk, pin), checked=present, in_session=in_session, now=now)


def ask_to_reset(user: User, channel: str, *, now: datetime) -> datetime:
    """Have a code sent to a verified address or number; return from when on the next may be asked for.

    Raises OtherChannelNeeded, NothingToVerify, TooSoon, SmsCapped.
    """
    _require_other_channel(user, channel)
    return codes.ask(user, channel, Purpose.PIN, now=now)


def _require_other_channel(user: User, channel: str) -> None:
    """Refuse a code by mail beside a password that came by mail, where a number is verified."""
    if channel == Channel.EMAIL and user.phone_verified_at is not None and _came_by_mail(user):
        raise OtherChannelNeeded


def _came_by_mail(user: User) -> bool:
    """Answer whether the password was set by mail since the PIN was: a code by mail would be no second channel.

    Where there is no PIN, whether nothing but the mailbox has shown since who has that password.
    """
    pin = TransactionPin.objects.filter(user=user).first()
    if pin is None:
        return mailbox.is_all(user)
    return lockout.resets_by_mail(user).filter(at__gte=pin.set_at).exists()


def reset_pin(user: User, *, channel: str, secret: str, password: str, pin: str, now: datetime) -> None:
    """Set a PIN that was forgotten: with the password and a code that went to a verified address.

    Raises GuessablePin, WrongPassword, LockedOut, CodeRefused, OtherChannelNeeded.
    """
    require_unguessable(pin)
    passwords.check_current_password(user, password, now=now)
    code_id = codes.spend_try(user, channel, Purpose.PIN, now=now)
    keep_with_code(user.pk, encode(user.pk, pin), code=(code_id, channel, secret), checked=user.password, now=now)


def require_unguessable(pin: str) -> None:
    if rules.is_guessable(pin):
        raise GuessablePin


@command
def keep_first(user: User, encoded: str, *, checked: str, in_session: UUID | None = None, now: datetime) -> None:
    """Keep a PIN where there is none: beside the password it is worth something only if that can't replace it.

    `checked` is the password, hashed, that was right.
    Raises WrongPassword, PinStands, OtherChannelNeeded, TokenRefused.
    """
    person = sessions.lock_caller(user, in_session=in_session, now=now)
    _require_password(person, checked)
    if TransactionPin.objects.filter(user=person).exists():
        raise PinStands
    if person.phone_verified_at is not None and mailbox.is_all(person):
        raise OtherChannelNeeded
    _keep(person, encoded, now=now)


@command
def replace(user: User, encoded: str, *, checked: str, in_session: UUID | None = None, now: datetime) -> None:
    """Keep a PIN in the place of the one that was right, if that still stands. Raises WrongPin, TokenRefused."""
    person = sessions.lock_caller(user, in_session=in_session, now=now)
    _require_still(person.pk, checked)
    _keep(person, encoded, now=now)


@command
def keep_with_code(user_id: UUID, encoded: str, *, code: tuple[UUID, str, str], checked: str, now: datetime) -> None:
    """Keep a PIN in the place of any other, with all its tries, and take the code that allows it.

    `checked` is the password, hashed, that was right. A password by mail may have come since the code was asked for.
    Raises WrongPassword, CodeRefused, OtherChannelNeeded.
    """
    person = User.objects.lock(user_id)
    _require_password(person, checked)
    code_id, channel, secret = code
    _require_other_channel(person, channel)
    codes.take(code_id, channel, Purpose.PIN, secret, now=now)
    _keep(person, encoded, now=now)


def _require_password(person: User, checked: str) -> None:
    """Refuse when another password of a locked person came since that one was checked. Raises WrongPassword."""
    if person.password != checked:
        raise WrongPassword


def _require_still(user_id: UUID, checked: str) -> None:
    """Lock the PIN, and refuse when another came since that one was compared: its owner may have put a thief out."""
    pin = TransactionPin.objects.lock(user_id)
    if pin is None or pin.encoded != checked:
        raise WrongPin


def _keep(person: User, encoded: str, *, now: datetime) -> None:
    TransactionPin.objects.update_or_create(
        user=person, defaults={"encoded": encoded, "set_at": now, "failures": 0, "locked_until": None}
    )
    PinToken.objects.filter(user=person, spent_at=None).update(spent_at=now)
    sessions.end_what_waits(person, at=now)
    sensitive.changed(person, now=now)
    signals.tell(person, "pin_set", now=now)
    audit.record("accounts.pin_set", actor=person, at=now, target=person)


def verify_pin(user: User, *, pin: str, use: Use, now: datetime) -> str:
    """Exchange the PIN for a token that is good for one request, once.

    Raises PinMissing, WrongPin, PinLocked, PinSpent.
    """
    present = require_right(user, pin, now=now)
    return open_token(user.pk, use, checked=present, now=now)


def require_right(user: User, digits: str, *, now: datetime) -> str:
    """Compare a PIN, and return it as it is kept; the try is counted before, by itself, and forgotten if it was right.

    Raises PinMissing, WrongPin, PinLocked, PinSpent.
    """
    refusal = spend_try(user.pk, now=now)
    if refusal is not None:
        raise refusal
    pin = TransactionPin.objects.get(pk=user.pk)
    if not pin.is_right(digits):
        raise WrongPin
    forget_tries(user.pk)
    return pin.encoded


@command
def spend_try(user_id: UUID, *, now: datetime) -> PinMissing | PinLocked | PinSpent | None:
    """Count a try; return why there is none."""
    pin = TransactionPin.objects.lock(user_id)
    if pin is None:
        return PinMissing()
    if pin.is_spent:
        return PinSpent()
    if pin.locked_until is not None and now < pin.locked_until:
        return PinLocked(retry_after=int((pin.locked_until - now).total_seconds()) + 1)
    pin.failures += 1
    lock = rules.PIN_LOCKS.get(pin.failures)
    pin.locked_until = now + lock if lock else None
    pin.save(update_fields=["failures", "locked_until"])
    return None


@command
def forget_tries(user_id: UUID) -> None:
    """Forget the tries: the PIN was right."""
    TransactionPin.objects.filter(pk=user_id).update(failures=0, locked_until=None)


@command
def open_token(user_id: UUID, use: Use, *, checked: str, now: datetime) -> str:
    """Make a token for one request, and return it; its hash is kept. Raises WrongPin if the PIN is another by now."""
    _require_still(user_id, checked)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    PinToken.objects.create(
        user_id=user_id,
        session=use.session,
        method=use.method,
        path=use.path,
        token_hash=tokens.digest(token),
        created_at=now,
        expires_at=now + rules.PIN_TOKEN_LIFETIME,
    )
    return token


def spend(user: User, use: Use, *, now: datetime) -> None:
    """Spend the token of a request in its command's transaction (a step): a refusal of the command leaves it good.

    The session has to be open still. Raises PinTokenRefused, TokenRefused.
    """
    sessions.require_open(use.session.pk, now=now)
    row = PinToken.objects.lock_by_hash(tokens.digest(use.token))
    if row is None or not _is_good(row, user, use, now=now):
        raise PinTokenRefused
    row.spent_at = now
    row.save(update_fields=["spent_at"])


@command
def forget_old_tokens(*, now: datetime) -> int:
    """Delete tokens that were good for nothing a month ago; return how many."""
    return PinToken.objects.filter(expires_at__lt=now - rules.KEEP_CODES).delete()[0]


def require_good(user: User, use: Use, *, now: datetime) -> None:
    """Refuse a token that couldn't be spent; nothing is locked, so `spend` asks again. Raises PinTokenRefused."""
    row = PinToken.objects.filter(token_hash=tokens.digest(use.token)).first()
    if row is None or not _is_good(row, user, use, now=now):
        raise PinTokenRefused


def _is_good(row: PinToken, user: User, use: Use, *, now: datetime) -> bool:
    return row.is_good(user_id=user.pk, session_id=use.session.pk, method=use.method, path=use.path, now=now)
