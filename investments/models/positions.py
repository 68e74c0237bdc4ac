"""What investors hold: positions, the terms that they earn by, what was done with them, and the queue of exits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Func, Q

from api.models import KeyedRow
from core import columns
from core.guards import Guard, append_only, stamped
from investments.models.products import Product, ProductVersion


class PositionQuerySet(models.QuerySet["Position"]):
    def owned_by(self, owner: Any) -> PositionQuerySet:
        return self.filter(owner=owner)

    def lock(self, position_id: object) -> Position:
        """Lock one position until the transaction ends; its version, product and owner come with it, unlocked."""
        found = self.select_for_update(no_key=True, of=("self",)).select_related("version", "product", "owner")
        return found.get(pk=position_id)

    def lock_all(self, position_ids: Any) -> list[Any]:
        """Lock positions until the transaction ends, by primary key; return their ids."""
        found = self.filter(pk__in=position_ids).select_for_update(no_key=True, of=("self",)).order_by("pk")
        return list(found.values_list("pk", flat=True))

    def maturing(self, on: Any) -> PositionQuerySet:
        """Positions whose last day is over with the close of `on`."""
        return self.filter(status__in=[Position.Status.ACTIVE, Position.Status.PAUSED], last_on__lte=on)


class Position(models.Model):
    """An investor's stake in one version of a product.

    `number` is an identity column, dense and in order of opening.
    `funded_on` is the day of the first funding, `last_on` the last day that earns: funded_on + term for a product
    with a term, the day of the cancellation for one that was cancelled, empty while an open-ended one runs. It earns
    on D if funded_on < D <= last_on. `principal` is what its ledger account `principal` holds.
    """

    class Status(models.TextChoices):
        PENDING_KYC = "pending_kyc", "pending KYC"
        PENDING_FUNDING = "pending_funding", "pending funding"
        ACTIVE = "active"
        PAUSED = "paused"
        SUSPENDED = "suspended"
        MATURED = "matured"
        CANCELLED = "cancelled"
        CLOSED = "closed"

    MOVES: ClassVar[dict[str, set[str]]] = {
        Status.PENDING_KYC: {Status.PENDING_FUNDING, Status.CANCELLED},
        Status.PENDING_FUNDING: {Status.ACTIVE, Status.CANCELLED},
        Status.ACTIVE: {Status.PAUSED, Status.SUSPENDED, Status.MATURED, Status.CANCELLED},
        Status.PAUSED: {Status.ACTIVE, Status.SUSPENDED, Status.MATURED, Status.CANCELLED},
        Status.SUSPENDED: {Status.ACTIVE, Status.PAUSED},
        Status.MATURED: {Status.CLOSED},
        Status.CANCELLED: {Status.CLOSED},
    }

    id = columns.identifier()
    number = models.BigIntegerField(unique=True, editable=False, db_default=0)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="positions")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="positions", db_index=False)
    version = models.ForeignKey(ProductVersion, on_delete=models.PROTECT, related_name="positions", db_index=False)
    status = models.CharField(max_length=15, choices=Status.choices)
    suspended_from = models.CharField(max_length=15, blank=True, default="")
    disclosure_version = models.CharField(max_length=40)
    initial_principal = columns.amount(default=Decimal(0))
    principal = columns.amount(default=Decimal(0))
    deposited = columns.amount(default=Decimal(0))
    withdrawn = columns.amount(default=Decimal(0), help_text="what left, penalties included")
    opened_at = models.DateTimeField()
    funded_on = models.DateField(null=True, blank=True)
    last_on = models.DateField(null=True, blank=True)

    objects = PositionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [
            ("suspend_position", "Can suspend a position and let it go on"),
            ("request_reversal", "Can ask for a funding or an exit to be reversed"),
            ("approve_reversal", "Can approve that a funding or an exit is reversed"),
        ]
        indexes = [
            models.Index(fields=["owner", "-id"], name="investments_position_owner"),
            models.Index(fields=["product", "status"], name="investments_position_product"),
            models.Index(fields=["last_on"], condition=Q(last_on__isnull=False), name="investments_position_last"),
            models.Index(
                fields=["opened_at"],
                condition=Q(status__in=["pending_kyc", "pending_funding"]),
                name="investments_position_unfunded",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "pending_kyc",
                        "pending_funding",
                        "active",
                        "paused",
                        "suspended",
                        "matured",
                        "cancelled",
                        "closed",
                    ]
                ),
                name="investments_position_status",
            ),
            models.CheckConstraint(
                condition=Q(principal__gte=0, deposited__gte=0, withdrawn__gte=0)
                & Q(principal=F("deposited") - F("withdrawn")),
                name="investments_position_sums",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending_kyc", "pending_funding"], funded_on__isnull=True, principal=0)
                | Q(status="cancelled", principal=0)
                | Q(status__in=["active", "paused", "suspended"], funded_on__isnull=False)
                | Q(status="matured", funded_on__isnull=False, last_on__isnull=False)
                | Q(status="closed", funded_on__isnull=False, last_on__isnull=False, principal=0),
                name="investments_position_funding",
            ),
            models.CheckConstraint(
                condition=Q(status="suspended", suspended_from__in=["active", "paused"])
                | (~Q(status="suspended") & Q(suspended_from="")),
                name="investments_position_suspended_from",
            ),
        ]

    def __str__(self) -> str:
        return f"position {self.number}"

    @property
    def currency(self) -> str:
        return self.product.currency

    @property
    def ledger_subject(self) -> str:
        """The subject of its `principal` account."""
        return str(self.pk)


class PositionTerm(models.Model):
    """What a position earns by over [from_on, to_on): the one table that accrual reads.

    The rows of a position cover every day from funded_on + 1 on without a gap or an overlap; the last one is open
    (`to_on` empty) and its principal is what the ledger holds now. A product with a term has, from its funding on,
    a last row that begins on last_on + 1 and doesn't earn. A row whose first day has begun (is not after the open
    business day) never changes but for `to_on`; later ones are rewritten by the day's next verb.
    """

    id = models.BigAutoField(primary_key=True)
    position = models.ForeignKey(Position, on_delete=models.PROTECT, related_name="terms", db_index=False)
    version = models.ForeignKey(
        ProductVersion,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        editable=False,
        help_text="the position's, written by the database: accrual then reads this one table",
    )
    from_on = models.DateField()
    to_on = models.DateField(null=True, blank=True)
    principal = columns.amount()
    rate = columns.fraction()
    earns = models.BooleanField()

    class Meta:
        ordering = ["position", "from_on"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["position", "from_on"], name="investments_term_start"),
            models.CheckConstraint(
                condition=Q(to_on__isnull=True) | Q(to_on__gt=F("from_on")), name="investments_term_span"
            ),
            models.CheckConstraint(condition=Q(principal__gte=0, rate__gte=0), name="investments_term_amounts"),
            ExclusionConstraint(
                name="investments_term_no_overlap",
                expressions=[
                    ("position", RangeOperators.EQUAL),
                    (Func("from_on", "to_on", function="daterange"), RangeOperators.OVERLAPS),
                ],
            ),
            Guard(
                name="investments_term_names_version",
                event="BEFORE INSERT",
                level="ROW",
                body="""
BEGIN
    SELECT version_id INTO NEW.version_id FROM investments_position WHERE id = NEW.position_id;
    RETURN NEW;
END
""",
            ),
            Guard(
                name="investments_term_past_stays",
                event="BEFORE INSERT OR UPDATE OR DELETE",
                level="ROW",
                body="""
DECLARE
    v_open date;
BEGIN
    SELECT day INTO v_open FROM ledger_businessday WHERE closed_at IS NULL;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'past-terms: a term row stays' USING ERRCODE = 'FI030';
    ELSIF TG_OP = 'INSERT' THEN
        IF NEW.from_on <= v_open THEN
            RAISE EXCEPTION 'past-terms: a verb takes effect after the open business day, %', v_open
                USING ERRCODE = 'FI030';
        END IF;
    ELSIF (NEW.id, NEW.position_id, NEW.from_on) IS DISTINCT FROM (OLD.id, OLD.position_id, OLD.from_on)
          OR OLD.from_on <= v_open AND (NEW.principal, NEW.rate, NEW.earns)
             IS DISTINCT FROM (OLD.principal, OLD.rate, OLD.earns)
          OR NEW.to_on IS DISTINCT FROM OLD.to_on AND (NEW.to_on <= v_open OR OLD.to_on <= v_open) THEN
        RAISE EXCEPTION 'past-terms: what was earned by stays; only days after the open one, %, change', v_open
            USING ERRCODE = 'FI030';
    END IF;
    RETURN NEW;
END
""",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position_id} from {self.from_on}"


class PositionEvent(KeyedRow):
    """What was done with a position, once: the verb, its day and, for money, the ledger's transaction. Append-only.

    It remembers the HTTP request that asked for it, if one did.
    """

    class Verb(models.TextChoices):
        OPEN = "open"
        FUND = "fund"
        TOP_UP = "top_up", "top up"
        ASK = "ask", "asked, waits in line"
        WITHDRAW = "withdraw"
        PAUSE = "pause"
        RESUME = "resume"
        CANCEL = "cancel"
        MATURE = "mature"
        REVERSE = "reverse"

    id = columns.identifier()
    position = models.ForeignKey(Position, on_delete=models.PROTECT, related_name="events")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    verb = models.CharField(max_length=8, choices=Verb.choices)
    amount = columns.amount(default=Decimal(0))
    penalty = columns.amount(default=Decimal(0))
    value_on = models.DateField(help_text="the day of the verb; it takes effect on the day after")
    made_at = models.DateTimeField()
    recorded_at = columns.recorded_at()
    transaction = models.UUIDField(null=True, blank=True, unique=True)

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            *KeyedRow.key_constraints("investments_event", owner="owner"),
            append_only("investments_event_append_only"),
            stamped("investments_event_stamped"),
        ]
        indexes = [BrinIndex(fields=["recorded_at"], name="investments_event_recorded")]

    def __str__(self) -> str:
        return f"{self.verb} {self.position_id}"


class ExitRequestQuerySet(models.QuerySet["ExitRequest"]):
    def waiting(self) -> ExitRequestQuerySet:
        return self.filter(status=ExitRequest.Status.WAITING)

    def in_line(self, product: Any) -> ExitRequestQuerySet:
        """The product's waiting exits, first come first."""
        return self.waiting().filter(product=product).order_by("asked_at", "id")


class ExitRequest(models.Model):
    """Principal that wants to leave while the product's money is at work; paid whole, in order of `asked_at`."""

    class Kind(models.TextChoices):
        WITHDRAWAL = "withdrawal"
        CANCELLATION = "cancellation"
        MATURITY = "maturity"

    class Status(models.TextChoices):
        WAITING = "waiting"
        PAID = "paid"
        WITHDRAWN = "withdrawn"

    MOVES: ClassVar[dict[str, set[str]]] = {Status.WAITING: {Status.PAID, Status.WITHDRAWN}}

    id = columns.identifier()
    position = models.ForeignKey(Position, on_delete=models.PROTECT, related_name="exits")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="exits", db_index=False)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.WAITING)
    amount = columns.amount()
    asked_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True, blank=True)

    objects = ExitRequestQuerySet.as_manager()

    class Meta:
        ordering = ["asked_at", "id"]
        default_permissions = ("view",)
        permissions = [("pay_exits", "Can have waiting exits paid")]
        indexes = [
            models.Index(
                fields=["product", "asked_at", "id"], condition=Q(status="waiting"), name="investments_exit_line"
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["position"],
                condition=Q(status="waiting", kind__in=["cancellation", "maturity"]),
                name="investments_exit_one_whole",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="investments_exit_amount"),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "withdrawn"], paid_at__isnull=True)
                | Q(status="paid", paid_at__isnull=False),
                name="investments_exit_status",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.position_id}"
