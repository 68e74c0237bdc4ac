"""What the person was told, how it went out, and how they want it."""

from __future__ import annotations

from typing import Any

from backoffice.export.people import same
from backoffice.export.tables import QUIET, Table
from notifications.models import Delivery, Device, MessageCount, Notification, Preference, QuietHours

PARTS: list[Any] = [
    Table(
        name="notifications",
        title="What you were told",
        model=Notification,
        whose="user",
        columns=same("id", "created_at", "kind", "facts", "read_at"),
        left_out={"key": "what keeps one thing from being told twice"},
    ),
    Table(
        name="deliveries",
        title="What went out to you",
        model=Delivery,
        whose="user",
        columns={
            "notification": "notification_id",
            **same("id", "created_at", "channel", "device_id", "status", "reason"),
            **same("attempts", "next_try_at", "ended_at"),
        },
        left_out={"goes_first": "whether others wait behind it, as its kind says"},
        quiet=QUIET | {"notification", "device_id", "next_try_at"},
    ),
    Table(
        name="devices",
        title="Devices that are told",
        model=Device,
        whose="user",
        columns={"session": "session_id", **same("id", "registered_at", "platform", "token")},
        left_out={"token_index": "a keyed hash of the token, which is here"},
        quiet=QUIET | {"session", "token"},
    ),
    Table(
        name="messages_by_hour",
        title="How many messages went to you, by hour",
        model=MessageCount,
        whose="user_id",
        columns=same("hour", "channel", "sent"),
        order=("-hour", "channel"),
        note="Kept for as long as a limit looks back.",
    ),
    Table(
        name="message_wishes",
        title="What you want to be told, and how",
        model=Preference,
        whose="user",
        columns=same("id", "category", "channel", "wanted"),
    ),
    Table(
        name="quiet_hours",
        title="When you want no message",
        model=QuietHours,
        whose="user",
        columns=same("begins", "ends"),
    ),
]
