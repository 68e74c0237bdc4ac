"""What goes out of the house, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q

from core import columns
from core.states import require_move
from notifications import rules
from notifications.models.notices import Channel, Notification


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    """Questions over what goes out."""

    def lock(self, delivery_id: UUID) -> Delivery | None:
        """Lock one delivery until the transaction ends."""
        return self.select_for_update(no_key=True).filter(pk=delivery_id).first()

    def due(self, now: datetime) -> DeliveryQuerySet:
        return self.filter(status=Delivery.Status.QUEUED, next_try_at__lte=now)

    def fresh(self, now: datetime) -> DeliveryQuerySet:
        """Those that aren't too old to be sent."""
        fits = Q()
        for channel, age in rules.STALE_AFTER.items():
            fits |= Q(channel=channel, created_at__gte=now - age)
        return self.filter(fits)

    def claim(self, now: datetime, *, most: int, but: Collection[str] = ()) -> list[Delivery]:
        """Lock the first due ones that nobody else holds, with what is said and to whom; what is urgent goes first.

        `but` are channels that are left alone.
        """
        due = self.due(now).exclude(channel__in=but) if but else self.due(now)
        rows = due.filter(goes_first=True)._claim(most)
        if len(rows) < most:
            rows += due.filter(goes_first=False)._claim(most - len(rows))
        return rows

    def _claim(self, most: int) -> list[Delivery]:
        rows = self.order_by("next_try_at", "pk").select_related("notification", "user")
        return list(rows.select_for_update(of=("self",), no_key=True, skip_locked=True)[:most])


class Delivery(models.Model):
    """One message to one person by one channel; a push goes to one device.

    Queued until `next_try_at`; who takes it puts that time off and counts the attempt, so that one whose worker died
    is taken again later. `device_id` names a row that may be gone. `reason` says why it was dropped or failed: a code
    of ours, or the provider's answer without any address.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", "queued"
        SENT = "sent", "sent"
        FAILED = "failed", "failed"
        DROPPED = "dropped", "dropped"

    MOVES: ClassVar[Mapping[str, set[str]]] = {
        Status.QUEUED: {Status.SENT, Status.FAILED, Status.DROPPED},
        Status.FAILED: {Status.QUEUED},
    }

    id = columns.identifier()
    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    channel = models.CharField(max_length=8, choices=Channel.choices)
    device_id = models.UUIDField(null=True, editable=False)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.QUEUED)
    goes_first = models.BooleanField(db_default=False, editable=False, help_text="urgent: it waits behind no crowd")
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[Delivery]] = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("retry_delivery", "Can have failed deliveries tried again")]
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(fields=["next_try_at"], name="notifications_due", condition=Q(status="queued")),
            models.Index(
                fields=["next_try_at"], name="notifications_due_first", condition=Q(status="queued", goes_first=True)
            ),
            models.Index(fields=["status", "ended_at"], name="notifications_ended", condition=~Q(status="queued")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["notification", "channel", "device_id"],
                name="notifications_delivered_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(status="queued", ended_at__isnull=True) | ~Q(status="queued") & Q(ended_at__isnull=False),
                name="notifications_delivery_ended_at",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["queued", "sent"]) | ~Q(reason=""), name="notifications_delivery_reason"
            ),
            models.CheckConstraint(
                condition=Q(channel="push", device_id__isnull=False) | ~Q(channel="push") & Q(device_id__isnull=True),
                name="notifications_delivery_device",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} of {self.notification_id}"

    def move(self, status: str, *, at: datetime | None, reason: str = "") -> None:
        """Move this locked row and save it. Raises IllegalMove."""
        require_move(self.MOVES, self.status, status)
        self.status, self.ended_at, self.reason = status, at, reason[:200]
        self.save(update_fields=["status", "ended_at", "reason", "attempts", "next_try_at"])


class MessageCount(models.Model):
    """How many messages went to one person by one channel in one hour."""

    pk = models.CompositePrimaryKey("hour", "user_id", "channel")
    hour = models.DateTimeField()
    user_id = models.UUIDField()
    channel = models.CharField(max_length=8, choices=Channel.choices)
    sent = models.PositiveIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.sent} by {self.channel}"
