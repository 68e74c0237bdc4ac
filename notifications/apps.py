from __future__ import annotations

from django.apps import AppConfig

SEE = ["notifications.view_notification", "notifications.view_delivery", "notifications.preview_message"]


class NotificationsConfig(AppConfig):
    name = "notifications"

    # What the application's login role may do; a table that isn't named here it may only read.
    rights = {
        "Notification": {"insert": "*", "update": ["read_at"], "delete": True},
        "Delivery": {
            "insert": "*",
            "update": ["status", "attempts", "next_try_at", "reason", "ended_at"],
            "delete": True,
        },
        "MessageCount": {"insert": "*", "update": ["sent"], "delete": True},
        "Device": {
            "insert": "*",
            "update": ["user", "session", "platform", "token", "registered_at"],
            "delete": True,
        },
        "Preference": {"insert": "*", "update": ["wanted"], "delete": False},
        "QuietHours": {"insert": "*", "update": ["begins", "ends"], "delete": False},
    }
    role_permissions = {
        "support": SEE,
        "moderator": ["notifications.preview_message"],
        "compliance": SEE,
        "finance": ["notifications.preview_message"],
        "administrator": [*SEE, "notifications.retry_delivery"],
    }

    def ready(self) -> None:
        """Register the messages of the rooms below, and hear what these say."""
        from notifications import approvals, security

        security.register()
        approvals.register()
