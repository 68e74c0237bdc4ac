"""The devices that a person's pushes go to. Source: docs/rules/notifications.md §5."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db import connection

from accounts.models import Session, User
from core.commands import command
from notifications.errors import UnknownDevice
from notifications.models import Device
from oversight.encryption import blind_index

DEVICES_A_PERSON: Final = 10


@command
def register_device(person: User, *, token: str, platform: str, session: Session, now: datetime) -> Device:
    """Send this person's pushes to a device from now on; if it was somebody's, it is theirs no more.

    Beyond ten, the one that was registered longest ago is forgotten.
    """
    field = Device._meta.get_field("token")
    given: dict[str, Any] = {
        "user": person.pk,
        "session": session.pk,
        "platform": platform,
        "token": field.get_prep_value(token),
        "token_index": index_of(token),
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_REGISTER, given)
        (device_id,) = cursor.fetchone()
    mine = Device.objects.owned_by(person).values_list("pk", flat=True)
    Device.objects.filter(pk__in=list(mine[DEVICES_A_PERSON:])).delete()
    return Device.objects.get(pk=device_id)


@command
def remove_device(person: User, *, token: str) -> None:
    """Send nothing to a device any more. Raises UnknownDevice."""
    removed, _ = Device.objects.owned_by(person).filter(token_index=index_of(token)).delete()
    if not removed:
        raise UnknownDevice


def index_of(token: str) -> bytes:
    """Return the keyed hash by which a token is found."""
    return blind_index(f"push token: {token}")


# One statement, so that two people who register one token at once take turns, and the later one has it.
_REGISTER: Final = f"""
    INSERT INTO {Device._meta.db_table} (user_id, session_id, platform, token, token_index, registered_at)
    VALUES (%(user)s, %(session)s, %(platform)s, %(token)s, %(token_index)s, %(now)s)
    ON CONFLICT (token_index) DO UPDATE SET user_id = excluded.user_id, session_id = excluded.session_id,
        platform = excluded.platform, token = excluded.token, registered_at = excluded.registered_at
    RETURNING id
"""
