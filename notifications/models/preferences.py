"""What people want to hear, by which channel, and when not."""

from __future__ import annotations

from datetime import time
from typing import ClassVar

from django.conf import settings
from django.db import models

from core import columns
from notifications.models.notices import Channel

Hours = tuple[time, time] | None


class Preference(models.Model):
    """A channel that a person switched on or off for a category; without a row the category's default holds."""

    id = columns.identifier()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    category = models.CharField(max_length=16)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    wanted = models.BooleanField()

    class Meta:
        ordering = ["category", "channel"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["user", "category", "channel"], name="notifications_one_preference")
        ]

    def __str__(self) -> str:
        return f"{self.category} by {self.channel}"


class QuietHoursQuerySet(models.QuerySet["QuietHours"]):
    """Questions over quiet hours."""

    def of(self, person: models.Model) -> Hours:
        """Return when a person's quiet hours begin and end, None if they want none."""
        said = self.filter(pk=person.pk).first()
        return QuietHours.NIGHT if said is None else said.hours


class QuietHours(models.Model):
    """When a person wants no push and no SMS that can wait, on the clock of their time zone; null: at no time.

    Whoever hasn't said otherwise sleeps at NIGHT.
    """

    NIGHT: ClassVar[tuple[time, time]] = (time(21), time(8))

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.PROTECT, related_name="quiet_hours"
    )
    begins = models.TimeField(null=True)
    ends = models.TimeField(null=True)

    objects: ClassVar[models.Manager[QuietHours]] = QuietHoursQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "quiet hours"
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(begins__isnull=True, ends__isnull=True)
                | models.Q(begins__isnull=False, ends__isnull=False) & ~models.Q(begins=models.F("ends")),
                name="notifications_quiet_hours_both",
            )
        ]

    def __str__(self) -> str:
        return f"{self.begins} to {self.ends}"

    @property
    def hours(self) -> Hours:
        return None if self.begins is None or self.ends is None else (self.begins, self.ends)
