"""Log-ins by Google and Apple: whose they are, the nonces that they answer, and links that wait for their owner."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.models.codes import VerificationCode
from accounts.models.people import User
from core import columns
from oversight.encryption import blind_index


class Provider(models.TextChoices):
    GOOGLE = "google", "Google"
    APPLE = "apple", "Apple"


def subject_index(provider: str, subject: str) -> bytes:
    """Return what is kept of somebody's id at a provider: a keyed hash, which finds them and says nothing."""
    return blind_index(f"identity at {provider}: {subject}")


class SocialIdentity(models.Model):
    """Somebody's account at Google or Apple, which logs them in here."""

    id = columns.identifier()
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="identities")
    provider = models.CharField(max_length=8, choices=Provider.choices)
    subject_index = models.BinaryField(unique=True, editable=False)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[SocialIdentity]] = models.Manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.get_provider_display()


class SocialNonceQuerySet(models.QuerySet["SocialNonce"]):
    """Questions over nonces."""

    def lock_any(self, hashes: list[bytes]) -> SocialNonce | None:
        """Lock the nonce that has one of these hashes, so that it is spent once."""
        return self.select_for_update().filter(nonce_hash__in=hashes).first()


class SocialNonce(models.Model):
    """What an identity token has to repeat, so that none is good twice; only its SHA-256 is kept."""

    id = columns.identifier()
    nonce_hash = models.BinaryField(unique=True, editable=False)
    expires_at = models.DateTimeField(db_index=True)
    spent_at = models.DateTimeField(null=True)

    objects: ClassVar[SocialNonceQuerySet] = SocialNonceQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return "nonce"


class PendingLink(models.Model):
    """An identity that its owner may link with the code that went to their address."""

    code = models.OneToOneField(VerificationCode, on_delete=models.CASCADE, primary_key=True, related_name="link")
    provider = models.CharField(max_length=8, choices=Provider.choices)
    subject_index = models.BinaryField(editable=False)

    objects: ClassVar[models.Manager[PendingLink]] = models.Manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"link to {self.get_provider_display()}"
