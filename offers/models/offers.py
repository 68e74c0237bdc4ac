"""An offer: what is open to investors, up to a cap, until a deadline."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from core import columns
from core.guards import Guard
from offers.terms import CODE, DRAFTED, LIVING

_MOVING = (*LIVING, "status", "committed_amount", "published_at", "closed_on", "ended_on")
_FIXED = ("id", "code", *(name for name in DRAFTED if name not in LIVING))
"""What an update must name for the guard to look: counting a reservation, under everybody's lock, doesn't wake it."""


class OfferQuerySet(models.QuerySet["Offer"]):
    """Questions over offers."""

    def lock(self, offer_id: object) -> Offer:
        """Lock one offer until the transaction ends: whoever changes what is committed comes through here."""
        return self.select_for_update(no_key=True, of=("self",)).get(pk=offer_id)

    def taking_money_on(self, day: date) -> OfferQuerySet:
        """Live offers whose deadline isn't over."""
        return self.filter(status=Offer.Status.LIVE, deadline__gte=day)

    def gathering(self) -> OfferQuerySet:
        """Offers that still gather money: live or paused."""
        return self.filter(status__in=[Offer.Status.LIVE, Offer.Status.PAUSED])

    def once_closed(self) -> OfferQuerySet:
        """Offers that have closed, whether or not they have ended since."""
        return self.filter(closed_on__isnull=False)

    def over_by(self, day: date) -> OfferQuerySet:
        """Open offers whose deadline this day is, or was."""
        return self.gathering().filter(deadline__lte=day)

    def maturing_by(self, day: date) -> OfferQuerySet:
        """Closed offers that mature on this day, or should have."""
        return self.filter(status=Offer.Status.CLOSED, maturity_date__lte=day)


class Offer(models.Model):
    """A capped offer. Amounts are in its currency, `expected_return` is a fraction on the terms of `return_basis`.

    `target` is what must have come by the deadline where `funding` is all or nothing. Of a published offer only
    LIVING changes; `committed_amount` is what its investors have reserved or committed, held in step under its lock.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        LIVE = "live"
        PAUSED = "paused"
        CLOSED = "closed"
        MATURED = "matured"
        FAILED = "failed"

    MOVES: ClassVar[dict[str, set[str]]] = {
        Status.DRAFT: {Status.LIVE},
        Status.LIVE: {Status.PAUSED, Status.CLOSED, Status.FAILED},
        Status.PAUSED: {Status.LIVE, Status.CLOSED, Status.FAILED},
        Status.CLOSED: {Status.MATURED, Status.FAILED},
    }

    class Funding(models.TextChoices):
        ALL_OR_NOTHING = "all_or_nothing", "all or nothing"
        KEEP_WHAT_CAME = "keep_what_came", "keep what came"

    id = columns.identifier()
    code = models.CharField(
        max_length=40,
        unique=True,
        validators=[RegexValidator(CODE, "A code has small letters, digits and hyphens, and begins with no hyphen.")],
    )
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.DRAFT)
    name = models.CharField(max_length=120)
    description = models.TextField(help_text="a text without legal effect: what has one stands in the disclosure")
    currency = models.CharField(max_length=8)
    max_amount = columns.amount(help_text="the cap")
    committed_amount = columns.amount(default=Decimal(0), editable=False)
    minimum_ticket = columns.amount(help_text="the least that one investment asks for")
    maximum_ticket = columns.amount(null=True, blank=True, help_text="the most that one investor holds; empty: the cap")
    target = columns.amount(help_text="what must have come by the deadline, where it is all or nothing")
    funding = models.CharField(max_length=14, choices=Funding.choices)
    deadline = models.DateField(help_text="the last day on which it takes money")
    maturity_date = models.DateField(help_text="the day on which principal is repaid")
    expected_return = columns.fraction(help_text="0.08 is 8 %: expected, never promised")
    return_basis = models.CharField(max_length=200, help_text="of what, over which time, before or after which costs")
    risk_class = models.PositiveSmallIntegerField(help_text="1, the lowest, to 7")
    kyc_level = models.PositiveSmallIntegerField(default=1)
    disclosure = models.TextField(help_text="the key information sheet")
    disclosure_version = models.CharField(max_length=40)
    metadata = models.JSONField(default=dict, blank=True)
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    closed_on = models.DateField(null=True, blank=True, editable=False)
    ended_on = models.DateField(null=True, blank=True, editable=False, help_text="the day it matured or failed")

    objects: ClassVar[OfferQuerySet] = OfferQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [
            ("draft_offer", "Can draft offers and edit drafts"),
            ("request_publication", "Can ask for an offer to be published"),
            ("approve_publication", "Can approve that an offer is published"),
            ("steer_offer", "Can pause, resume and close offers, and change their cap and description"),
            ("request_deed", "Can ask for a distribution, a loss or a failure"),
            ("approve_deed", "Can approve a distribution, a loss or a failure"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=CODE), name="offers_offer_code"),
            models.CheckConstraint(
                condition=Q(committed_amount__gte=0, committed_amount__lte=F("max_amount")),
                name="offers_offer_cap",
                violation_error_code="max_amount",
                violation_error_message="The cap can't be less than what is committed.",
            ),
            # The cap of a published offer may come down to what is committed, so a draft alone has room for a ticket.
            models.CheckConstraint(
                condition=Q(minimum_ticket__gt=0)
                & (Q(minimum_ticket__lte=F("max_amount")) | ~Q(status="draft"))
                & (Q(maximum_ticket__isnull=True) | Q(maximum_ticket__gte=F("minimum_ticket"))),
                name="offers_offer_tickets",
                violation_error_code="minimum_ticket",
                violation_error_message="The least ticket is above nothing, at most the cap and the greatest ticket.",
            ),
            models.CheckConstraint(
                condition=Q(target__gt=0)
                & (
                    Q(target__lte=F("max_amount"))
                    | Q(funding="keep_what_came") & ~Q(status="draft")
                    | ~Q(status__in=["draft", "live", "paused"])
                ),
                name="offers_offer_target",
                violation_error_code="target",
                violation_error_message="The target is above nothing and at most the cap.",
            ),
            models.CheckConstraint(
                condition=Q(maturity_date__gt=F("deadline")),
                name="offers_offer_dates",
                violation_error_code="maturity_date",
                violation_error_message="It matures after its deadline.",
            ),
            models.CheckConstraint(
                condition=Q(risk_class__gte=1, risk_class__lte=7),
                name="offers_offer_risk",
                violation_error_code="risk_class",
                violation_error_message="A risk class is from 1 to 7.",
            ),
            models.CheckConstraint(
                condition=Q(funding__in=["all_or_nothing", "keep_what_came"]), name="offers_offer_funding"
            ),
            models.CheckConstraint(
                condition=Q(status="draft", published_at__isnull=True, committed_amount=0)
                | Q(status__in=["live", "paused"], published_at__isnull=False, closed_on__isnull=True)
                | Q(status="closed", closed_on__isnull=False, ended_on__isnull=True)
                | Q(status="matured", closed_on__isnull=False, ended_on__isnull=False)
                | Q(status="failed", ended_on__isnull=False),
                name="offers_offer_status",
            ),
            Guard(
                name="offers_offer_is_fixed",
                event=f"BEFORE UPDATE OF {', '.join(_FIXED)}, closed_on OR DELETE",
                level="ROW",
                body=f"""
BEGIN
    IF TG_OP = 'DELETE' OR OLD.code <> NEW.code
       OR OLD.closed_on IS NOT NULL AND OLD.closed_on IS DISTINCT FROM NEW.closed_on
       OR OLD.status <> 'draft' AND to_jsonb(OLD) - ARRAY[{", ".join(f"'{name}'" for name in _MOVING)}]
          IS DISTINCT FROM to_jsonb(NEW) - ARRAY[{", ".join(f"'{name}'" for name in _MOVING)}] THEN
        RAISE EXCEPTION 'frozen: the terms of a published offer stay; anything else is a new offer'
            USING ERRCODE = 'FI002';
    END IF;
    RETURN NEW;
END
""",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def scope(self) -> str:
        """The scope of its principal, pool, due, deployed and fund in the ledger."""
        return f"offer:{self.code}"

    @property
    def has_closed(self) -> bool:
        """Whether it ever closed, so that its money went to the treasury; once it has, it has for ever."""
        return self.closed_on is not None

    @property
    def remaining(self) -> Decimal:
        return self.max_amount - self.committed_amount

    @property
    def is_all_or_nothing(self) -> bool:
        return self.funding == self.Funding.ALL_OR_NOTHING

    @property
    def is_funded(self) -> bool:
        """Whether what came is enough to close: the target where it is all or nothing, else anything at all."""
        needed = self.target if self.is_all_or_nothing else Decimal(0)
        return self.committed_amount > 0 and self.committed_amount >= needed

    def takes_money_on(self, day: date) -> bool:
        """Whether it is live and its deadline isn't over."""
        return self.status == self.Status.LIVE and day <= self.deadline
