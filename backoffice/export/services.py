"""Hand out everything that is held about a person. Source: docs/rules/access.md §14."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from typing import IO, Final

from django.db import connection

from accounts.models import User
from accounts.services import pins, sessions
from backoffice.errors import ExportUnderWay, TooManyExports
from backoffice.export import archive
from backoffice.export.subject import Subject
from core.commands import command
from notifications import services as notifications
from oversight import audit
from oversight.models import AuditEvent

EXPORTED: Final = "backoffice.data_exported"
A_DAY: Final = 3
DAY: Final = timedelta(days=1)
WAIT_SECONDS: Final = 30


@command
def export(user: User, *, use: pins.Use, now: datetime) -> IO[bytes]:
    """Return an archive of all that is held about a person, as a file that ends with its handle.

    It is written before anything is sent: a slow reader holds no transaction, and what breaks is a 500, not half an
    archive. The PIN is spent, the event written and the message queued only if it was. No row is locked meanwhile, so
    that no other PIN, block or deletion waits for it, nor money behind them; whoever was blocked or logged out since
    gets nothing. Raises ExportUnderWay, TooManyExports, PinTokenRefused, TokenRefused.
    """
    _take_turn(user, now=now)
    pins.require_good(user, use, now=now)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever answers closes it
    archive.write(Subject(User.objects.get(pk=user.pk), now), file)
    sessions.lock_open(use.session.pk, now=now)
    pins.spend(user, use, now=now)
    audit.record(EXPORTED, actor=user, at=now, target=user)
    notifications.notify(user, "data_exported", facts={}, key=now.isoformat(), now=now)
    file.seek(0)
    return file


def _take_turn(person: User, *, now: datetime) -> None:
    """Let one export of a person be written at a time, and three a day."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [str(person.pk)])
        if not cursor.fetchone()[0]:
            raise ExportUnderWay(retry_after=WAIT_SECONDS)
    lately = AuditEvent.objects.filter(actor=person, action=EXPORTED, at__gt=now - DAY)
    moments = list(lately.order_by("at").values_list("at", flat=True))
    if len(moments) >= A_DAY:
        raise TooManyExports(retry_after=int((moments[-A_DAY] + DAY - now).total_seconds()) + 1)


_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtext('backoffice.export'), hashtext(%s))"
