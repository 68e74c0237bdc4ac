"""What takes two people, what was done by whom, the key of each person, and what somebody must look at."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from core import columns
from core.errors import DomainError
from core.guards import append_only, stamped
from oversight import encryption, guards


class ApprovalRequestQuerySet(models.QuerySet["ApprovalRequest"]):
    """Questions over requests."""

    def lock(self, request_id: UUID) -> ApprovalRequest | None:
        """Lock one request until the transaction ends: before anything else, whatever the verb."""
        return self.select_for_update(of=("self",), no_key=True).filter(pk=request_id).first()

    def lock_due(self, now: datetime) -> ApprovalRequestQuerySet:
        """Lock the open requests whose time is over, except those that somebody decides right now."""
        due = self.open().filter(expires_at__lte=now).order_by("pk")
        return due.select_for_update(of=("self",), no_key=True, skip_locked=True)

    def open(self) -> ApprovalRequestQuerySet:
        return self.filter(status=ApprovalRequest.Status.REQUESTED)

    def about(self, target: models.Model) -> ApprovalRequestQuerySet:
        """The requests whose target this row is."""
        return self.filter(target_type=target._meta.label_lower, target_id=str(target.pk))


class ApprovalRequest(models.Model):
    """One sensitive deed, frozen as it was asked for, until enough others approve it or one refuses."""

    class Status(models.TextChoices):
        REQUESTED = "requested", "waiting"
        APPROVED = "approved", "approved"
        REJECTED = "rejected", "rejected"
        EXPIRED = "expired", "expired"
        VOID = "void", "void"

    MOVES: ClassVar[dict[str, set[str]]] = {
        Status.REQUESTED: {Status.APPROVED, Status.REJECTED, Status.EXPIRED, Status.VOID},
    }

    id = columns.identifier()
    verb = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    summary = models.JSONField(default=list, help_text="lines of [label, value], as they were shown to the requester")
    payload = models.JSONField(default=dict)
    payload_hash = models.BinaryField(help_text="SHA-256 of the canonical payload")
    target_type = models.CharField(max_length=100, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    target_hash = models.BinaryField(null=True, help_text="SHA-256 of the target's fields that matter")
    moves_hash = models.BinaryField(null=True, help_text="which ledger movements this allows")
    approvals = models.PositiveSmallIntegerField(default=1, help_text="how many must approve, beside the requester")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    beneficiary = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    document = models.FileField(null=True, blank=True, max_length=300, upload_to="approvals/%Y/%m")
    document_name = models.CharField(max_length=200, blank=True)
    document_hash = models.BinaryField(null=True, help_text="SHA-256 of the document")
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.REQUESTED)
    decided_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[ApprovalRequest]] = ApprovalRequestQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["expires_at"], name="oversight_request_open", condition=Q(status="requested")),
            models.Index(fields=["target_type", "target_id"], name="oversight_request_target"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(approvals__gte=1), name="oversight_request_needs_approval"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("requested_at")), name="oversight_request_ends"),
            models.CheckConstraint(condition=~Q(reason=""), name="oversight_request_reason"),
            models.CheckConstraint(
                condition=Q(status__in=["requested", "approved", "rejected", "expired", "void"]),
                name="oversight_request_status",
            ),
            models.CheckConstraint(
                condition=Q(status="requested", decided_at__isnull=True)
                | ~Q(status="requested") & Q(decided_at__isnull=False),
                name="oversight_request_decided_at",
            ),
            models.CheckConstraint(
                condition=~Q(status="approved") | Q(decided_at__lt=F("expires_at")),
                name="oversight_request_approved_in_time",
            ),
            guards.request_born_open("oversight_approvalrequest_born_open"),
            guards.request_frozen("oversight_approvalrequest_frozen"),
            guards.never_emptied("oversight_approvalrequest_kept"),
        ]

    def __str__(self) -> str:
        return self.title

    def is_over(self, now: datetime) -> bool:
        """Answer whether its time has passed."""
        return now >= self.expires_at


class Decision(models.Model):
    """One person's word on a request; a person has one word, and never on their own request."""

    class Verdict(models.TextChoices):
        APPROVE = "approve", "approved"
        REJECT = "reject", "rejected"

    id = columns.identifier()
    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="decisions")
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    note = models.TextField(blank=True)
    at = models.DateTimeField()
    recorded_at = columns.recorded_at()

    class Meta:
        ordering = ["id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["request", "approver"], name="oversight_decision_one_each"),
            models.CheckConstraint(condition=Q(verdict__in=["approve", "reject"]), name="oversight_decision_verdict"),
            guards.decision_of_another("oversight_decision_of_another"),
            append_only("oversight_decision_append_only"),
            stamped("oversight_decision_stamped"),
        ]
        indexes = [BrinIndex(fields=["recorded_at"], name="oversight_decision_recorded")]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} {self.at:%Y-%m-%d %H:%M}"


class AuditEvent(models.Model):
    """Who did what to what, when, why and from where. `personal` is encrypted with the key of `person`."""

    id = columns.identifier()
    action = models.CharField(max_length=100)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="empty: the platform itself",
    )
    at = models.DateTimeField()
    recorded_at = columns.recorded_at()
    target_type = models.CharField(max_length=100, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(blank=True)
    ip = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    personal = models.BinaryField(null=True)

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("see_personal", "Can read the personal part of audit events")]
        indexes = [
            models.Index(fields=["target_type", "target_id"], name="oversight_audit_target"),
            models.Index(fields=["action"], name="oversight_audit_action"),
            models.Index(fields=["at"], name="oversight_audit_at"),
            models.Index(
                fields=["actor", "at"],
                name="oversight_audit_came_in",
                condition=Q(action__in=("accounts.logged_in", "accounts.entered_console", "accounts.password_reset")),
            ),
            BrinIndex(fields=["recorded_at"], name="oversight_audit_recorded"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(personal__isnull=True) | Q(person__isnull=False), name="oversight_audit_personal_of_whom"
            ),
            append_only("oversight_auditevent_append_only"),
            stamped("oversight_auditevent_stamped"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target_type} {self.target_id}".strip()


class PersonErased(DomainError):
    code = "person-erased"
    title = "This person's data was erased"
    status = 409


class PersonKeyManager(models.Manager["PersonKey"]):
    """Makes and opens the keys of persons."""

    def data_key(self, person_id: UUID) -> bytes:
        """Return the person's key, made now if there was none.

        Raises PersonErased when it was destroyed.
        """
        row = self.filter(pk=person_id).first() or self._make(person_id)
        if row.wrapped is None:
            raise PersonErased
        return unwrap(person_id, row.wrapped)

    def _make(self, person_id: UUID) -> PersonKey:
        self.bulk_create(
            [PersonKey(person_id=person_id, wrapped=_wrap(person_id, secrets.token_bytes(encryption.KEY_BYTES)))],
            ignore_conflicts=True,
        )
        return self.get(pk=person_id)

    def rewrap(self, person_id: UUID) -> bool:
        """Wrap the person's key with the first master key, if another one holds it; say whether it was done.

        Only what was read is replaced, so that a key that is wrapped or destroyed meanwhile stays as it is.
        """
        wrapped = self.get(pk=person_id).wrapped
        if wrapped is None or not encryption.needs_rotation(wrapped):
            return False
        anew = _wrap(person_id, self.data_key(person_id))
        return bool(self.filter(pk=person_id, wrapped=bytes(wrapped)).update(wrapped=anew))


class PersonKey(models.Model):
    """The key of one person's data, wrapped by a master key; without it that data is gone for good."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.PROTECT, related_name="+"
    )
    wrapped = models.BinaryField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    destroyed_at = models.DateTimeField(null=True)

    objects: ClassVar[PersonKeyManager] = PersonKeyManager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(wrapped__isnull=False, destroyed_at__isnull=True)
                | Q(wrapped__isnull=True, destroyed_at__isnull=False),
                name="oversight_personkey_whole_or_gone",
            ),
            guards.key_stays_destroyed("oversight_personkey_stays_destroyed"),
            guards.never_emptied("oversight_personkey_kept"),
        ]

    def __str__(self) -> str:
        return f"key of {self.person_id}"


class AlertQuerySet(models.QuerySet["Alert"]):
    """Questions over alerts."""

    def lock(self, alert_id: UUID) -> Alert | None:
        """Lock one alert until the transaction ends."""
        return self.select_for_update(of=("self",), no_key=True).filter(pk=alert_id).first()

    def open(self) -> AlertQuerySet:
        return self.filter(closed_at=None)


class Alert(models.Model):
    """Something that somebody must look at, until they close it with a word."""

    class Severity(models.TextChoices):
        WARNING = "warning", "warning"
        CRITICAL = "critical", "critical"

    id = columns.identifier()
    kind = models.CharField(max_length=64)
    dedupe = models.CharField(max_length=200, blank=True)
    title = models.CharField(max_length=200)
    detail = models.TextField(blank=True)
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.WARNING)
    target_type = models.CharField(max_length=100, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    raised_at = models.DateTimeField()
    last_raised_at = models.DateTimeField()
    times_raised = models.PositiveIntegerField(default=1)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    word = models.TextField(blank=True, help_text="what the one who closed it has to say")

    objects: ClassVar[models.Manager[Alert]] = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("close_alert", "Can close an alert with a word")]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "dedupe"], condition=Q(closed_at__isnull=True), name="oversight_alert_one_open"
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_by__isnull=True, word="")
                | Q(closed_at__isnull=False, closed_by__isnull=False) & ~Q(word=""),
                name="oversight_alert_closed_by_a_word",
            ),
            models.CheckConstraint(condition=Q(severity__in=["warning", "critical"]), name="oversight_alert_severity"),
            guards.alert_stays_closed("oversight_alert_stays_closed"),
            guards.never_emptied("oversight_alert_kept"),
        ]

    def __str__(self) -> str:
        return self.title


def unwrap(person_id: UUID, wrapped: bytes | memoryview) -> bytes:
    """Open a person's key. Raises DecryptionFailed."""
    return encryption.unseal(encryption.master_keys(), wrapped, context=_key_context(person_id))


def _key_context(person_id: UUID) -> str:
    return f"person-key:{person_id}"


def _wrap(person_id: UUID, key: bytes) -> bytes:
    return encryption.seal(encryption.master_keys()[0], key, context=_key_context(person_id))


def label_and_id(target: models.Model | None) -> dict[str, Any]:
    """Name a row without a foreign key: its model's label and its primary key."""
    if target is None:
        return {"target_type": "", "target_id": ""}
    return {"target_type": target._meta.label_lower, "target_id": str(target.pk)}
