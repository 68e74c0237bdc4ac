"""Whoever signed up with somebody else's address doesn't stay in their account. Source: docs/rules/access.md §11."""

from __future__ import annotations

from datetime import datetime

from accounts import signals
from accounts.models import Session, SocialIdentity, User
from accounts.services import sensitive, sessions
from oversight import audit


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
