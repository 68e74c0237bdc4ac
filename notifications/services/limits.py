"""How many messages one person gets in an hour, and a stranger's address in a day.

Source: docs/rules/notifications.md §4.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.db.models import F

from accounts.errors import TooSoon
from accounts.services import sms_caps
from notifications import kinds, rules
from notifications.models import Channel, Delivery, MessageCount


def is_limited(row: Delivery, kind: kinds.Kind) -> bool:
    """Of what is essential an owner can't hear too much; but whoever signs up with a stranger's address is no owner."""
    person = row.user
    unproven = {"email": person.email_verified_at is None, "sms": person.phone_verified_at is None}
    return not kind.category.is_essential or unproven.get(row.channel, False)


def refusal(row: Delivery, *, now: datetime) -> str:
    """Count one limited message; say why it may not go, or nothing. A step."""
    if not count(row, now=now):
        return "too-many-in-an-hour"
    if row.channel == Channel.EMAIL and row.user.email_verified_at is None:
        try:
            sms_caps.count_mail(row.user.email, now=now)
        except TooSoon:
            return "too-many-in-a-day"
    return ""


def count(row: Delivery, *, now: datetime) -> bool:
    """Count one message of this hour; say whether it may go. A step."""
    given: dict[str, Any] = {
        "hour": _hour(now),
        "user": row.user_id,
        "channel": row.channel,
        "most": rules.AN_HOUR[row.channel],
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, given)
        return cursor.fetchone() is not None


def uncount(rows: Iterable[Delivery]) -> None:
    """Take back what claiming counted of messages that weren't tried. A step.

    In the order in which claims count, since these rows are theirs, too.
    """
    for row in sorted(rows, key=lambda row: (row.user_id, row.channel, row.pk)):
        kind = kinds.find(row.notification.kind)
        if row.attempts == 1 and kind is not None and is_limited(row, kind):
            hour = _hour(row.next_try_at - rules.LEASE)
            counted = MessageCount.objects.filter(hour=hour, user_id=row.user_id, channel=row.channel, sent__gt=0)
            counted.update(sent=F("sent") - 1)


def _hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)


_COUNT: Final = f"""
    INSERT INTO {MessageCount._meta.db_table} AS c (hour, user_id, channel, sent)
    VALUES (%(hour)s, %(user)s, %(channel)s, 1)
    ON CONFLICT (hour, user_id, channel) DO UPDATE SET sent = c.sent + 1 WHERE c.sent < %(most)s
    RETURNING sent
"""
