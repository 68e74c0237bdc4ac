"""What was published of each closed day. Source: docs/rules/coverage.md."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from core import columns
from core.guards import append_only
from treasury import rules
from treasury.models.assets import Asset


class CoverageDay(models.Model):
    """One closed day: its digest is what the day's seal takes in."""

    day = models.DateField(primary_key=True)
    investors = models.IntegerField()
    rate_ceiling = models.DecimalField(max_digits=12, decimal_places=6, null=True)
    digest = models.BinaryField(max_length=32)
    computed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-day"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=Q(investors__gte=0), name="treasury_coverageday_investors"),
            append_only("treasury_coverageday_append_only"),
        ]

    def __str__(self) -> str:
        return self.day.isoformat()


class Coverage(models.Model):
    """One currency on one day: every balance, what evidence confirms of it, and the ratio (rounded down)."""

    id = columns.identifier()
    day = models.ForeignKey(CoverageDay, on_delete=models.PROTECT, db_column="day", related_name="currencies")
    currency = models.ForeignKey("ledger.Currency", on_delete=models.PROTECT, related_name="+")
    investors = models.IntegerField()
    available = columns.amount()
    locked = columns.amount()
    in_payout = columns.amount()
    principal = columns.amount()
    suspense = columns.amount()
    returns_pool = columns.amount()
    returns_due = columns.amount()
    referral_budget = columns.amount()
    capital = columns.amount()
    fees = columns.amount()
    penalties = columns.amount()
    cash = columns.amount()
    deployed = columns.amount()
    receivable = columns.amount()
    shortfall = columns.amount()
    fx = columns.amount()
    confirmed = columns.amount()
    unconfirmed_cash = columns.amount()
    unconfirmed_deployed = columns.amount()
    ratio = models.DecimalField(max_digits=38, decimal_places=6, null=True)

    class Meta:
        ordering = ["-day_id", "currency_id"]
        verbose_name = "coverage of a currency"
        verbose_name_plural = "coverage by currency"
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["day", "currency"], name="treasury_coverage_is_one"),
            models.CheckConstraint(
                condition=Q(
                    confirmed=F("cash") + F("deployed") - F("unconfirmed_cash") - F("unconfirmed_deployed"),
                    unconfirmed_cash__gte=0,
                    unconfirmed_deployed__gte=0,
                ),
                name="treasury_coverage_adds_up",
            ),
            models.CheckConstraint(
                # The trial balance: every unit that somebody is owed stands somewhere, as money or as a hole.
                condition=Q(
                    cash=F("available")
                    + F("locked")
                    + F("in_payout")
                    + F("principal")
                    + F("suspense")
                    + F("returns_pool")
                    + F("returns_due")
                    + F("referral_budget")
                    + F("capital")
                    + F("fees")
                    + F("penalties")
                    - F("deployed")
                    - F("receivable")
                    - F("shortfall")
                    - F("fx")
                ),
                name="treasury_coverage_balances",
            ),
            append_only("treasury_coverage_append_only"),
        ]

    def __str__(self) -> str:
        return f"{self.day_id} {self.currency_id}: {self.ratio}"

    @property
    def claims(self) -> Decimal:
        return rules.total(getattr(self, kind) for kind in rules.CLAIMS)

    @property
    def ring_fenced(self) -> Decimal:
        return rules.total(getattr(self, kind) for kind in rules.RING_FENCED)

    @property
    def own(self) -> Decimal:
        return rules.total(getattr(self, kind) for kind in rules.OWN)

    @property
    def unconfirmed(self) -> Decimal:
        return rules.total([self.unconfirmed_cash, self.unconfirmed_deployed])


class CoveragePart(models.Model):
    """One cash account or asset of a day: what the books say, what evidence says, and what that confirms."""

    class Kind(models.TextChoices):
        CASH = "cash"
        DEPLOYED = "deployed"

    id = columns.identifier()
    coverage = models.ForeignKey(Coverage, on_delete=models.PROTECT, related_name="parts")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    scope = models.CharField(max_length=64)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, null=True, related_name="+")
    book = columns.amount()
    evidence_on = models.DateField(null=True)
    evidence_amount = columns.amount(null=True)
    is_evidenced = models.BooleanField()
    confirmed = columns.amount()
    income = columns.amount(default=Decimal(0))
    related_income = columns.amount(default=Decimal(0))
    has_related_counterparty = models.BooleanField(default=False)

    class Meta:
        ordering = ["coverage_id", "kind", "scope", "id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["coverage", "kind", "scope", "asset"], name="treasury_part_is_one", nulls_distinct=False
            ),
            models.CheckConstraint(condition=Q(confirmed__lte=F("book")), name="treasury_part_confirms_no_more"),
            append_only("treasury_part_append_only"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}:{self.scope}"

    @property
    def unconfirmed(self) -> Decimal:
        return rules.minus(self.book, self.confirmed)


class ProductCoverage(models.Model):
    """One product on one day: what its pool holds, what it owes, how long it lasts, and what filled it."""

    id = columns.identifier()
    day = models.ForeignKey(CoverageDay, on_delete=models.PROTECT, db_column="day", related_name="products")
    scope = models.CharField(max_length=64)
    currency = models.ForeignKey("ledger.Currency", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120, blank=True)
    investors = models.IntegerField()
    principal = columns.amount()
    deployed = columns.amount()
    shortfall = columns.amount()
    pool = columns.amount()
    reserved = columns.amount()
    owed = columns.amount()
    accrued = columns.amount()
    mean_accrual = columns.amount()
    days_of_cover = models.DecimalField(max_digits=38, decimal_places=1, null=True)
    income_received = columns.amount()
    related_income_received = columns.amount()
    firm_capital_received = columns.amount()
    released = columns.amount()
    above_rate_ceiling = models.BooleanField()
    yearly_rate = models.DecimalField(max_digits=20, decimal_places=6, null=True)

    class Meta:
        ordering = ["-day_id", "scope", "currency_id"]
        verbose_name = "coverage of a product"
        verbose_name_plural = "coverage by product"
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["day", "scope", "currency"], name="treasury_productcoverage_is_one"),
            models.CheckConstraint(condition=Q(pool__gte=0), name="treasury_productcoverage_pool"),
            append_only("treasury_productcoverage_append_only"),
        ]
        indexes = [models.Index(fields=["scope", "currency", "-day"], name="treasury_productcoverage_new")]

    def __str__(self) -> str:
        return f"{self.scope} on {self.day_id}"

    @property
    def is_covered(self) -> bool:
        """Say whether the pool, and what was reserved from it, holds what is due and unpaid."""
        return rules.total([self.pool, self.reserved]) >= self.owed
