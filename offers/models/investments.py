"""What one investor asked for of an offer, and what was accepted."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Sum

from api.models import KeyedRow
from core import columns
from core.guards import Guard
from offers.models.offers import Offer


class OfferInvestmentQuerySet(models.QuerySet["OfferInvestment"]):
    """Questions over investments; whoever writes holds the offer's lock."""

    def owned_by(self, investor: models.Model) -> OfferInvestmentQuerySet:
        return self.filter(investor_id=investor.pk)

    def of(self, offer: Offer) -> OfferInvestmentQuerySet:
        return self.filter(offer_id=offer.pk)

    def in_line(self) -> OfferInvestmentQuerySet:
        """The waiting list, first come first."""
        return self.filter(status=OfferInvestment.Status.WAITING).order_by("id")

    def due_a_place(self) -> OfferInvestmentQuerySet:
        """Who waits although something is free."""
        return self.in_line().filter(
            offer__status=Offer.Status.LIVE, offer__committed_amount__lt=F("offer__max_amount")
        )

    def holding(self) -> OfferInvestmentQuerySet:
        """What takes a place in the offer: reserved or committed."""
        return self.filter(status__in=[OfferInvestment.Status.RESERVED, OfferInvestment.Status.COMMITTED])

    def under_way(self) -> OfferInvestmentQuerySet:
        """What holds a place in the offer, or waits for one."""
        return self.filter(
            status__in=[
                OfferInvestment.Status.WAITING,
                OfferInvestment.Status.RESERVED,
                OfferInvestment.Status.COMMITTED,
            ]
        )

    def reflecting(self, now: datetime) -> OfferInvestmentQuerySet:
        """What its investor may still take back."""
        return self.filter(status=OfferInvestment.Status.RESERVED, reflects_until__gt=now)

    def accepted(self) -> Decimal:
        """The sum of what was accepted."""
        return self.aggregate(sum=Sum("accepted_amount"))["sum"] or Decimal(0)


class OfferInvestment(KeyedRow):
    """An investment: requested and accepted amount, kept for ever with the request that made it.

    `operation_id` is the ledger transaction that reserved the money, `principal` what of it is still at work for the
    investor: it begins when the offer closes, falls with each loss, and ends when it is repaid.
    """

    class Status(models.TextChoices):
        WAITING = "waiting"
        RESERVED = "reserved"
        LAPSED = "lapsed"
        WITHDRAWN = "withdrawn"
        RELEASED = "released"
        COMMITTED = "committed"
        REPAID = "repaid"

    MOVES: ClassVar[dict[str, set[str]]] = {
        Status.WAITING: {Status.RESERVED, Status.LAPSED},
        Status.RESERVED: {Status.WITHDRAWN, Status.RELEASED, Status.COMMITTED},
        Status.COMMITTED: {Status.REPAID},
    }

    id = columns.identifier()
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="investments", db_index=False)
    investor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="offer_investments", db_index=False
    )
    status = models.CharField(max_length=9, choices=Status.choices)
    requested_amount = columns.amount()
    accepted_amount = columns.amount(default=Decimal(0))
    principal = columns.amount(default=Decimal(0))
    disclosure_version = models.CharField(max_length=40)
    operation_id = models.UUIDField(null=True, blank=True, unique=True, help_text="the ledger transaction")
    asked_at = models.DateTimeField()
    reserved_at = models.DateTimeField(null=True, blank=True)
    reflects_until = models.DateTimeField(null=True, blank=True, help_text="until then it may be taken back")
    ended_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[OfferInvestmentQuerySet] = OfferInvestmentQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["offer", "id"], name="offers_investment_offer"),
            models.Index(fields=["investor", "-id"], name="offers_investment_owner"),
            models.Index(fields=["offer", "id"], condition=Q(status="waiting"), name="offers_investment_line"),
            models.Index(
                fields=["investor", "offer"],
                condition=Q(status__in=["reserved", "committed"]),
                include=["accepted_amount"],
                name="offers_investment_held",
            ),
        ]
        constraints = [
            *KeyedRow.key_constraints("offers_investment", owner="investor"),
            models.UniqueConstraint(
                fields=["offer", "investor"], condition=Q(status="waiting"), name="offers_investment_waits_once"
            ),
            models.CheckConstraint(
                condition=Q(
                    requested_amount__gt=0,
                    accepted_amount__gte=0,
                    accepted_amount__lte=F("requested_amount"),
                    principal__gte=0,
                    principal__lte=F("accepted_amount"),
                ),
                name="offers_investment_amounts",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "lapsed"], operation_id__isnull=True, accepted_amount=0)
                | Q(
                    status__in=["reserved", "withdrawn", "released", "committed", "repaid"],
                    operation_id__isnull=False,
                    accepted_amount__gt=0,
                    reserved_at__isnull=False,
                    reflects_until__isnull=False,
                ),
                name="offers_investment_status",
            ),
            models.CheckConstraint(
                condition=Q(status="committed") | Q(principal=0), name="offers_investment_principal"
            ),
            Guard(
                name="offers_investment_is_fixed",
                event="BEFORE UPDATE OR DELETE",
                level="ROW",
                body="""
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.id, NEW.offer_id, NEW.investor_id, NEW.requested_amount, NEW.asked_at)
       IS DISTINCT FROM (OLD.id, OLD.offer_id, OLD.investor_id, OLD.requested_amount, OLD.asked_at)
       OR OLD.operation_id IS NOT NULL AND (NEW.operation_id, NEW.accepted_amount)
          IS DISTINCT FROM (OLD.operation_id, OLD.accepted_amount) THEN
        RAISE EXCEPTION 'frozen: what was asked for and what was accepted stay as they were' USING ERRCODE = 'FI002';
    END IF;
    RETURN NEW;
END
""",
            ),
        ]

    def __str__(self) -> str:
        return f"investment {str(self.pk)[-12:]}"

    @property
    def ledger_subject(self) -> str:
        """The subject of its principal account."""
        return str(self.pk)

    @property
    def offer_currency(self) -> str:
        return self.offer.currency

    @property
    def below_minimum(self) -> bool:
        """Whether a remainder below the minimum ticket was accepted."""
        return 0 < self.accepted_amount < self.offer.minimum_ticket

    def may_withdraw(self, now: datetime) -> bool:
        """Whether the reflection period still runs."""
        return self.status == self.Status.RESERVED and self.reflects_until is not None and now < self.reflects_until
