"""What people are told, how it reaches them, and what they want of it."""

from notifications.models.deliveries import Delivery, MessageCount
from notifications.models.devices import Device
from notifications.models.notices import Channel, Notification
from notifications.models.preferences import Preference, QuietHours

__all__ = ["Channel", "Delivery", "Device", "MessageCount", "Notification", "Preference", "QuietHours"]
