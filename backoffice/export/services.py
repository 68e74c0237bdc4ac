"""Hand out everything that is held about a person. Source: docs/rules/access.md §14."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from typing import IO, Final

from accounts.models import User
from accounts.services import pins
from backoffice.errors import TooManyExports
from backoffice.export import archive
from backoffice.export.subject import Subject
from core.commands import command
from notifications import services as notifications
from oversight import audit
from oversight.models import AuditEvent

EXPORTED: Final = "backoffice.data_exported"
A_DAY: Final = 3
DAY: Final = timedelta(days=1)


@command
def export(user: User, *, use: pins.Use, now: datetime) -> IO[bytes]:
    """Return an archive of all that is held about a person, as a file that ends with its handle.

    It is written before anything is sent: a slow reader holds no transaction, and what breaks is a 500, not half an
    archive. The PIN is spent, the event written and the message queued only if it was. Raises TooManyExports,
    PinTokenRefused.
    """
    person = User.objects.lock(user.pk)
    _require_turn(person, now=now)
    pins.spend(person, use, now=now)
    audit.record(EXPORTED, actor=person, at=now, target=person)
    notifications.notify(person, "data_exported", facts={}, key=now.isoformat(), now=now)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever answers closes it
    archive.write(Subject(person, now), file)
    file.seek(0)
    return file


def _require_turn(person: User, *, now: datetime) -> None:
    lately = AuditEvent.objects.filter(actor=person, action=EXPORTED, at__gt=now - DAY)
    moments = list(lately.order_by("at").values_list("at", flat=True))
    if len(moments) >= A_DAY:
        raise TooManyExports(retry_after=int((moments[-A_DAY] + DAY - now).total_seconds()) + 1)
