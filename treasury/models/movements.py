"""What the treasury did: one row for each posting, with its counterparty, evidence and approval."""

from __future__ import annotations

from datetime import date
from typing import Final

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from core import columns
from core.guards import append_only, stamped
from treasury import rules
from treasury.models.assets import Asset


class Verb(models.TextChoices):
    """What finance does with money; each is a request and an approval."""

    DEPLOY = "deploy", "Put client money to work"
    DIVEST = "divest", "Capital came back from an asset"
    RECORD_INCOME = "record_income", "Income from an asset"
    PAY_IN_CAPITAL = "pay_in_capital", "The firm pays in capital"
    TAKE_OUT_CAPITAL = "take_out_capital", "The firm takes out capital"
    FUND_POOL = "fund_pool", "Firm capital into a returns pool"
    RELEASE_POOL = "release_pool", "Surplus out of a returns pool"
    WRITE_DOWN = "write_down", "Loss on an asset"
    WRITE_UP = "write_up", "Loss on an asset recovered"
    MAKE_GOOD = "make_good", "The firm makes a shortfall good"
    SWEEP_FEES = "sweep_fees", "The firm's fees leave the client bank"
    PROVIDER_COST = "provider_cost", "Charge of a bank or provider"
    CASH_MOVE = "cash_move", "Money moves between banks and providers"
    BANK_INTEREST = "bank_interest", "Interest on client accounts"
    SUSPENSE_ALLOT = "suspense_allot", "Unmatched money allotted to an investor"
    SUSPENSE_RETURN = "suspense_return", "Unmatched money sent back"
    GOODWILL = "goodwill", "Goodwill to an investor"
    CORRECTION = "correction", "A mistaken credit taken back"
    CASH_MISSING = "cash_missing", "The bank has less than the books"
    CASH_SURPLUS = "cash_surplus", "The bank has more than the books"
    REVERSE = "reverse", "Reversal of a treasury posting"


class Relation(models.TextChoices):
    """How a counterparty stands to the firm; anything but the first is published as related."""

    UNRELATED = "unrelated", "unrelated"
    OWNER = "owner", "owner or parent"
    GROUP = "group", "same group"
    MANAGEMENT = "management", "director, officer or their family"
    FIRM = "firm", "the firm itself"


NAMES_COUNTERPARTY: Final = (
    Verb.DEPLOY,
    Verb.DIVEST,
    Verb.RECORD_INCOME,
    Verb.PAY_IN_CAPITAL,
    Verb.TAKE_OUT_CAPITAL,
)


class TreasuryMovementQuerySet(models.QuerySet["TreasuryMovement"]):
    """Questions over movements."""

    def standing(self, *, on: date | None = None) -> TreasuryMovementQuerySet:
        """Return what was booked up to `on` and was not reversed up to then, without the reversals themselves."""
        rows = self.filter(reverses__isnull=True)
        if on is None:
            return rows.filter(reversed_by__isnull=True)
        return rows.filter(booked_on__lte=on).exclude(reversed_by__booked_on__lte=on)


class TreasuryMovement(models.Model):
    """One posting of the treasury. The amount is positive; `reverses` names the row that a reversal undoes."""

    id = columns.identifier()
    verb = models.CharField(max_length=20, choices=Verb.choices)
    transaction = models.OneToOneField("ledger.Transaction", on_delete=models.PROTECT, related_name="treasury_movement")
    request = models.OneToOneField("oversight.ApprovalRequest", on_delete=models.PROTECT, related_name="+")
    evidence = models.ForeignKey("ledger.Evidence", on_delete=models.PROTECT, related_name="treasury_movements")
    amount = columns.amount()
    currency = models.ForeignKey("ledger.Currency", on_delete=models.PROTECT, related_name="+")
    scope = models.CharField(max_length=64, blank=True)
    cash = models.CharField(max_length=64, blank=True)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, null=True, related_name="movements")
    investor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    counterparty_name = models.CharField(max_length=140, blank=True)
    counterparty_country = models.CharField(max_length=2, blank=True)
    counterparty_relation = models.CharField(max_length=12, blank=True, choices=Relation.choices)
    reason = models.CharField(max_length=500)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    booked_on = models.DateField()
    recorded_at = columns.recorded_at()
    reverses = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="reversed_by")

    objects = TreasuryMovementQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "movement"
        default_permissions = ("view",)
        permissions = [
            ("request_movement", "Can ask for a treasury movement"),
            ("approve_movement", "Can approve a treasury movement"),
            ("request_reversal", "Can ask for a treasury posting to be reversed"),
            ("approve_reversal", "Can approve that a treasury posting is reversed"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="treasury_movement_amount"),
            models.CheckConstraint(condition=~Q(requested_by=F("approved_by")), name="treasury_movement_four_eyes"),
            models.CheckConstraint(
                condition=~Q(verb__in=[str(verb) for verb in NAMES_COUNTERPARTY])
                | (
                    ~Q(counterparty_name="")
                    & Q(counterparty_country__regex=r"^[A-Z]{2}$")
                    & Q(counterparty_relation__in=Relation.values)
                ),
                name="treasury_movement_counterparty",
            ),
            models.CheckConstraint(
                condition=Q(verb="reverse", reverses__isnull=False) | (~Q(verb="reverse") & Q(reverses__isnull=True)),
                name="treasury_movement_reversal",
            ),
            append_only("treasury_movement_append_only"),
            stamped("treasury_movement_stamped"),
        ]
        indexes = [
            models.Index(fields=["asset", "verb"], name="treasury_movement_asset"),
            models.Index(fields=["scope", "verb"], name="treasury_movement_scope"),
            BrinIndex(fields=["recorded_at"], name="treasury_movement_recorded"),
        ]

    def __str__(self) -> str:
        return f"{self.get_verb_display()}: {rules.plain(self.amount)} {self.currency_id}"

    @property
    def is_related(self) -> bool:
        """Say whether the counterparty has to do with the firm."""
        return self.counterparty_relation not in ("", Relation.UNRELATED)
