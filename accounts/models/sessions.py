"""Where people are logged in, and what guards their log-in."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Q

from accounts.models.people import User
from core import columns


class SessionQuerySet(models.QuerySet["Session"]):
    """Questions over log-ins."""

    def lock(self, session_id: UUID) -> Session | None:
        """Lock one session's row, so that two refreshes at once take turns."""
        return self.select_for_update(of=("self",)).select_related("user").filter(pk=session_id).first()

    def alive(self) -> SessionQuerySet:
        return self.filter(revoked_at=None)

    def open_at(self, now: datetime) -> SessionQuerySet:
        """Log-ins whose tokens are still good."""
        return self.alive().filter(expires_at__gt=now)


class Session(models.Model):
    """One log-in and its family of refresh tokens: only the newest token is good, an older one ends the family."""

    class Reason(models.TextChoices):
        LOG_OUT = "log_out", "logged out"
        REUSED = "reused", "an old refresh token came back"
        PASSWORD = "password", "the password changed"
        BLOCKED = "blocked", "the person was blocked"
        DELETED = "deleted", "the person was deleted"
        FACTOR = "factor", "a second factor was set"
        OFFICER = "officer", "an officer ended it"
        OWNER = "owner", "the person ended it"

    id = columns.identifier()
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="sessions")
    token_hash = models.BinaryField(editable=False)
    user_agent = models.CharField(max_length=255, blank=True)
    ip = models.GenericIPAddressField(null=True, blank=True)
    device = models.BinaryField(null=True, editable=False, help_text="see accounts/devices.py")
    second_factor_at = models.DateTimeField(null=True, blank=True, help_text="when a second factor was given last")
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoke_reason = models.CharField(max_length=16, choices=Reason.choices, blank=True)

    objects: ClassVar[models.Manager[Session]] = SessionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoke_reason="")
                | Q(revoked_at__isnull=False) & ~Q(revoke_reason=""),
                name="accounts_session_revoked_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"session {self.pk}"

    def is_alive(self, now: datetime) -> bool:
        """Answer whether its tokens are still good."""
        return self.revoked_at is None and now < self.expires_at and self.user.is_active


class PasswordResetTokenQuerySet(models.QuerySet["PasswordResetToken"]):
    """Questions over reset links."""

    def lock(self, token_id: UUID) -> PasswordResetToken:
        """Lock one token's row, so that it is used once."""
        return self.select_for_update().get(pk=token_id)


class PasswordResetToken(models.Model):
    """A link sent by mail that sets a new password, once; only its hash is kept."""

    id = columns.identifier()
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    token_hash = models.BinaryField(unique=True, editable=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[PasswordResetToken]] = PasswordResetTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"password reset {self.pk}"


class LoginFailureQuerySet(models.QuerySet["LoginFailure"]):
    """Questions over wrong passwords."""

    def lock(self, index: bytes) -> LoginFailure:
        """Lock one identifier's counter, so that guesses at once are counted one by one."""
        return self.select_for_update().get(pk=index)

    def lock_all(self, indexes: list[bytes]) -> list[LoginFailure]:
        """Lock the counters that there are of these, by primary key."""
        return list(self.select_for_update().filter(pk__in=indexes).order_by("pk"))


class LoginFailure(models.Model):
    """Wrong passwords in a row for one identifier, whether or not anybody has it."""

    identifier_index = models.BinaryField(primary_key=True, editable=False)
    failures = models.PositiveSmallIntegerField(default=0)
    last_failed_at = models.DateTimeField()
    locked_until = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[LoginFailure]] = LoginFailureQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.failures} failures"
