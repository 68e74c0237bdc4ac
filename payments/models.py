"""Deposits, the bank credits that pay them, and the methods that the platform offers."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from api.models import KeyedRow
from core import columns
from core.guards import only_columns_move
from ledger.models import Currency, Evidence
from payments import rules


def new_reference() -> str:
    """Draw a payment reference; the unique constraint answers for the one in 10^12 that is taken."""
    return rules.payment_reference(secrets.randbelow(rules.REFERENCES))


class PaymentMethodQuerySet(models.QuerySet["PaymentMethod"]):
    """Questions over the ways in and out."""

    def offered(self) -> PaymentMethodQuerySet:
        return self.filter(is_active=True)

    def into(self) -> PaymentMethodQuerySet:
        return self.offered().filter(direction=PaymentMethod.Direction.IN)

    def for_country(self, country: str) -> PaymentMethodQuerySet:
        """Methods for people of this country: those that name it, and those that name none."""
        return self.filter(Q(countries=[]) | Q(countries__contains=[country]))


class PaymentMethod(models.Model):
    """A way in or out, for one currency. Loaded from `settings.PAYMENT_METHODS_FILE` on migrate, as the owner's role.

    The application's role can't write it: nobody who gets hold of the console can send investors' money to a bank
    account of his own. `cash_scope` names the ledger's cash account that the money reaches.
    """

    class Direction(models.TextChoices):
        IN = "in", "in"
        OUT = "out", "out"

    class Code(models.TextChoices):
        BANK_TRANSFER = "bank_transfer", "bank transfer"

    id = columns.identifier()
    code = models.CharField(max_length=32, choices=Code.choices)
    direction = models.CharField(max_length=3, choices=Direction.choices)
    currency = models.ForeignKey(Currency, on_delete=models.PROTECT, related_name="+")
    countries = ArrayField(models.CharField(max_length=2), default=list, blank=True, help_text="none: everywhere")
    name = models.CharField(max_length=80)
    minimum = columns.amount()
    maximum = columns.amount()
    fee = columns.amount(default=Decimal(0))
    cash_scope = models.CharField(max_length=32)
    expires_days = models.PositiveSmallIntegerField(default=14)
    instructions = models.JSONField(default=dict, help_text="what the investor writes on the transfer")
    is_active = models.BooleanField(default=True)

    objects: ClassVar[models.Manager[PaymentMethod]] = PaymentMethodQuerySet.as_manager()

    class Meta:
        ordering = ["code", "currency", "direction"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["code", "direction", "currency"], name="payments_method_is_one"),
            models.CheckConstraint(
                condition=Q(minimum__gt=0, maximum__gte=F("minimum"), fee__gte=0), name="payments_method_amounts"
            ),
            models.CheckConstraint(condition=~Q(cash_scope=""), name="payments_method_cash_scope"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.currency_id}, {self.direction})"


class DepositQuerySet(models.QuerySet["Deposit"]):
    """Questions over deposits."""

    def lock(self, deposit_id: UUID) -> Deposit:
        """Lock one deposit until the transaction ends."""
        return self.select_for_update(of=("self",), no_key=True).get(pk=deposit_id)

    def owned_by(self, investor: models.Model) -> DepositQuerySet:
        return self.filter(investor_id=investor.pk)

    def newest_first(self) -> DepositQuerySet:
        return self.order_by("-id")

    def waiting(self) -> DepositQuerySet:
        """Deposits whose money is expected."""
        return self.filter(status__in=[Deposit.Status.INITIATED, Deposit.Status.PENDING])

    def payable(self) -> DepositQuerySet:
        """Deposits that money may still confirm, late money included."""
        return self.filter(status__in=Deposit.PAYABLE)

    def overdue(self, now: datetime) -> DepositQuerySet:
        return self.waiting().filter(expires_at__lt=now)

    def lock_some(self, count: int) -> DepositQuerySet:
        """Lock the first of these by primary key; those that somebody else holds are left for the next time."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True, skip_locked=True)[:count]


class Deposit(KeyedRow):
    """Money that an investor says will come, and what then came.

    `amount` is what was asked, `arrived_amount` what was credited. A bank transfer is `pending` from the start;
    `initiated` is for methods where a provider has to be called first.
    """

    class Status(models.TextChoices):
        INITIATED = "initiated", "initiated"
        PENDING = "pending", "pending"
        CONFIRMED = "confirmed", "confirmed"
        FAILED = "failed", "failed"
        EXPIRED = "expired", "expired"
        REFUNDED = "refunded", "refunded"
        DISPUTED = "disputed", "disputed"
        CHARGED_BACK = "charged_back", "charged back"

    # Confirmed to failed is the reversal of a booking that was wrong; the right money may confirm it again.
    MOVES: ClassVar[Mapping[str, set[str]]] = {
        Status.INITIATED: {Status.PENDING, Status.CONFIRMED, Status.FAILED, Status.EXPIRED},
        Status.PENDING: {Status.CONFIRMED, Status.FAILED, Status.EXPIRED},
        Status.FAILED: {Status.CONFIRMED},
        Status.EXPIRED: {Status.CONFIRMED},
        Status.CONFIRMED: {Status.REFUNDED, Status.DISPUTED, Status.FAILED},
        Status.DISPUTED: {Status.CONFIRMED, Status.CHARGED_BACK},
        Status.REFUNDED: set(),
        Status.CHARGED_BACK: set(),
    }
    PAYABLE: ClassVar[tuple[str, ...]] = (Status.INITIATED, Status.PENDING, Status.FAILED, Status.EXPIRED)

    id = columns.identifier()
    investor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="deposits")
    method = models.ForeignKey(PaymentMethod, on_delete=models.PROTECT, related_name="+")
    currency = models.ForeignKey(Currency, on_delete=models.PROTECT, related_name="+")
    amount = columns.amount()
    reference = models.CharField(max_length=10, unique=True, default=new_reference, editable=False)
    position_id = models.UUIDField(null=True, editable=False, help_text="the position that this money is for")
    position_refusal = models.CharField(max_length=64, blank=True, default="", editable=False)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PENDING)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    arrived_amount = columns.amount(null=True)
    value_on = models.DateField(null=True, help_text="the bank's value date of the credit")
    confirmed_at = models.DateTimeField(null=True)
    transaction_id = models.UUIDField(null=True, help_text="the ledger's transaction that credited the wallet")

    objects: ClassVar[models.Manager[Deposit]] = DepositQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [
            ("request_deposit_confirmation", "Can record that a deposit's bank credit arrived"),
            ("approve_deposit_confirmation", "Can approve that a deposit's bank credit arrived"),
            ("request_deposit_reversal", "Can ask for a deposit's booking to be reversed"),
            ("approve_deposit_reversal", "Can approve that a deposit's booking is reversed"),
        ]
        constraints = [
            *KeyedRow.key_constraints("payments_deposit", owner="investor"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payments_deposit_amount"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="payments_deposit_expires_later"),
            models.CheckConstraint(
                condition=Q(
                    status__in=["confirmed", "refunded", "disputed", "charged_back"],
                    arrived_amount__gt=0,
                    confirmed_at__isnull=False,
                    transaction_id__isnull=False,
                )
                | Q(
                    status__in=["initiated", "pending", "failed", "expired"],
                    arrived_amount__isnull=True,
                    confirmed_at__isnull=True,
                    transaction_id__isnull=True,
                ),
                name="payments_deposit_credited_iff_confirmed",
            ),
            models.UniqueConstraint(fields=["transaction_id"], name="payments_deposit_one_per_transaction"),
            only_columns_move(
                "payments_deposit_only_its_course_moves",
                "status",
                "arrived_amount",
                "value_on",
                "confirmed_at",
                "transaction_id",
                "position_refusal",
            ),
        ]
        indexes = [
            models.Index(fields=["investor", "-id"], name="payments_deposit_of_investor"),
            models.Index(
                fields=["expires_at"], condition=Q(status__in=["initiated", "pending"]), name="payments_deposit_expiry"
            ),
        ]

    def __str__(self) -> str:
        return self.shown_reference

    @property
    def shown_reference(self) -> str:
        return rules.show_reference(self.reference)

    @property
    def is_payable(self) -> bool:
        """Money may still confirm it."""
        return self.status in self.PAYABLE

    @property
    def asked(self) -> rules.Arrival:
        """What it asked for, as the bank credit that pays it would look."""
        return rules.Arrival(self.amount, self.currency_id)


class BankCreditQuerySet(models.QuerySet["BankCredit"]):
    """Questions over credits."""

    def lock(self, credit_id: UUID) -> BankCredit:
        """Lock one credit until the transaction ends."""
        return self.select_for_update(of=("self",), no_key=True).get(pk=credit_id)

    def held(self) -> BankCreditQuerySet:
        """Credits that lie in suspense."""
        return self.filter(status=BankCredit.Status.HELD)

    def standing(self) -> BankCreditQuerySet:
        """Credits whose booking wasn't reversed."""
        return self.exclude(status=BankCredit.Status.REVERSED)


class BankCredit(models.Model):
    """A credit on the bank's statement, as two officers booked it; `evidence` is its document and bank reference.

    `deposit` is the deposit that it is for; while it is held, only what the payer wrote.
    """

    class Status(models.TextChoices):
        HELD = "held", "in suspense"
        CREDITED = "credited", "credited"
        RETURNED = "returned", "sent back"
        REVERSED = "reversed", "reversed"

    MOVES: ClassVar[Mapping[str, set[str]]] = {
        Status.HELD: {Status.CREDITED, Status.RETURNED, Status.REVERSED},
        Status.CREDITED: {Status.HELD, Status.REVERSED},
        Status.RETURNED: set(),
        Status.REVERSED: set(),
    }

    id = columns.identifier()
    cash_scope = models.CharField(max_length=32)
    bank_reference = models.CharField(max_length=100)
    currency = models.ForeignKey(Currency, on_delete=models.PROTECT, related_name="+")
    amount = columns.amount()
    value_on = models.DateField(null=True)
    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="+")
    deposit = models.ForeignKey(Deposit, on_delete=models.PROTECT, null=True, related_name="credits")
    status = models.CharField(max_length=10, choices=Status.choices)
    booked_at = models.DateTimeField()
    transaction_id = models.UUIDField(unique=True, help_text="the ledger's transaction that took it in")
    moved_by_transaction_id = models.UUIDField(null=True, help_text="the one that took it out of suspense")

    objects: ClassVar[models.Manager[BankCredit]] = BankCreditQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [
            ("request_suspense", "Can ask for a credit to be put into, allotted or sent back from suspense"),
            ("approve_suspense", "Can approve what goes into and leaves suspense"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["cash_scope", "bank_reference"],
                condition=~Q(status="reversed"),
                name="payments_credit_one_per_reference",
            ),
            models.UniqueConstraint(
                fields=["deposit"], condition=Q(status="credited"), name="payments_credit_one_per_deposit"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payments_credit_amount"),
            models.CheckConstraint(
                condition=Q(status__in=["held", "credited", "returned", "reversed"]), name="payments_credit_status"
            ),
            models.CheckConstraint(
                condition=~Q(status="credited") | Q(deposit__isnull=False), name="payments_credit_pays_a_deposit"
            ),
            models.CheckConstraint(
                condition=~Q(status="returned") | Q(moved_by_transaction_id__isnull=False),
                name="payments_credit_returned_by_a_transaction",
            ),
            only_columns_move(
                "payments_credit_only_its_course_moves", "status", "deposit_id", "moved_by_transaction_id"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.cash_scope}: {self.bank_reference}"
