"""The devices that pushes go to."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models

from accounts.models import Session
from core import columns
from oversight.encryption import EncryptedTextField


class DeviceQuerySet(models.QuerySet["Device"]):
    """Questions over devices."""

    def owned_by(self, person: models.Model) -> DeviceQuerySet:
        return self.filter(user_id=person.pk)

    def reachable(self, now: datetime) -> DeviceQuerySet:
        """Devices whose log-in is still good: a push goes to nobody who has logged out, or was blocked."""
        alive = {"session__revoked_at": None, "session__expires_at__gt": now}
        return self.filter(**alive, user__blocked_at=None, user__deleted_at=None)


class Device(models.Model):
    """A push token, and the log-in that it came with; it is one person's at a time.

    The token stands encrypted, beside the keyed hash by which it is found.
    """

    class Platform(models.TextChoices):
        ANDROID = "android", "Android"
        IOS = "ios", "iOS"
        WEB = "web", "web"

    id = columns.identifier()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="+")
    platform = models.CharField(max_length=8, choices=Platform.choices)
    token = EncryptedTextField()
    token_index = models.BinaryField(unique=True, editable=False)
    registered_at = models.DateTimeField()

    objects: ClassVar[models.Manager[Device]] = DeviceQuerySet.as_manager()

    class Meta:
        ordering = ["-registered_at", "-id"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"device {self.pk}"
