"""The picture that somebody shows of themselves."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.db import models
from uuid_utils.compat import uuid7

from accounts.models.people import User
from oversight import encryption


class Avatar(models.Model):
    """A square picture, made anew by us, encrypted with the person's own key: destroying the key erases the face.

    `version` is drawn at each change. It is what a client compares (ETag): a hash of the picture would say in clear
    whose pictures are alike.
    """

    user = models.OneToOneField(User, on_delete=models.PROTECT, primary_key=True, related_name="avatar")
    sealed = models.BinaryField(editable=False)
    version = models.UUIDField(default=uuid7, editable=False)
    set_at = models.DateTimeField()

    objects: ClassVar[models.Manager[Avatar]] = models.Manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return "avatar"

    @classmethod
    def seal(cls, user_id: UUID, picture: bytes) -> bytes:
        """Encrypt a picture. Raises PersonErased."""
        return encryption.seal_for(user_id, picture, context=cls._meta.label_lower)

    @property
    def picture(self) -> bytes:
        """The picture's bytes. Raises PersonErased."""
        return encryption.open_for(self.user_id, self.sealed, context=self._meta.label_lower)
