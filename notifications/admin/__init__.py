"""The console's pages of notifications: what people are told, what went out, and how each message reads."""

from notifications.admin import deliveries, notices  # noqa: F401
