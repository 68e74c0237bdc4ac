"""What people hear of the safety of their account. Said by `accounts`, which knows nothing of this room."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from accounts import signals
from accounts.models import Session
from notifications import clients, kinds, services
from notifications.kinds import ACCOUNT, EMAIL, PUSH, SECURITY, Facts, Kind, Priority, look_by

PATH = "/security"


def sessions(ids: set[UUID]) -> dict[UUID, Facts]:
    """Read log-ins: client and address stand nowhere else."""
    return {session.pk: _of(session) for session in Session.objects.filter(pk__in=ids)}


def _of(session: Session) -> Facts:
    return {"client": clients.recognised(session.user_agent), "ip": session.ip or "", "at": session.created_at}


def _urgent(code: str, **more: Any) -> Kind:
    return Kind(code=code, category=SECURITY, priority=Priority.URGENT, path=PATH, **more)


A_SESSION = {"session": "01997f3e-5c1a-7d2b-9e4f-8a6b7c5d4e3f"}
SEEN = {
    "client": "Firefox, Linux",
    "ip": "203.0.113.7",
    "at": datetime(2026, 3, 2, 22, 41, tzinfo=UTC),
}
SIGNED_UP = Kind(code="signed_up", category=ACCOUNT, channels=frozenset({EMAIL}))
KINDS = (
    SIGNED_UP,
    _urgent("password_changed"),
    _urgent("password_by_mail", is_alarm=True),
    _urgent("pin_set"),
    _urgent("factor_changed"),
    _urgent("number_unverified", is_alarm=True),
    _urgent("recovery_code_used"),
    _urgent("identity_changed"),
    _urgent("identity_by_mail", is_alarm=True),
    _urgent("account_restored"),
    _urgent("data_exported"),
    _urgent(
        "new_device",
        look=look_by("session", sessions),
        facts=A_SESSION,
        seen=SEEN,
    ),
    _urgent("console_from_elsewhere"),
    _urgent("passkey_copied"),
    _urgent("token_reused", look=look_by("session", sessions), facts=A_SESSION, seen=SEEN),
    # The address that was left is told by accounts itself, and the new one has just shown a code.
    _urgent("email_changed", channels=frozenset({PUSH})),
    _urgent("phone_changed", channels=frozenset({PUSH})),
)


def register() -> None:
    """Make the kinds known, and hear of what happens."""
    kinds.register(*KINDS)
    signals.person_told.connect(tell, dispatch_uid="notifications.security")


def tell(sender: Any, *, person: Any, event: str, facts: Mapping[str, str], key: str, now: datetime, **_: Any) -> None:
    """Tell the person, in the transaction of what happened."""
    services.notify(person, event, facts=facts, key=key, now=now)
