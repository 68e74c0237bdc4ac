"""Passkeys (WebAuthn): what an authenticator proved to hold, and the challenges that wait for an answer."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.db import models
from fido2.webauthn import AttestedCredentialData

from accounts.models.people import User
from core import columns


class PasskeyQuerySet(models.QuerySet["Passkey"]):
    """Questions over passkeys."""

    def lock_all(self, user_id: UUID) -> list[Passkey]:
        """Lock a person's passkeys, so that a counter only goes up."""
        return list(self.select_for_update().filter(user_id=user_id).order_by("pk"))


class Passkey(models.Model):
    """The public half of a key that never leaves somebody's device. Source: WebAuthn Level 2 §6.5.1."""

    id = columns.identifier()
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="passkeys")
    name = models.CharField(max_length=60)
    credential_id = models.BinaryField(unique=True, editable=False)
    credential = models.BinaryField(editable=False, help_text="attested credential data: identifier and public key")
    counter = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)

    objects: ClassVar[PasskeyQuerySet] = PasskeyQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["id"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.name

    @property
    def attested(self) -> AttestedCredentialData:
        return AttestedCredentialData(bytes(self.credential))


class PasskeyChallengeQuerySet(models.QuerySet["PasskeyChallenge"]):
    """Questions over challenges."""

    def lapsed(self, before: datetime) -> PasskeyChallengeQuerySet:
        """Challenges that were asked earlier than this."""
        return self.filter(created_at__lt=before)

    def take(self, user_id: UUID, purpose: str, visit_hash: bytes) -> PasskeyChallenge | None:
        """Lock the challenge of this visit and delete it, so that one answer to it is taken."""
        row = self.select_for_update().filter(user_id=user_id, purpose=purpose, visit_hash=visit_hash).first()
        if row is not None:
            self.filter(pk=row.pk).delete()
        return row


class PasskeyChallenge(models.Model):
    """The newest question to somebody's authenticator, of each purpose and visit (a session, a log-in under way)."""

    class Purpose(models.TextChoices):
        REGISTER = "register", "register a passkey"
        PROVE = "prove", "prove that one has it"

    id = columns.identifier()
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=8, choices=Purpose.choices)
    visit_hash = models.BinaryField(editable=False, help_text="where it was asked: see accounts/sites.py")
    state = models.JSONField()
    created_at = models.DateTimeField()

    objects: ClassVar[PasskeyChallengeQuerySet] = PasskeyChallengeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["user", "purpose", "visit_hash"], name="accounts_passkey_one_challenge")
        ]

    def __str__(self) -> str:
        return f"challenge to {self.get_purpose_display()}"
