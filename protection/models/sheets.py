"""Key information sheets, version by version, and who has accepted which."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from core import columns
from core.guards import append_only, stamped

SUBJECT = r"^(product|offer):[-a-zA-Z0-9_]+$"


class DisclosureQuerySet(models.QuerySet["Disclosure"]):
    def of(self, subject: str, version: str) -> Disclosure | None:
        """Return one version of the sheet of a product or an offer."""
        return self.filter(subject=subject, version=version).first()


class Disclosure(models.Model):
    """One version of the key information sheet of a product or an offer. A correction is a further version."""

    id = columns.identifier()
    subject = models.CharField(max_length=64, help_text="product:<code> or offer:<code>")
    version = models.CharField(max_length=40)
    title = models.CharField(max_length=200)
    body = models.TextField()
    published_at = models.DateTimeField()
    recorded_at = columns.recorded_at()

    objects = DisclosureQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["subject", "version"], name="protection_disclosure_is_one"),
            models.CheckConstraint(condition=Q(subject__regex=SUBJECT), name="protection_disclosure_subject"),
            models.CheckConstraint(condition=~Q(version="") & ~Q(body=""), name="protection_disclosure_says"),
            append_only("protection_disclosure_append_only"),
            stamped("protection_disclosure_stamped"),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.version})"


class Acceptance(models.Model):
    """An investor has accepted one version of a key information sheet."""

    id = columns.identifier()
    investor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    disclosure = models.ForeignKey(Disclosure, on_delete=models.PROTECT, related_name="acceptances")
    accepted_at = models.DateTimeField()
    recorded_at = columns.recorded_at()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["investor", "disclosure"], name="protection_acceptance_is_one"),
            append_only("protection_acceptance_append_only"),
            stamped("protection_acceptance_stamped"),
        ]

    def __str__(self) -> str:
        return f"{self.disclosure}, by {self.investor}"
