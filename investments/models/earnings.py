"""What positions earn and what is paid of it: accruals, corrections, settlements, and how far the runs have come.

Written by set-based SQL over slices of positions; a slice is a range of position ids.
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models import F, Func, Q

from core import columns
from core.guards import append_only, only_columns_move
from investments import rules
from investments.models.positions import Position
from investments.models.products import Product


def _earned_by_now() -> Func:
    """round(accrued_to_date, exponent + 6)."""
    return Func(
        F("accrued_to_date"),
        F("exponent") + rules.GUARD_PLACES,
        function="round",
        output_field=models.DecimalField(max_digits=38, decimal_places=18),
    )


class Accrual(models.Model):
    """What one position earned on one day, with the figures that explain it. Append-only, partitioned by month.

    amount = round(principal * rate * numerator / denominator, 18), ties away from zero: `rules.AMOUNT_SQL` in SQL,
    `rules.accrual_amount` in Python. No foreign key in the database: it doubled the time of a run;
    `verify_ledger` looks for orphans. The primary key serves one position's rows, too (index skip scan).
    `investments.partitions` has the months made; the application's role has no right on a partition.
    """

    pk = models.CompositePrimaryKey("day", "position_id")
    day = models.DateField()
    position = models.ForeignKey(
        Position, on_delete=models.DO_NOTHING, related_name="accruals", db_constraint=False, db_index=False
    )
    principal = columns.amount()
    rate = columns.fraction()
    numerator = models.SmallIntegerField()
    denominator = models.SmallIntegerField()
    amount = columns.amount()

    class Meta:
        ordering = ["day"]
        default_permissions = ("view",)
        constraints = [append_only("investments_accrual_append_only")]

    def __str__(self) -> str:
        return f"{self.position_id} on {self.day}"


class AccrualSliceQuerySet(models.QuerySet["AccrualSlice"]):
    def lock(self, slice_id: object) -> AccrualSlice:
        """Lock one slice until the transaction ends: whoever comes second finds it done."""
        return self.select_for_update(no_key=True).get(pk=slice_id)

    def undone(self) -> AccrualSliceQuerySet:
        """Slices that are to be run, again where positions failed."""
        return self.filter(Q(done_at__isnull=True) | Q(problems__gt=0))


class AccrualSlice(models.Model):
    """A range of position ids of a day, planned at once and done one by one, so that a rerun leaves done ones alone.

    It covers ids from `first` up to, not including, `until`; the slices of a day cover every id there can be.
    `problems` counts the positions that failed when they were tried alone.
    """

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    number = models.IntegerField()
    first = models.UUIDField()
    until = models.UUIDField()
    positions = models.IntegerField(default=0)
    problems = models.IntegerField(default=0)
    done_at = models.DateTimeField(null=True, blank=True)

    objects = AccrualSliceQuerySet.as_manager()

    class Meta:
        ordering = ["day", "number"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["day", "number"], name="investments_accrual_slice_once"),
            only_columns_move("investments_accrual_slice_is_fixed", "positions", "problems", "done_at"),
        ]

    def __str__(self) -> str:
        return f"slice {self.number} of {self.day}"


class ProductAccrual(models.Model):
    """What a slice of a day accrued for one product: coverage, dashboard and forecast read these few rows.

    A slice that a repair completed position by position may have several rows for one product: they add up.
    """

    id = models.BigAutoField(primary_key=True)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="accruals", db_index=False)
    day = models.DateField()
    slice_number = models.IntegerField()
    positions = models.IntegerField()
    amount = columns.amount()

    class Meta:
        ordering = ["day", "slice_number"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["product", "day"], name="investments_product_accrual")]
        constraints = [append_only("investments_product_accrual_append_only")]

    def __str__(self) -> str:
        return f"{self.product_id} on {self.day}"


class Correction(models.Model):
    """An approved set of adjustments of one position that waits for the next close to bring it into account.

    `lines` is what was previewed and approved: [{"corrects_on": "2026-06-03", "amount": "-0.123…"}, …], one a day from
    the value date on. The close's adjust step turns each into an AccrualAdjustment booked on its day, then marks this
    as booked; nothing is added between the steps of a close, so a run's figures stand still.
    """

    class Status(models.TextChoices):
        WAITING = "waiting"
        BOOKED = "booked"

    MOVES: ClassVar[dict[str, set[str]]] = {Status.WAITING: {Status.BOOKED}}

    id = columns.identifier()
    position = models.ForeignKey(Position, on_delete=models.PROTECT, related_name="corrections")
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.WAITING)
    reason = models.TextField()
    lines = models.JSONField()
    source_key = models.CharField(max_length=140, unique=True)
    approval = models.UUIDField(unique=True)
    approved_at = models.DateTimeField()
    booked_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [
            ("request_adjustment", "Can ask for an adjustment of accrued returns"),
            ("approve_adjustment", "Can approve an adjustment of accrued returns"),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(status="waiting"), name="investments_correction_waiting")]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="waiting", booked_on__isnull=True) | Q(status="booked", booked_on__isnull=False),
                name="investments_correction_status",
            ),
            only_columns_move("investments_correction_is_fixed", "status", "booked_on"),
        ]

    def __str__(self) -> str:
        return self.source_key


class AccrualAdjustment(models.Model):
    """One day of a correction: `amount`, signed, is added to what the position earned. Append-only.

    The settlement of D takes those with booked_on <= D into account. `source_key` is the correction's and the day.
    """

    id = columns.identifier()
    correction = models.ForeignKey(Correction, on_delete=models.PROTECT, related_name="adjustments")
    position = models.ForeignKey(Position, on_delete=models.PROTECT, related_name="adjustments", db_index=False)
    booked_on = models.DateField()
    corrects_on = models.DateField()
    amount = columns.amount()
    reason = models.TextField()
    source_key = models.CharField(max_length=160, unique=True)

    class Meta:
        ordering = ["booked_on", "corrects_on"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["position", "booked_on"], name="investments_adjustment_of"),
            models.Index(fields=["booked_on"], name="investments_adjustment_booked"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="investments_adjustment_amount"),
            append_only("investments_adjustment_append_only"),
        ]

    def __str__(self) -> str:
        return self.source_key


class LateAccrual(models.Model):
    """An accrual that was written once a run had already passed its day; the settlement of `booked_on` counts it.

    A position whose accrual failed and was repaired later: its row in `Accrual` explains it, this one says when it
    came into account. Append-only.
    """

    pk = models.CompositePrimaryKey("position_id", "day")
    position = models.ForeignKey(
        Position, on_delete=models.DO_NOTHING, related_name="late_accruals", db_constraint=False, db_index=False
    )
    day = models.DateField()
    booked_on = models.DateField(db_index=True)
    amount = columns.amount()

    class Meta:
        ordering = ["booked_on", "day"]
        default_permissions = ("view",)
        constraints = [append_only("investments_late_accrual_append_only")]

    def __str__(self) -> str:
        return f"{self.position_id} on {self.day}, late"


class SettlementRunQuerySet(models.QuerySet["SettlementRun"]):
    def lock(self, run_id: object) -> SettlementRun:
        """Lock one run until the transaction ends."""
        return self.select_for_update(no_key=True, of=("self",)).select_related("product").get(pk=run_id)

    def unfinished(self) -> SettlementRunQuerySet:
        """Runs that are due and not yet wholly paid."""
        return self.exclude(status=SettlementRun.Status.PAID)

    def reserved(self) -> SettlementRunQuerySet:
        """Runs whose figures stand for good: their money left the pool."""
        return self.exclude(status=SettlementRun.Status.DUE)


class SettlementRun(models.Model):
    """What a product owes for one due day: all of it is paid, or none.

    due: the pool hasn't covered it yet; `amount` is what it asked for at `asked_at` (the database's clock), 0
    before. reserved: `amount` stands in the shards of `returns_due` (ledger transaction `reserve`), its slices are
    being paid. paid: the last slice is done, in the settlement of the day `paid_in`. `earned` is what the run
    brought into account, at 18 places.
    """

    class Status(models.TextChoices):
        DUE = "due"
        RESERVED = "reserved"
        PAID = "paid"

    MOVES: ClassVar[dict[str, set[str]]] = {Status.DUE: {Status.RESERVED, Status.PAID}, Status.RESERVED: {Status.PAID}}

    id = columns.identifier()
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="runs", db_index=False)
    due_on = models.DateField()
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.DUE)
    amount = columns.amount(default=Decimal(0))
    earned = columns.amount(default=Decimal(0))
    positions = models.IntegerField(default=0)
    asked_at = models.DateTimeField(null=True, blank=True)
    reserve = models.UUIDField(null=True, blank=True)
    reserved_at = models.DateTimeField(null=True, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    paid_in = models.DateField(null=True, blank=True)

    objects = SettlementRunQuerySet.as_manager()

    class Meta:
        ordering = ["-due_on", "product"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["product", "due_on"], condition=~Q(status="paid"), name="investments_run_unfinished"),
            models.Index(fields=["paid_in"], name="investments_run_paid_in"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["product", "due_on"], name="investments_run_once"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="investments_run_amount"),
            models.CheckConstraint(
                condition=Q(status="due", reserved_at__isnull=True, paid_at__isnull=True, paid_in__isnull=True)
                | Q(status="reserved", reserved_at__isnull=False, paid_at__isnull=True, paid_in__isnull=True)
                | Q(status="paid", paid_at__isnull=False, paid_in__isnull=False),
                name="investments_run_status",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product} due {self.due_on}"


class SettlementSliceQuerySet(models.QuerySet["SettlementSlice"]):
    def lock(self, slice_id: object) -> SettlementSlice:
        """Lock one slice until the transaction ends: whoever comes second finds it done."""
        return self.select_for_update(no_key=True, of=("self",)).select_related("run__product").get(pk=slice_id)

    def undone(self) -> SettlementSliceQuerySet:
        return self.filter(done_at__isnull=True)


class SettlementSlice(models.Model):
    """A slice of a run: reserved for `amount` on shard number mod 16, paid when `done_at` is set.

    It covers position ids from `first` up to, not including, `until`; `positions` counts those who are paid something.
    """

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(SettlementRun, on_delete=models.PROTECT, related_name="slices", db_index=False)
    number = models.IntegerField()
    first = models.UUIDField()
    until = models.UUIDField()
    positions = models.IntegerField()
    amount = columns.amount()
    done_at = models.DateTimeField(null=True, blank=True)

    objects = SettlementSliceQuerySet.as_manager()

    class Meta:
        ordering = ["run", "number"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="investments_settlement_slice_once"),
            only_columns_move("investments_settlement_slice_is_fixed", "done_at"),
        ]

    def __str__(self) -> str:
        return f"slice {self.number} of {self.run_id}"


class Settlement(models.Model):
    """What a run owes one position, and how far it has come: no run sums over a lifetime. Append-only.

    Written when the run is reserved; paid when its slice is done. `earned` is what this run brought into account:
    accruals after the position's last row, adjustments and late accruals booked since. `accrued_to_date` (18 places)
    is the sum of all of it, `paid_to_date` everything credited, this `amount` included, reversals taken off;
    `overpaid` is what of it isn't earned any more after a correction: netted from later returns, never taken from a
    wallet. `exponent` is the currency's, so that the CHECK can say that nobody is paid more than he has earned (a paid
    sum is a multiple of the unit, so this is the floor).
    """

    # The run comes first: a run's rows then lie together, at the end of the index, however many years there are.
    pk = models.CompositePrimaryKey("run_id", "position_id")
    run = models.ForeignKey(
        SettlementRun, on_delete=models.DO_NOTHING, related_name="settlements", db_constraint=False, db_index=False
    )
    position = models.ForeignKey(
        Position, on_delete=models.DO_NOTHING, related_name="settlements", db_constraint=False, db_index=False
    )
    due_on = models.DateField()
    exponent = models.SmallIntegerField()
    earned = columns.amount()
    accrued_to_date = columns.amount()
    paid_to_date = columns.amount()
    amount = columns.amount()
    overpaid = columns.amount(default=Decimal(0))

    class Meta:
        ordering = ["due_on"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gte=0, overpaid__gte=0, paid_to_date__gte=F("amount")),
                name="investments_settlement_amounts",
            ),
            models.CheckConstraint(
                condition=Q(paid_to_date__lte=_earned_by_now() + F("overpaid")), name="investments_settlement_earned"
            ),
            append_only("investments_settlement_append_only"),
        ]

    def __str__(self) -> str:
        return f"{self.position_id} due {self.due_on}"


class SettlementReversal(models.Model):
    """A settlement taken back from the wallet, whole and once, with four eyes; the money is in the pool again.

    The settlement of `booked_on` takes `amount` off what was paid. Append-only.
    """

    id = columns.identifier()
    run = models.ForeignKey(SettlementRun, on_delete=models.PROTECT, related_name="reversals", db_index=False)
    position = models.ForeignKey(Position, on_delete=models.PROTECT, related_name="settlement_reversals")
    booked_on = models.DateField(db_index=True)
    amount = columns.amount()
    reason = models.TextField()
    transaction = models.UUIDField(unique=True)
    approval = models.UUIDField(unique=True)

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [
            ("request_settlement_reversal", "Can ask for a settlement to be reversed"),
            ("approve_settlement_reversal", "Can approve that a settlement is reversed"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["run", "position"], name="investments_settlement_reversed_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="investments_settlement_reversal_amount"),
            append_only("investments_settlement_reversal_append_only"),
        ]

    def __str__(self) -> str:
        return f"reversal of {self.position_id} in {self.run_id}"
