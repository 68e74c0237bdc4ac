"""Second factors: the secret of an authenticator app, and recovery codes."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.db import models

from accounts.models.people import User
from core import columns
from oversight import encryption


class TotpQuerySet(models.QuerySet["Totp"]):
    """Questions over authenticator apps."""

    def lock(self, user_id: UUID) -> Totp | None:
        """Lock a person's authenticator, so that a code is used by one request."""
        return self.select_for_update().filter(pk=user_id).first()

    def confirmed(self) -> TotpQuerySet:
        return self.filter(confirmed_at__isnull=False)


class Totp(models.Model):
    """The secret that somebody's authenticator app shares with us, encrypted with their own key.

    `last_step` is the newest time step whose code was used: neither it nor an older one is taken again.
    Source: RFC 6238 §5.2.
    """

    user = models.OneToOneField(User, on_delete=models.PROTECT, primary_key=True, related_name="totp")
    sealed = models.BinaryField(editable=False)
    created_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    last_step = models.BigIntegerField(default=0)

    objects: ClassVar[TotpQuerySet] = TotpQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return "authenticator app"

    @classmethod
    def seal(cls, user_id: UUID, secret: str) -> bytes:
        """Encrypt a secret (base32). Raises PersonErased."""
        return encryption.seal_for(user_id, secret.encode(), context=cls._meta.label_lower)

    @property
    def secret(self) -> str:
        """In base32. Raises PersonErased."""
        return encryption.open_for(self.user_id, self.sealed, context=self._meta.label_lower).decode()


class RecoveryCodeQuerySet(models.QuerySet["RecoveryCode"]):
    """Questions over recovery codes."""

    def lock_by_hash(self, user_id: UUID, code_hash: bytes) -> RecoveryCode | None:
        """Lock a person's unused code with this hash, so that it is used once."""
        return self.select_for_update().filter(user_id=user_id, code_hash=code_hash, used_at=None).first()


class RecoveryCode(models.Model):
    """One of ten codes for the day on which the app is gone; only its keyed hash is kept."""

    id = columns.identifier()
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="recovery_codes")
    code_hash = models.BinaryField(editable=False)
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    objects: ClassVar[RecoveryCodeQuerySet] = RecoveryCodeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user", "code_hash"], name="accounts_recovery_code_once")]

    def __str__(self) -> str:
        return "recovery code"


def hash_recovery(user_id: UUID, code: str) -> bytes:
    """Return what is kept of a recovery code."""
    return encryption.blind_index(f"recovery {user_id}:{code}")
