"""Whoever signed up with somebody else's address doesn't stay in their account. Source: docs/rules/access.md §11."""

from __future__ import annotations

from datetime import datetime

from accounts import lockout, signals
from accounts.models import Session, SocialIdentity, User
from accounts.services import sensitive, sessions
from oversight import audit


def leave_nothing(person: User, *, now: datetime) -> None:
    """End all that opened a locked person's account before they came by their mailbox: a stranger may have it (a step).

    Sessions and what was begun in them; and a password that wasn't set by mail since this address was proven, with the
    log-ins that it may have linked: whoever opened the account with somebody else's address knows it.
    """
    sessions.revoke_sessions(person, reason=Session.Reason.OWNER, at=now)
    by_mail = lockout.resets_by_mail(person).filter(at__gte=person.email_verified_at)
    if person.has_usable_password() and not by_mail.exists():
        person.set_unusable_password()
        person.save(update_fields=["password"])
        SocialIdentity.objects.filter(user=person).delete()


def shut_out(person: User, *, now: datetime) -> None:
    """Drop the log-ins by others that a locked person had before their address was proven, and end the sessions.

    To be called when an address is proven that wasn't so far: by its owner, who may be somebody else (a step).
    """
    dropped, _ = SocialIdentity.objects.filter(user=person).delete()
    if not dropped:
        return
    sessions.revoke_sessions(person, reason=Session.Reason.OWNER, at=now)
    sensitive.changed(person, now=now)
    signals.tell(person, "identity_changed", now=now)
    audit.record("accounts.identities_dropped", actor=person, at=now, target=person, after={"dropped": dropped})
