"""Proving a second factor where somebody is logged in already. Source: docs/rules/access.md §10."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from accounts import lockout, signals
from accounts.models import Session, User
from accounts.services import copies, factors
from accounts.services.sessions import lock_open
from core.commands import command
from oversight import audit, trace


def prove_in_console(officer: User, proof: factors.Proof, *, now: datetime) -> None:
    """Check an officer's second factor: it opens the console, or opens it on. Raises WrongFactor, LockedOut."""
    factors.count_try(officer, now=now)
    with copies.told(officer, now=now):
        enter_console(officer.pk, proof, now=now)


@command
def enter_console(officer_id: UUID, proof: factors.Proof, *, now: datetime) -> None:
    """Use the factor up and write down who came in, once the try was counted; a network that is new is told them.

    Raises WrongFactor.
    """
    officer = User.objects.lock(officer_id)
    proof.use(officer, now=now)
    if lockout.is_new_network(officer, ip=trace.current().ip, now=now):
        signals.tell(officer, "console_from_elsewhere", now=now)
    audit.record(lockout.ENTERED_CONSOLE, actor=officer, at=now, target=officer)


@command
def note_entry(officer_id: UUID, *, now: datetime) -> None:
    """Write down who came in with a factor that they enrolled just now."""
    officer = User.objects.lock(officer_id)
    audit.record(lockout.ENTERED_CONSOLE, actor=officer, at=now, target=officer)


@command
def note_exit(officer_id: UUID, *, now: datetime) -> None:
    """Write down who left the console."""
    officer = User.objects.lock(officer_id)
    audit.record("accounts.left_console", actor=officer, at=now, target=officer)


def prove_in_session(user: User, session: Session, proof: factors.Proof, *, now: datetime) -> Session:
    """Check the second factor of somebody who is logged in. Raises WrongFactor, LockedOut, TokenRefused."""
    factors.count_try(user, now=now)
    with copies.told(user, now=now):
        return refresh_factor(user.pk, session.pk, proof, now=now)


@command
def refresh_factor(user_id: UUID, session_id: UUID, proof: factors.Proof, *, now: datetime) -> Session:
    """Note in the session that the factor was given, once the try was counted. Raises WrongFactor, TokenRefused."""
    person = User.objects.lock(user_id)
    session = lock_open(session_id, now=now)
    proof.use(person, now=now)
    session.second_factor_at = now
    session.save(update_fields=["second_factor_at"])
    audit.record("accounts.second_factor_given", actor=person, at=now, target=person)
    return session
