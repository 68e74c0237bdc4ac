"""Kept answers, and what a row that moved money remembers of the request that made it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from core import columns

if TYPE_CHECKING:
    from api.keys import RequestKey


class KeptAnswerQuerySet(models.QuerySet["KeptAnswer"]):
    """Questions over kept answers."""

    def to(self, key: RequestKey) -> KeptAnswerQuerySet:
        """The answer to this very request: none or one."""
        return self.filter(owner_id=key.owner_id, method=key.method, path=key.path, key=key.key)

    def older_than(self, moment: datetime) -> KeptAnswerQuerySet:
        return self.filter(created_at__lte=moment)


class KeptAnswer(models.Model):
    """The first answer to a keyed request, kept for a day, encrypted with the caller's own key."""

    id = columns.identifier()
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    method = models.CharField(max_length=8)
    path = models.TextField()
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField()
    status = models.PositiveSmallIntegerField()
    body = models.BinaryField()
    created_at = models.DateTimeField()

    objects: ClassVar[models.Manager[KeptAnswer]] = KeptAnswerQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["created_at"], name="api_keptanswer_age")]
        constraints = [
            models.UniqueConstraint(fields=["owner", "method", "path", "key"], name="api_keptanswer_one_per_key"),
            models.CheckConstraint(condition=Q(status__gte=200, status__lte=299), name="api_keptanswer_only_success"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class KeyedRow(models.Model):
    """A row that remembers for ever which request made it; null in all four for a row that no request made.

    Put `*KeyedRow.key_constraints("app_model", owner="field")` into the subclass's constraints.
    """

    request_method = models.CharField(max_length=8, null=True, editable=False)
    request_path = models.TextField(null=True, editable=False)
    request_key = models.CharField(max_length=255, null=True, editable=False)
    request_fingerprint = models.BinaryField(null=True, editable=False)

    class Meta:
        abstract = True

    @staticmethod
    def key_constraints(prefix: str, *, owner: str) -> list[models.BaseConstraint]:
        """One row per owner, method, path and key; and the four columns together or not at all."""
        parts = ("request_method", "request_path", "request_key", "request_fingerprint")
        whole, nothing = ({f"{part}__isnull": absent for part in parts} for absent in (False, True))
        return [
            models.UniqueConstraint(
                fields=[owner, "request_method", "request_path", "request_key"], name=f"{prefix}_one_per_request"
            ),
            models.CheckConstraint(condition=Q(**whole) | Q(**nothing), name=f"{prefix}_request_whole"),
        ]

    @classmethod
    def made_by(cls, key: RequestKey) -> Self | None:
        """Return the row that this request made, if there is one."""
        rows = cls._default_manager.filter(
            request_method=key.method, request_path=key.path, request_key=key.key, **{cls._key_owner(): key.owner_id}
        )
        row: Self | None = rows.first()
        return row

    @classmethod
    def _key_owner(cls) -> str:
        for constraint in cls._meta.constraints:
            if isinstance(constraint, models.UniqueConstraint) and "request_key" in constraint.fields:
                return constraint.fields[0]
        raise TypeError(f"{cls.__name__} lacks KeyedRow.key_constraints")
