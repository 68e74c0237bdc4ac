"""The ledger's tables. What refuses a wrong row is in `ledger/guards.py`; who may write what, in `apps.py`."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now
from django.db.models.lookups import Exact, GreaterThanOrEqual, IsNull
from uuid_utils.compat import uuid7

from core import columns
from core.guards import append_only, stamped
from ledger import chart, guards


class Currency(models.Model):
    """A currency; `exponent` is the number of decimals of the finest amount that may be posted, for ever."""

    class Kind(models.TextChoices):
        FIAT = "fiat"
        CRYPTO = "crypto"

    code = models.CharField(max_length=8, primary_key=True)
    exponent = models.SmallIntegerField()
    kind = models.CharField(max_length=6, choices=Kind.choices)

    class Meta:
        ordering = ["code"]
        verbose_name_plural = "currencies"
        constraints = [
            models.CheckConstraint(condition=Q(exponent__gte=0, exponent__lte=18), name="ledger_currency_exponent"),
            guards.currency_is_fixed(),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def unit(self) -> Decimal:
        """The smallest amount that may be posted."""
        return Decimal(1).scaleb(-self.exponent)


class AccountQuerySet(models.QuerySet["Account"]):
    def owned_by(self, owner: models.Model) -> AccountQuerySet:
        return self.filter(owner_id=owner.pk)

    def wallets(self) -> AccountQuerySet:
        return self.filter(kind__in=chart.WALLET)


class Account(models.Model):
    """One side of movements. `scope` is `product:<code>`, a provider or a cause; `subject` a position, asset or shard.

    Debits and credits are sums that the trigger on Transfer keeps; `cash` and `fx` keep none. The last three columns
    are what its kind makes of it: the database writes them.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="ledger_accounts"
    )
    subject = models.CharField(max_length=36, blank=True, default="", db_default="")
    scope = models.CharField(max_length=64, blank=True, default="", db_default="")
    currency = models.ForeignKey(Currency, on_delete=models.PROTECT, related_name="+", db_index=False)
    debits = columns.amount(default=Decimal(0), db_default=Decimal(0), editable=False)
    credits = columns.amount(default=Decimal(0), db_default=Decimal(0), editable=False)
    normal_side = models.CharField(max_length=1, editable=False)
    overdraft_allowed = models.BooleanField(editable=False)
    keeps_balance = models.BooleanField(editable=False)

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "owner", "subject", "scope", "currency"],
                name="ledger_account_is_one",
                nulls_distinct=False,
            ),
            # The one CHECK, in the fewest words: each update of a balance reads its text anew.
            models.CheckConstraint(
                condition=Q(
                    Case(
                        When(overdraft_allowed=True, then=Value(True)),
                        When(normal_side="D", then=GreaterThanOrEqual(F("debits"), F("credits"))),
                        default=GreaterThanOrEqual(F("credits"), F("debits")),
                        output_field=models.BooleanField(),
                    )
                ),
                name="ledger_account_no_overdraft",
            ),
            *guards.account_is_fixed(),
        ]

    def __str__(self) -> str:
        return ":".join(part for part in (self.kind, self.scope, self.subject) if part) + f" [{self.currency_id}]"

    @property
    def live_balance(self) -> Decimal:
        """The balance on the normal side as this row was read; meaningless for kinds that keep none."""
        difference = self.debits - self.credits
        return difference if self.normal_side == "D" else -difference


class Evidence(models.Model):
    """What the world outside said: a provider's event, a statement line, a document. Append-only.

    `reference` is the source's own id of the fact, unique with the source; `sha256` is over the file or the event.
    """

    class Type(models.TextChoices):
        PROVIDER_EVENT = "provider_event"
        STATEMENT_LINE = "statement_line"
        DOCUMENT = "document"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    type = models.CharField(max_length=16, choices=Type.choices)
    source = models.CharField(max_length=64)
    reference = models.CharField(max_length=140)
    sha256 = models.BinaryField(max_length=32)
    file = models.FileField(upload_to="evidence/%Y/%m/", max_length=200, blank=True, default="", db_default="")
    name = models.CharField(max_length=200, blank=True, default="", db_default="")
    received_at = models.DateTimeField()
    recorded_at = columns.recorded_at()

    class Meta:
        verbose_name_plural = "evidence"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "reference"], name="ledger_evidence_is_one"),
            models.CheckConstraint(
                condition=~Q(reference="")
                & ~Q(source="")
                & Q(type__in=["provider_event", "statement_line", "document"]),
                name="ledger_evidence_named",
            ),
            append_only("ledger_evidence_append_only"),
            stamped("ledger_evidence_stamped"),
        ]
        indexes = [BrinIndex(fields=["recorded_at"], name="ledger_evidence_recorded")]

    def __str__(self) -> str:
        return f"{self.source}: {self.reference}"


class Transaction(models.Model):
    """Movements that belong together. `key` is the business fact, `fingerprint` the SHA-256 of the moves.

    Columns that name rows of other tables have no foreign key: the trigger on Transfer checks what matters
    and `verify_ledger` the rest; a key would lock a further row at each posting.
    """

    id = columns.identifier()
    kind = models.CharField(max_length=24)
    key = models.CharField(max_length=200)
    fingerprint = models.BinaryField(max_length=32)
    moves = models.IntegerField()
    effective_on = models.DateField()
    posted_at = models.DateTimeField(db_default=Now())
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    memo = models.CharField(max_length=200, blank=True, default="")
    evidence = models.ForeignKey(
        Evidence, on_delete=models.PROTECT, null=True, related_name="transactions", db_constraint=False, db_index=False
    )
    approval_id = models.UUIDField(null=True)
    reverses = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="reversed_by", db_constraint=False, db_index=False
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(moves__gte=1), name="ledger_transaction_moves"),
            models.CheckConstraint(condition=~Q(key=""), name="ledger_transaction_key"),
            # Not unique=True, which brings a second index, for LIKE: every posting would write it.
            models.UniqueConstraint(fields=["key"], name="ledger_transaction_key_once"),
            models.CheckConstraint(
                condition=Exact(Exact(F("kind"), Value("reversal")), IsNull(F("reverses"), False)),
                name="ledger_transaction_reversal",
            ),
            models.UniqueConstraint(
                fields=["approval_id"], condition=Q(approval_id__isnull=False), name="ledger_approval_used_once"
            ),
            append_only("ledger_transaction_append_only"),
        ]
        indexes = [
            models.Index(fields=["evidence"], condition=Q(evidence__isnull=False), name="ledger_transaction_evidence"),
        ]

    def __str__(self) -> str:
        return self.key


class Transfer(models.Model):
    """One movement from an account to another: balanced by construction. The trigger checks and books it."""

    id = models.BigAutoField(primary_key=True)
    transaction = models.ForeignKey(
        Transaction, on_delete=models.PROTECT, related_name="transfers", db_constraint=False, db_index=False
    )
    line = models.SmallIntegerField()
    debit_account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    credit_account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    currency = models.ForeignKey(
        Currency, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    amount = columns.amount()
    booked_on = models.DateField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["transaction", "line"], name="ledger_transfer_line"),
            append_only("ledger_transfer_append_only"),
            guards.transfer_is_right(),
        ]
        indexes = [
            models.Index(fields=["debit_account", "id"], name="ledger_transfer_debit"),
            models.Index(fields=["credit_account", "id"], name="ledger_transfer_credit"),
        ]

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency_id}"


class PostingRule(models.Model):
    """A movement that is allowed; what isn't listed is refused. Seeded from `ledger.chart` on migrate."""

    kind = models.CharField(max_length=24)
    debit_kind = models.CharField(max_length=16)
    credit_kind = models.CharField(max_length=16)
    needs_evidence = models.BooleanField()
    needs_approval = models.BooleanField()
    same_owner = models.BooleanField()
    same_scope = models.BooleanField()
    scope_prefix = models.CharField(max_length=16, blank=True)
    debit_scope = models.CharField(max_length=16, blank=True)

    class Meta:
        ordering = ["kind", "debit_kind", "credit_kind"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "debit_kind", "credit_kind"], name="ledger_rule_is_one"),
            models.CheckConstraint(
                # An investor's money never leads towards what returns and commissions are paid from.
                condition=~Q(
                    debit_kind__in=[*chart.WALLET, "principal", "suspense"],
                    credit_kind__in=["returns_pool", "referral_budget", "capital"],
                ),
                name="ledger_rule_no_client_money_into_pools",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: debit {self.debit_kind}, credit {self.credit_kind}"


class BusinessDay(models.Model):
    """A calendar day of the ledger. One is open; `last_transfer_id` is the last transfer of a closed one."""

    day = models.DateField(primary_key=True)
    opened_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)
    last_transfer_id = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["-day"]
        constraints = [
            # Its index also finds the open day among years of closed ones, twice a posting.
            models.UniqueConstraint(
                fields=["closed_at"],
                condition=Q(closed_at__isnull=True),
                nulls_distinct=False,
                name="ledger_one_open_day",
            ),
            guards.day_closes_once(),
        ]

    def __str__(self) -> str:
        return self.day.isoformat()


class Seal(models.Model):
    """The hash of a closed day, chained to the day before; its `sha256` is what `/transparency/coverage` publishes.

    `records` says of each further append-only table what was written up to `recorded_until`:
    {"oversight_auditevent": {"columns": [...], "rows": 12, "sha256": "<hex>"}, ...}.
    """

    day = models.OneToOneField(BusinessDay, on_delete=models.PROTECT, primary_key=True, db_column="day")
    last_transfer_id = models.BigIntegerField()
    transfers = models.BigIntegerField()
    sums = models.JSONField()
    recorded_until = models.DateTimeField()
    records = models.JSONField()
    ledger_sha256 = models.BinaryField(max_length=32)
    coverage_sha256 = models.BinaryField(max_length=32)
    previous_sha256 = models.BinaryField(max_length=32)
    sha256 = models.BinaryField(max_length=32)
    sealed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-day_id"]
        constraints = [append_only("ledger_seal_append_only")]

    def __str__(self) -> str:
        return f"{self.day_id}: {bytes(self.sha256).hex()}"


class AccountSnapshot(models.Model):
    """Debits and credits of an account up to and with the last transfer of `day`. Append-only."""

    pk = models.CompositePrimaryKey("account_id", "day")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="snapshots", db_index=False)
    day = models.DateField()
    last_transfer_id = models.BigIntegerField()
    debits = columns.amount()
    credits = columns.amount()

    class Meta:
        constraints = [append_only("ledger_snapshot_append_only")]

    def __str__(self) -> str:
        return f"{self.account_id} at the end of {self.day}"


class Fund(models.Model):
    """What a product's or offer's investors put in, what of it is at work, and what is lost and not made good."""

    pk = models.CompositePrimaryKey("scope", "currency_id")
    scope = models.CharField(max_length=64)
    currency = models.ForeignKey(Currency, on_delete=models.PROTECT, related_name="+", db_index=False)
    principal = columns.amount(default=Decimal(0), db_default=Decimal(0))
    deployed = columns.amount(default=Decimal(0), db_default=Decimal(0))
    shortfall = columns.amount(default=Decimal(0), db_default=Decimal(0))

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(principal__gte=0, deployed__gte=0, shortfall__gte=0), name="ledger_fund_sums"
            ),
            models.CheckConstraint(
                condition=Q(principal__gte=F("deployed") + F("shortfall")), name="ledger_fund_covers"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} [{self.currency_id}]"

    @property
    def free(self) -> Decimal:
        """Principal that lies in the bank: what may leave or be put to work."""
        return self.principal - self.deployed - self.shortfall
