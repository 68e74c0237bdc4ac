"""What is offered: product lines, their versions with the terms, and the rate ceiling."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import connection, models
from django.db.models import F, Q

from core import columns
from core.guards import Guard, append_only, stamped
from investments import rules

# What may still change once a version has left the drafts.
_MOVING = ("status", "activated_at", "retired_at", "justification")


class ProductQuerySet(models.QuerySet["Product"]):
    def lock(self, product_id: object) -> Product:
        """Lock one product's line until the transaction ends: its exits wait in one queue, so they come one by one."""
        return self.select_for_update(no_key=True, of=("self",)).get(pk=product_id)

    def on_offer(self) -> ProductQuerySet:
        """Products that can be opened: those with an active version."""
        return self.filter(versions__status=ProductVersion.Status.ACTIVE)


class Product(models.Model):
    """A line: what stays the same over its versions, and the scope of its money in the ledger."""

    class Kind(models.TextChoices):
        TIER = "tier", "tier"
        VIP = "vip", "VIP package"
        STAKING = "staking", "staking plan"

    id = columns.identifier()
    code = models.SlugField(max_length=40, unique=True)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    display_name = models.CharField(max_length=80)
    currency = models.CharField(max_length=8)
    rank = models.SmallIntegerField(default=0, help_text="place among the products of its kind")

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["kind", "rank", "code"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["tier", "vip", "staking"]), name="investments_product_kind"),
        ]

    def __str__(self) -> str:
        return self.display_name

    @property
    def scope(self) -> str:
        """The scope of principal, pool, due, deployed and fund in the ledger."""
        return f"product:{self.code}"


class ProductVersionQuerySet(models.QuerySet["ProductVersion"]):
    def active(self) -> ProductVersionQuerySet:
        return self.filter(status=ProductVersion.Status.ACTIVE)


class ProductVersion(models.Model):
    """The terms of a product. Once it has left the drafts they never change: a change is a further version.

    `rate` is a decimal fraction per `rate_period`; `minimum` and `maximum` bound the principal.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        PENDING_APPROVAL = "pending_approval"
        ACTIVE = "active"
        RETIRED = "retired"

    MOVES: ClassVar[dict[str, set[str]]] = {
        Status.DRAFT: {Status.PENDING_APPROVAL},
        Status.PENDING_APPROVAL: {Status.ACTIVE, Status.DRAFT},
        Status.ACTIVE: {Status.RETIRED},
    }

    class RatePeriod(models.TextChoices):
        DAY = rules.DAY
        MONTH = rules.MONTH
        YEAR = rules.YEAR

    class DayCount(models.TextChoices):
        ACT_365F = rules.ACT_365F
        ACT_360 = rules.ACT_360
        THIRTY_E_360 = rules.THIRTY_E_360
        ACT_ACT_ISDA = rules.ACT_ACT_ISDA

    class Payout(models.TextChoices):
        DAILY = rules.DAILY
        MONTHLY = rules.MONTHLY
        AT_MATURITY = rules.AT_MATURITY, "at maturity"

    id = columns.identifier()
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="versions")
    number = models.SmallIntegerField()
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.DRAFT)
    minimum = columns.amount()
    maximum = columns.amount(null=True, blank=True)
    rate = columns.fraction()
    rate_period = models.CharField(max_length=5, choices=RatePeriod.choices)
    day_count = models.CharField(max_length=12, choices=DayCount.choices, blank=True, help_text="for yearly rates")
    payout = models.CharField(max_length=11, choices=Payout.choices)
    term_days = models.SmallIntegerField(null=True, blank=True, help_text="empty: open-ended")
    locked = models.BooleanField(default=False, help_text="principal can't leave before maturity")
    pausable = models.BooleanField(default=True)
    early_exit_penalty = columns.fraction(default=Decimal(0))
    kyc_level = models.SmallIntegerField(default=1)
    features = models.JSONField(default=list, blank=True)
    risk_warning = models.TextField()
    disclosure = models.TextField()
    disclosure_version = models.CharField(max_length=40)
    justification = models.TextField(blank=True, help_text="why a rate above the ceiling is offered")
    activated_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    objects = ProductVersionQuerySet.as_manager()

    class Meta:
        ordering = ["product", "-number"]
        default_permissions = ("view",)
        permissions = [
            ("request_version", "Can draft a product version and ask for its activation"),
            ("approve_version", "Can approve that a product version becomes active"),
            ("request_retirement", "Can ask for a product to be retired"),
            ("approve_retirement", "Can approve that a product is retired"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["product", "number"], name="investments_version_number"),
            models.UniqueConstraint(
                fields=["product"], condition=Q(status="active"), name="investments_version_one_active"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "pending_approval"], activated_at__isnull=True)
                | Q(status="active", activated_at__isnull=False, retired_at__isnull=True)
                | Q(status="retired", activated_at__isnull=False, retired_at__isnull=False),
                name="investments_version_status",
            ),
            models.CheckConstraint(
                condition=Q(minimum__gt=0) & (Q(maximum__isnull=True) | Q(maximum__gte=F("minimum"))),
                name="investments_version_bounds",
            ),
            models.CheckConstraint(
                condition=Q(rate__gte=0, early_exit_penalty__gte=0, early_exit_penalty__lt=1),
                name="investments_version_rates",
            ),
            models.CheckConstraint(
                condition=Q(rate_period="year", day_count__in=["ACT/365F", "ACT/360", "30E/360", "ACT/ACT ISDA"])
                | Q(rate_period__in=["day", "month"], day_count=""),
                name="investments_version_day_count",
            ),
            models.CheckConstraint(
                condition=Q(payout__in=["daily", "monthly"], term_days__isnull=True, locked=False)
                | Q(payout__in=["daily", "monthly", "at_maturity"], term_days__isnull=False, term_days__gt=0),
                name="investments_version_term",
            ),
            Guard(
                name="investments_version_is_fixed",
                event="BEFORE UPDATE OR DELETE",
                level="ROW",
                body=f"""
BEGIN
    IF TG_OP = 'DELETE' OR OLD.status <> 'draft' AND to_jsonb(OLD) - ARRAY[{", ".join(f"'{name}'" for name in _MOVING)}]
       IS DISTINCT FROM to_jsonb(NEW) - ARRAY[{", ".join(f"'{name}'" for name in _MOVING)}] THEN
        RAISE EXCEPTION 'frozen: the terms of a version that left the drafts stay; make a further version'
            USING ERRCODE = 'FI002';
    END IF;
    RETURN NEW;
END
""",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product} v{self.number}"

    @property
    def currency(self) -> str:
        return self.product.currency

    @property
    def terms(self) -> rules.Terms:
        """What the arithmetic needs."""
        return rules.Terms(self.rate, self.rate_period, self.day_count, self.payout, self.term_days)

    @property
    def yearly_equivalent(self) -> Decimal:
        return rules.yearly_equivalent(self.rate, self.rate_period)

    def is_above(self, ceiling: Decimal) -> bool:
        """Say whether the simple yearly equivalent passes the rate ceiling."""
        return self.yearly_equivalent > ceiling

    @property
    def is_open_ended(self) -> bool:
        return self.term_days is None


LATEST_CEILING = "SELECT rate FROM investments_rateceiling ORDER BY id DESC LIMIT 1"


class RateCeilingQuerySet(models.QuerySet["RateCeiling"]):
    def current(self) -> Decimal:
        """Return the yearly rate above which a product is badged: the latest row's, or 0.36."""
        with connection.cursor() as cursor:
            cursor.execute(LATEST_CEILING)
            latest = cursor.fetchone()
        return latest[0] if latest else rules.DEFAULT_RATE_CEILING


class RateCeiling(models.Model):
    """The yearly rate above which activation needs two approvals and a justification. The latest row counts."""

    id = columns.identifier()
    rate = columns.fraction()
    set_at = models.DateTimeField()
    recorded_at = columns.recorded_at()
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    approval = models.UUIDField(unique=True)

    objects = RateCeilingQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [
            ("request_ceiling", "Can ask for another rate ceiling"),
            ("approve_ceiling", "Can approve another rate ceiling"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(rate__gt=0), name="investments_ceiling_rate"),
            append_only("investments_ceiling_append_only"),
            stamped("investments_ceiling_stamped"),
        ]

    def __str__(self) -> str:
        return f"{self.rate.normalize():f} a year"
