"""Alerts: open rows that somebody must close with a word."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model
from uuid_utils.compat import uuid7

from core.commands import command
from core.errors import DomainError, NotFound
from oversight import audit
from oversight.models import Alert, label_and_id
from oversight.permissions import require_permission

# One statement, so that two who raise the same alert at once end with one row.
RAISE = """
INSERT INTO oversight_alert (id, kind, dedupe, title, detail, severity, target_type, target_id,
                             raised_at, last_raised_at, times_raised, word)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 1, '')
ON CONFLICT (kind, dedupe) WHERE closed_at IS NULL DO UPDATE SET
    title = excluded.title, detail = excluded.detail, severity = excluded.severity,
    last_raised_at = excluded.last_raised_at, times_raised = oversight_alert.times_raised + 1
RETURNING id
"""


class AlertClosed(DomainError):
    code = "alert-closed"
    title = "This alert is closed already"
    status = 409


class WordMissing(DomainError):
    code = "word-missing"
    title = "An alert is closed with a word"
    status = 422


def raise_alert(
    kind: str,
    *,
    title: str,
    detail: str = "",
    severity: str = Alert.Severity.WARNING,
    at: datetime,
    target: Model | None = None,
    dedupe: str = "",
) -> Alert:
    """Raise an alert; while one of this kind and `dedupe` is open, that one is raised again.

    STEP. It commits with the transaction that it is raised in. No personal data in title and detail.
    """
    about = label_and_id(target)
    if severity not in Alert.Severity.values:
        raise ValueError(f"no such severity: {severity}")
    with connection.cursor() as cursor:
        row = [uuid7(), kind, dedupe, title[:200], detail, severity, about["target_type"], about["target_id"], at, at]
        cursor.execute(RAISE, row)
        (alert_id,) = cursor.fetchone()
    return Alert.objects.get(pk=alert_id)


@command
def close_alert(alert_id: UUID, *, by: Any, now: datetime, word: str) -> Alert:
    """Close an alert with what there is to say about it.

    Raises NotFound, Forbidden, WordMissing, AlertClosed.
    """
    require_permission(by, "oversight.close_alert")
    if not word.strip():
        raise WordMissing
    alert = Alert.objects.all().lock(alert_id)
    if alert is None:
        raise NotFound("There is no such alert.")
    if alert.closed_at is not None:
        raise AlertClosed
    alert.closed_at, alert.closed_by, alert.word = now, by, word.strip()
    alert.save(update_fields=["closed_at", "closed_by", "word"])
    audit.record("oversight.alert.closed", actor=by, at=now, target=alert, reason=alert.word)
    return alert
