"""Ending log-ins."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from accounts.models import Session, User
from accounts.services.roles import another
from core.commands import command
from core.errors import NotFound
from oversight import audit
from oversight.permissions import require_permission


def revoke_sessions(user: User, *, reason: Session.Reason, at: datetime, keep: UUID | None = None) -> int:
    """End the person's sessions, but for `keep`; return how many (a step)."""
    alive = Session.objects.alive().filter(user=user)
    if keep is not None:
        alive = alive.exclude(pk=keep)
    return alive.update(revoked_at=at, revoke_reason=reason)


def end_everywhere(user: User, *, reason: Session.Reason, at: datetime) -> int:
    """End a locked person's sessions, those of the console too; return how many of the API (a step)."""
    end_consoles(user, at=at)
    return revoke_sessions(user, reason=reason, at=at)


def end_consoles(user: User, *, at: datetime) -> None:
    """End wherever a locked person is logged in at the console (a step): see `User.get_session_auth_hash`."""
    user.console_ended_at = at
    user.save(update_fields=["console_ended_at"])


def revoke(session: Session, *, reason: Session.Reason, at: datetime) -> None:
    """End one session, whose row is locked (a step)."""
    session.revoked_at, session.revoke_reason = at, reason
    session.save(update_fields=["revoked_at", "revoke_reason"])


@command
def end_own_session(session_id: UUID, *, by: User, now: datetime) -> None:
    """End one of one's own sessions.

    Raises NotFound when there is none open.
    """
    session = Session.objects.lock(session_id)
    if session is None or session.user_id != by.pk or not session.is_alive(now):
        raise NotFound("You have no such session.")
    revoke(session, reason=Session.Reason.OWNER, at=now)
    audit.record("accounts.session_ended", actor=by, at=now, target=by, after={"session": str(session.pk)})


@command
def end_own_sessions(user: User, *, keep: UUID | None = None, now: datetime) -> int:
    """End all of one's own sessions, those of the console too, but for `keep`; return how many of the API."""
    person = User.objects.lock(user.pk)
    ended = revoke_sessions(person, reason=Session.Reason.OWNER, at=now, keep=keep)
    if person.is_staff:
        end_consoles(person, at=now)
    if ended or person.is_staff:
        audit.record("accounts.sessions_ended", actor=person, at=now, target=person, after={"sessions": ended})
    return ended


@command
def end_session(session_id: UUID, *, by: User, now: datetime) -> None:
    """An officer ends somebody's session.

    Raises Forbidden, NotFound when there is none alive.
    """
    require_permission(by, "accounts.revoke_session")
    session = Session.objects.lock(session_id)
    if session is None or session.revoked_at is not None:
        raise NotFound
    revoke(session, reason=Session.Reason.OFFICER, at=now)
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
