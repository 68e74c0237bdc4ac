"""What people are told: the inbox."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from core import columns


class Channel(models.TextChoices):
    """The ways out of the house; the inbox has every notification, whatever goes out."""

    EMAIL = "email", "e-mail"
    SMS = "sms", "SMS"
    PUSH = "push", "push"


class NotificationQuerySet(models.QuerySet["Notification"]):
    """Questions over inboxes."""

    def owned_by(self, person: models.Model) -> NotificationQuerySet:
        return self.filter(user_id=person.pk)

    def unread(self) -> NotificationQuerySet:
        return self.filter(read_at=None)

    def lock(self, ids: Collection[UUID] | None = None) -> list[UUID]:
        """Lock these rows, or all of them, by primary key; return their ids."""
        rows = self if ids is None else self.filter(pk__in=ids)
        return list(rows.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))


class Notification(models.Model):
    """One thing that one person is told, once: `key` is the fact's own.

    `facts` holds ids, amounts as strings, currencies and dates; never a name, an address or an IP. What else a message
    needs is read when it is written (`Kind.look`), so that nothing personal stays here. A day of returns inserts a
    million of these at once: so there is no foreign key in the database (people are never deleted), and one index, the
    unique one, finds a person's.
    """

    id = columns.identifier()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=140)
    facts = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[Notification]] = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("preview_message", "Can see every kind of message as it is written")]
        indexes = [
            BrinIndex(fields=["created_at"], name="notifications_made_at", pages_per_range=32),
        ]
        constraints = [
            models.UniqueConstraint(fields=["user", "kind", "key"], name="notifications_told_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
