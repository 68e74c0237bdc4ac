"""The transaction PIN, and the tokens that it gives for one request each."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.contrib.auth.hashers import check_password, make_password
from django.db import models
from django.db.models import Q

from accounts import rules
from accounts.models.people import User
from accounts.models.sessions import Session
from core import columns
from oversight.encryption import blind_index


class TransactionPinQuerySet(models.QuerySet["TransactionPin"]):
    """Questions over PINs."""

    def lock(self, user_id: UUID) -> TransactionPin | None:
        """Lock one person's PIN, so that guesses at once are counted one by one."""
        return self.select_for_update().filter(pk=user_id).first()


class TransactionPin(models.Model):
    """Six digits that somebody gives before money leaves: kept as Argon2 of a keyed hash.

    Without the key, which isn't in the database, a million guesses find nothing.
    """

    user = models.OneToOneField(User, on_delete=models.PROTECT, primary_key=True, related_name="pin")
    encoded = models.CharField(max_length=128, editable=False)
    set_at = models.DateTimeField()
    failures = models.PositiveSmallIntegerField(default=0)
    locked_until = models.DateTimeField(null=True)

    objects: ClassVar[TransactionPinQuerySet] = TransactionPinQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(failures__lte=rules.PIN_FAILURES), name="accounts_pin_failures"),
        ]

    def __str__(self) -> str:
        return "PIN"

    @property
    def is_spent(self) -> bool:
        """Tried so often that only another channel can set a new one."""
        return self.failures >= rules.PIN_FAILURES

    def is_right(self, digits: str) -> bool:
        return check_password(_peppered(self.user_id, digits), self.encoded)


def encode(user_id: UUID, digits: str) -> str:
    """Return what is kept of a PIN."""
    return make_password(_peppered(user_id, digits))


def _peppered(user_id: UUID, digits: str) -> str:
    return blind_index(f"pin {user_id}:{digits}").hex()


class PinTokenQuerySet(models.QuerySet["PinToken"]):
    """Questions over tokens."""

    def lock_by_hash(self, token_hash: bytes) -> PinToken | None:
        """Lock the token with this hash, so that it is spent once."""
        return self.select_for_update().filter(token_hash=token_hash).first()


class PinToken(models.Model):
    """What a right PIN gives: good for one request of this session, by this method and path."""

    id = columns.identifier()
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="+", db_index=False)
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=255)
    token_hash = models.BinaryField(unique=True, editable=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    spent_at = models.DateTimeField(null=True)

    objects: ClassVar[PinTokenQuerySet] = PinTokenQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def is_good(self, *, user_id: UUID, session_id: UUID, method: str, path: str, now: datetime) -> bool:
        """Answer whether it is unspent, in time, and for this request."""
        return (
            self.spent_at is None
            and now < self.expires_at
            and (self.user_id, self.session_id, self.method, self.path) == (user_id, session_id, method, path)
        )
