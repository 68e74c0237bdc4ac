"""Changing and resetting a password; both end every other session."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID

from django.contrib.auth.hashers import make_password

from accounts import lockout, mails, rules, signals, tokens
from accounts.errors import ResetTokenRefused, WrongPassword
from accounts.models import PasswordResetToken, Session, User
from accounts.services import sensitive, sessions, strangers
from core.commands import command
from oversight import audit

TOKEN_BYTES = 32


def change_password(user: User, *, session_id: UUID, current: str, new: str, now: datetime) -> None:
    """Set a new password and end every other session.

    Raises WrongPassword, LockedOut (the current one can't be guessed with a stolen access token either), TokenRefused.
    """
    check_current_password(user, current, now=now)
    set_password(user, checked=user.password, encoded=make_password(new), keep=session_id, now=now)


def check_current_password(user: User, password: str, *, now: datetime) -> None:
    """Let somebody who is logged in prove that they know their password.

    Raises WrongPassword, LockedOut.
    """
    index = lockout.counter_of_person(user.pk, lockout.PASSWORD_CHANGE)
    lockout.require_attempt(index, now=now)
    if not user.check_password(password):
        raise WrongPassword
    lockout.take_back(index)


@command
def set_password(user: User, *, checked: str, encoded: str, now: datetime, keep: UUID | None = None) -> None:
    """Keep a hashed password, if the one that was checked still stands, and end all sessions but `keep`.

    That is the one in which it was asked for; without it the console is. Raises WrongPassword, TokenRefused.
    """
    person = sessions.lock_caller(user, in_session=keep, now=now)
    if person.password != checked:
        raise WrongPassword
    _replace_password(person, encoded, keep=keep, at=now)
    signals.tell(person, "password_changed", now=now)
    audit.record("accounts.password_changed", actor=person, at=now, target=person)


def _replace_password(person: User, encoded: str, *, at: datetime, keep: UUID | None = None) -> None:
    person.password = encoded
    person.save(update_fields=["password"])
    sensitive.changed(person, now=at)
    PasswordResetToken.objects.filter(user=person, used_at=None).update(used_at=at)
    sessions.revoke_sessions(person, reason=Session.Reason.PASSWORD, at=at, keep=keep)


def request_reset(index: bytes, *, now: datetime) -> None:
    """Mail a reset link to whoever has this identifier's index; nothing happens for an unknown one.

    The work is the worker's, so that the answer takes as long for a known identifier as for an unknown one.
    """
    user = User.objects.present().with_index(index).first()
    if user is None or not user.email:
        return
    secret = open_reset(user.pk, now=now)
    if secret is None:
        return
    mails.deliver("reset", user, token=secret, minutes=int(rules.RESET_LIFETIME.total_seconds() // 60))


@command
def open_reset(user_id: UUID, *, now: datetime) -> str | None:
    """Make a reset token, and return it; None where as many as may be were sent lately.

    Earlier ones stay good until one is used: whoever asks for another's links on and on takes none of them away.
    """
    person = User.objects.lock(user_id)
    lately = PasswordResetToken.objects.filter(user=person, used_at=None, created_at__gt=now - rules.RESETS_WITHIN)
    if lately.count() >= rules.RESETS_AT_ONCE:
        return None
    secret = secrets.token_urlsafe(TOKEN_BYTES)
    PasswordResetToken.objects.create(
        user=person, token_hash=tokens.digest(secret), created_at=now, expires_at=now + rules.RESET_LIFETIME
    )
    audit.record("accounts.reset_requested", actor=person, at=now, target=person)
    return secret


@command
def confirm_reset(token: str, *, new: str, now: datetime) -> None:
    """Set a new password with a token that was mailed; every session ends, and the lock-out is lifted.

    Raises ResetTokenRefused.
    """
    found = PasswordResetToken.objects.filter(token_hash=tokens.digest(token)).first()
    if found is None:
        raise ResetTokenRefused
    person = User.objects.lock(found.user_id)
    row = PasswordResetToken.objects.all().lock(found.pk)
    if row.used_at is not None or row.expires_at <= now or not person.is_active:
        raise ResetTokenRefused
    _replace_password(person, make_password(new), at=now)
    signals.tell(person, "password_by_mail", now=now)  # No push: the sessions have just ended.
    if person.email_verified_at is None:
        strangers.shut_out(person, now=now)
    lockout.lift(person, now=now)
    audit.record(lockout.RESET_BY_MAIL, actor=person, at=now, target=person)


@command
def forget_old_resets(*, now: datetime) -> int:
    """Delete reset links that were good for nothing a month ago; return how many."""
    return PasswordResetToken.objects.filter(expires_at__lt=now - rules.KEEP_RESETS).delete()[0]
