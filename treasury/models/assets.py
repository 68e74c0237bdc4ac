"""What client money was put into, what it is worth, and what the banks say they hold."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import Q

from core import columns
from core.guards import append_only, stamped
from treasury import rules


class Asset(models.Model):
    """One thing that client money of a product is put into; its cost is the ledger's `deployed` account.

    The name is public, beside cost and income on the coverage page: it must name no person.
    """

    id = columns.identifier()
    scope = models.CharField(max_length=64)
    currency = models.ForeignKey("ledger.Currency", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    recorded_at = columns.recorded_at()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("add", "view")
        constraints = [
            models.UniqueConstraint(fields=["scope", "currency", "name"], name="treasury_asset_is_one"),
            models.CheckConstraint(
                condition=Q(scope__regex=r"^(product|offer):[a-z0-9][a-z0-9-]*$"), name="treasury_asset_scope"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="treasury_asset_named"),
            append_only("treasury_asset_append_only"),
            stamped("treasury_asset_stamped"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.scope}, {self.currency_id})"

    @property
    def subject(self) -> str:
        """What the ledger's account of this asset has as subject."""
        return str(self.pk)


class Proof(models.Model):
    """What the world outside said on a day, on evidence of its own, requested by one officer, approved by another."""

    id = columns.identifier()
    amount = columns.amount()
    evidence = models.OneToOneField("ledger.Evidence", on_delete=models.PROTECT, related_name="+")
    request = models.OneToOneField("oversight.ApprovalRequest", on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    recorded_at = columns.recorded_at()

    class Meta:
        abstract = True


class Valuation(Proof):
    """What an asset was worth on a day. The newest day counts; of one day, the row written last."""

    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="valuations")
    valued_on = models.DateField()

    class Meta:
        ordering = ["-valued_on", "-id"]
        default_permissions = ("view",)
        permissions = [
            ("request_proof", "Can ask for a valuation or a statement balance to be recorded"),
            ("approve_proof", "Can approve a valuation or a statement balance"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="treasury_valuation_amount"),
            models.CheckConstraint(
                condition=~Q(requested_by=models.F("approved_by")), name="treasury_valuation_four_eyes"
            ),
            append_only("treasury_valuation_append_only"),
            stamped("treasury_valuation_stamped"),
        ]
        indexes = [models.Index(fields=["asset", "-valued_on", "-id"], name="treasury_valuation_newest")]

    def __str__(self) -> str:
        return f"{self.asset.name} on {self.valued_on}: {rules.plain(self.amount)}"

    @property
    def day(self) -> date:
        return self.valued_on


class StatementBalance(Proof):
    """What a bank or provider says it held at the end of a day, on the account that `cash` has as scope."""

    cash = models.CharField(max_length=64)
    currency = models.ForeignKey("ledger.Currency", on_delete=models.PROTECT, related_name="+")
    day = models.DateField()

    class Meta:
        ordering = ["-day", "-id"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=~Q(cash=""), name="treasury_statement_names_account"),
            models.CheckConstraint(
                condition=~Q(requested_by=models.F("approved_by")), name="treasury_statement_four_eyes"
            ),
            append_only("treasury_statement_append_only"),
            stamped("treasury_statement_stamped"),
        ]
        indexes = [models.Index(fields=["cash", "currency", "-day", "-id"], name="treasury_statement_newest")]

    def __str__(self) -> str:
        return f"{self.cash} on {self.day}: {rules.plain(self.amount)} {self.currency_id}"
