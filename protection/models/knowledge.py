"""The knowledge test, version by version, and how investors did."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from core import columns
from core.guards import append_only, stamped
from protection import rules


class KnowledgeTestQuerySet(models.QuerySet["KnowledgeTest"]):
    def present(self) -> KnowledgeTest:
        """Return the questions that are asked now."""
        return self.order_by("-id")[0]


class KnowledgeTest(models.Model):
    """One version of the questions; the newest is asked. `request` is empty in the first, which is seeded.

    `questions` is a list of {id, text, choices, answer, why}; `answer` is the place of the right choice, from 0.
    """

    id = columns.identifier()
    version = models.CharField(max_length=40, unique=True)
    questions = models.JSONField()
    pass_mark = models.PositiveSmallIntegerField(help_text="right answers that pass it")
    request = models.OneToOneField("oversight.ApprovalRequest", null=True, on_delete=models.PROTECT, related_name="+")
    recorded_at = columns.recorded_at()

    objects = KnowledgeTestQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=Q(pass_mark__gte=1), name="protection_test_pass_mark"),
            append_only("protection_test_append_only"),
            stamped("protection_test_stamped"),
        ]

    def __str__(self) -> str:
        return self.version

    def asked(self) -> list[rules.Question]:
        """The questions in the order in which they are asked."""
        return [rules.question(each) for each in self.questions]


class KnowledgeResultQuerySet(models.QuerySet["KnowledgeResult"]):
    def last_passed(self, investor: Any) -> KnowledgeResult | None:
        return self.filter(investor=investor, passed=True).order_by("-taken_at").first()


class KnowledgeResult(models.Model):
    """How an investor did in the knowledge test, once."""

    id = columns.identifier()
    investor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    test = models.ForeignKey(KnowledgeTest, on_delete=models.PROTECT, related_name="results", db_index=False)
    right = models.PositiveSmallIntegerField(help_text="answers that were right")
    passed = models.BooleanField()
    taken_at = models.DateTimeField()
    recorded_at = columns.recorded_at()

    objects = KnowledgeResultQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            append_only("protection_result_append_only"),
            stamped("protection_result_stamped"),
        ]
        indexes = [models.Index(fields=["investor", "-taken_at"], name="protection_result_of")]

    def __str__(self) -> str:
        return f"{self.right} right, by {self.investor}"
