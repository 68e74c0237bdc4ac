"""Codes that were sent to an address or a number, and how many messages went where."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Now

from accounts import rules
from accounts.models.people import User
from core import columns
from oversight.encryption import EncryptedTextField, blind_index


class VerificationCodeQuerySet(models.QuerySet["VerificationCode"]):
    """Questions over codes."""

    def lock(self, code_id: UUID) -> VerificationCode | None:
        """Lock one code's row, so that it is tried and used by one at a time."""
        return self.select_for_update().filter(pk=code_id).first()

    def of(self, user_id: UUID, channel: str, purpose: str) -> VerificationCodeQuerySet:
        """All that went to a person this way for this, the newest first: only that one counts."""
        return self.filter(user_id=user_id, channel=channel, purpose=purpose).order_by("-id")


class VerificationCode(models.Model):
    """A secret that went to one address or number; only its keyed hash is kept, and only the newest one counts.

    It stands for the address that it went to: `address_index` is the user's index of then. One that changes the address
    went to the new one, which `address` holds, and the old one once it has changed, until that is told there.
    """

    class Purpose(models.TextChoices):
        VERIFY = "verify", "to verify the address"
        CHANGE = "change", "to come in the place of another address"
        PIN = "pin", "to set a new PIN"
        STEP_UP = "step_up", "to finish a log-in"
        LINK = "link", "to link a log-in by Google or Apple"

    class Channel(models.TextChoices):
        EMAIL = "email", "e-mail"
        PHONE = "phone", "SMS"

    id = columns.identifier()
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    purpose = models.CharField(max_length=8, choices=Purpose.choices)
    address = EncryptedTextField(blank=True, default="")
    address_index = models.BinaryField(editable=False)
    secret_hash = models.BinaryField(null=True, editable=False, help_text="none until the worker has sent it")
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    objects: ClassVar[VerificationCodeQuerySet] = VerificationCodeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-id"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(attempts__lte=rules.CODE_ATTEMPTS), name="accounts_verificationcode_attempts"
            ),
        ]
        indexes = [models.Index(fields=["user", "channel", "purpose", "-id"], name="accounts_code_of")]

    def __str__(self) -> str:
        return f"code by {self.channel}"

    def is_good(self, secret: str, *, now: datetime) -> bool:
        """Answer whether this is its secret, unused and in time, and still stands for its address."""
        return (
            self.used_at is None
            and now < self.expires_at
            and self.secret_hash is not None
            and self._stands()
            and hmac.compare_digest(bytes(self.secret_hash), hash_of(self.pk, secret))
        )

    def may_be_tried(self, now: datetime) -> bool:
        """Answer whether it is unused, in time, and has tries left."""
        return self.used_at is None and now < self.expires_at and self.attempts < rules.CODE_ATTEMPTS

    def _stands(self) -> bool:
        """A new address is the user's next; any other is the one that they have now."""
        if self.purpose == self.Purpose.CHANGE:
            return True
        address = getattr(self.user, f"{self.channel}_index")
        return address is not None and bytes(address) == bytes(self.address_index)


def hash_of(code_id: UUID, secret: str) -> bytes:
    """Return what is kept of a secret: without the platform's key, six digits couldn't be hidden by any hash."""
    return blind_index(f"code {code_id}:{secret}")


class SmsCountQuerySet(models.QuerySet["SmsCount"]):
    """Counting."""

    def spend(self, scope: str, *, most: int, now: datetime) -> bool:
        """Count one message more on this day (UTC), unless there were so many; answer whether it was counted.

        One statement.
        """
        with connection.cursor() as cursor:
            cursor.execute(_SPEND, {"day": now.astimezone(UTC).date(), "scope": scope, "most": most})
            return cursor.fetchone() is not None


class SmsCount(models.Model):
    """How many messages went out on one day: to one number or address, to one country, in all (`scope`)."""

    pk = models.CompositePrimaryKey("day", "scope")
    day = models.DateField()
    scope = models.CharField(max_length=80)
    sent = models.PositiveIntegerField(default=0)
    counted_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[SmsCountQuerySet] = SmsCountQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.sent} on {self.day}"


_SPEND = f"""
    INSERT INTO {SmsCount._meta.db_table} AS c (day, scope, sent)
    SELECT %(day)s, %(scope)s, 1 WHERE %(most)s > 0
    ON CONFLICT (day, scope) DO UPDATE SET sent = c.sent + 1 WHERE c.sent < %(most)s
    RETURNING sent
"""
