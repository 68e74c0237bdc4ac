"""Ending log-ins."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from accounts.errors import TokenRefused
from accounts.models import Session, Totp, User, VerificationCode
from accounts.services.roles import another
from core.commands import command
from core.errors import NotFound
from oversight import audit
from oversight.permissions import require_permission

Purpose = VerificationCode.Purpose
WAITING = (Purpose.CHANGE, Purpose.LINK, Purpose.PIN)
"""Codes that give another way in, or another PIN, to whoever asked for them."""


def revoke_sessions(user: User, *, reason: Session.Reason, at: datetime, keep: UUID | None = None) -> int:
    """End the person's sessions, but for `keep`, and what was begun in them; return how many (a step).

    What was begun ends with `keep`, too: whoever asks for an end of the others may not know who began it.
    """
    alive = Session.objects.alive().filter(user=user)
    if keep is not None:
        alive = alive.exclude(pk=keep)
    ended = alive.update(revoked_at=at, revoke_reason=reason)
    _end_what_was_begun(user, at=at)
    return ended


def _end_what_was_begun(user: User, *, at: datetime) -> None:
    end_what_waits(user, at=at)
    Totp.objects.filter(user=user, confirmed_at=None).delete()


def lock_with_person(session_id: UUID) -> Session | None:
    """Lock a session, and its person before it; None where there is none (a step).

    Whatever ends a session holds its person: under that lock one that is open stays so.
    """
    owner_id = Session.objects.filter(pk=session_id).values_list("user_id", flat=True).first()
    if owner_id is None:
        return None
    User.objects.lock(owner_id)
    return Session.objects.lock(session_id)


def lock_caller(caller: User, *, in_session: UUID | None = None, now: datetime) -> User:
    """Lock a person who asks for something in a session of the API, or at the console; it is open still (a step).

    It may have been ended since the request was let in: `caller` is the person as they were read then.
    Raises TokenRefused.
    """
    person = User.objects.lock(caller.pk)
    if in_session is not None:
        require_open(in_session, now=now)
    elif person.console_ended_at != caller.console_ended_at:
        raise TokenRefused("Your log-in here was ended. Log in again.")
    return person


def require_open(session_id: UUID, *, now: datetime) -> None:
    """Refuse what is asked in a session that has ended; under its person's lock it can't end meanwhile (a step).

    Raises TokenRefused.
    """
    session = Session.objects.select_related("user").get(pk=session_id)
    if not session.is_alive(now):
        raise TokenRefused


def lock_open(session_id: UUID, *, now: datetime) -> Session:
    """Lock a session that is open still: it may have been ended since the request began (a step).

    Raises TokenRefused.
    """
    session = Session.objects.lock(session_id)
    if session is None or not session.is_alive(now):
        raise TokenRefused
    return session


def end_what_waits(user: User, *, at: datetime) -> None:
    """Let no code be good any more that was asked for so far and would give a new address, log-in or PIN (a step).

    Most need no session to be used: a thief's new address would come in the place of the old one afterwards.
    """
    VerificationCode.objects.filter(user=user, purpose__in=WAITING, used_at=None).update(used_at=at)


def end_everywhere(user: User, *, reason: Session.Reason, at: datetime) -> int:
    """End a locked person's sessions, those of the console too; return how many of the API (a step)."""
    end_consoles(user, at=at)
    return revoke_sessions(user, reason=reason, at=at)


def end_consoles(user: User, *, at: datetime) -> None:
    """End wherever a locked person is logged in at the console (a step): see `User.get_session_auth_hash`."""
    user.console_ended_at = at
    user.save(update_fields=["console_ended_at"])


def revoke(session: Session, *, reason: Session.Reason, at: datetime) -> None:
    """End one session, which is locked with its person (a step)."""
    session.revoked_at, session.revoke_reason = at, reason
    session.save(update_fields=["revoked_at", "revoke_reason"])


def put_out(session: Session, *, reason: Session.Reason, at: datetime) -> None:
    """End one session that may be a stranger's, as `revoke`, and what was begun in it or any other (a step)."""
    revoke(session, reason=reason, at=at)
    _end_what_was_begun(session.user, at=at)


@command
def end_own_session(session_id: UUID, *, by: User, in_session: UUID | None = None, now: datetime) -> None:
    """End one of one's own sessions, and what was begun in any.

    Raises TokenRefused, NotFound when there is none open.
    """
    person = lock_caller(by, in_session=in_session, now=now)
    session = Session.objects.lock(session_id)
    if session is None or session.user_id != person.pk or not session.is_alive(now):
        raise NotFound("You have no such session.")
    put_out(session, reason=Session.Reason.OWNER, at=now)
    audit.record("accounts.session_ended", actor=by, at=now, target=by, after={"session": str(session.pk)})


@command
def end_own_sessions(user: User, *, keep: UUID | None = None, in_session: UUID | None = None, now: datetime) -> int:
    """End all of one's own sessions, those of the console too, but for `keep`; return how many of the API.

    Raises TokenRefused.
    """
    person = lock_caller(user, in_session=in_session, now=now)
    ended = revoke_sessions(person, reason=Session.Reason.OWNER, at=now, keep=keep)
    if person.is_staff:
        end_consoles(person, at=now)
    if ended or person.is_staff:
        audit.record("accounts.sessions_ended", actor=person, at=now, target=person, after={"sessions": ended})
    return ended


@command
def end_session(session_id: UUID, *, by: User, now: datetime) -> None:
    """An officer ends somebody's session, and what they began in any.

    Raises Forbidden, NotFound when there is none alive.
    """
    require_permission(by, "accounts.revoke_session")
    session = lock_with_person(session_id)
    if session is None or session.revoked_at is not None:
        raise NotFound
    put_out(session, reason=Session.Reason.OFFICER, at=now)
    audit.record("accounts.session_ended", actor=by, at=now, target=session.user, after={"session": str(session.pk)})


@command
def end_sessions(person_id: UUID, *, by: User, now: datetime, reason: str) -> int:
    """An officer ends all sessions of another person, those of the console too; return how many of the API.

    Raises Forbidden, NotFound, OwnAccount.
    """
    require_permission(by, "accounts.revoke_session")
    person = another(person_id, by=by)
    ended = end_everywhere(person, reason=Session.Reason.OFFICER, at=now)
    audit.record("accounts.sessions_ended", actor=by, at=now, target=person, after={"sessions": ended}, reason=reason)
    return ended
