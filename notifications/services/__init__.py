"""Every write of notifications: one function a verb.

`notify`, `notify_each` and `notify_selected` are what other rooms call.
"""

from notifications.services.devices import register_device, remove_device
from notifications.services.inbox import mark_read, unread_count
from notifications.services.preferences import Wishes, change_preferences, wishes_of
from notifications.services.sending import retry
from notifications.services.telling import notify, notify_each, notify_selected

__all__ = [
    "Wishes",
    "change_preferences",
    "mark_read",
    "notify",
    "notify_each",
    "notify_selected",
    "register_device",
    "remove_device",
    "retry",
    "unread_count",
    "wishes_of",
]
