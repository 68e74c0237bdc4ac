"""What is done for all investors of a closed offer at once, and each one's share of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from core import columns
from core.guards import Guard, append_only, stamped
from ledger import amounts
from offers.models.investments import OfferInvestment
from offers.models.offers import Offer


class OfferDeed(models.Model):
    """A distribution of income or a loss, approved by two persons and shared pro rata of the principal. Append-only.

    `principal` is what stood at work when it was shared, or what was put in where nothing of it is left; `request` the
    approval.
    """

    class Verb(models.TextChoices):
        DISTRIBUTE = "distribute", "distribution"
        LOSE = "lose", "loss"

    id = columns.identifier()
    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="deeds")
    verb = models.CharField(max_length=10, choices=Verb.choices)
    amount = columns.amount()
    principal = columns.amount()
    investments = models.PositiveIntegerField(help_text="among which it was shared")
    request = models.UUIDField(unique=True)
    reserve = models.UUIDField(null=True, blank=True, unique=True, help_text="what took it from the pool")
    value_on = models.DateField()
    made_at = models.DateTimeField()
    recorded_at = columns.recorded_at()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0, principal__gt=0, investments__gt=0), name="offers_deed_amounts"
            ),
            models.CheckConstraint(
                condition=Q(verb="distribute", reserve__isnull=False) | Q(verb="lose", reserve__isnull=True),
                name="offers_deed_verb",
            ),
            append_only("offers_deed_append_only"),
            stamped("offers_deed_stamped"),
        ]

    def __str__(self) -> str:
        return f"{self.get_verb_display()} of {amounts.show(self.amount, self.offer.currency)}"


class OfferShare(models.Model):
    """What one investment got of a deed, or bore; nothing is no row. Append-only.

    Its guard asks once for all rows of a statement what foreign keys would ask for each, and that deed and investment
    are of one offer; neither can be deleted.
    """

    pk = models.CompositePrimaryKey("deed_id", "investment_id")
    deed = models.ForeignKey(
        OfferDeed, on_delete=models.PROTECT, related_name="shares", db_constraint=False, db_index=False
    )
    investment = models.ForeignKey(
        OfferInvestment, on_delete=models.PROTECT, related_name="shares", db_constraint=False
    )
    amount = columns.amount()

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="offers_share_amount"),
            append_only("offers_share_append_only"),
            Guard(
                name="offers_share_stands",
                event="AFTER INSERT",
                referencing="REFERENCING NEW TABLE AS new_rows",
                body="""
BEGIN
    IF EXISTS (
        SELECT FROM new_rows n
        LEFT JOIN offers_offerdeed d ON d.id = n.deed_id
        LEFT JOIN offers_offerinvestment i ON i.id = n.investment_id
        WHERE d.offer_id IS DISTINCT FROM i.offer_id OR d.id IS NULL)
    THEN
        RAISE EXCEPTION 'no-deed: a share is of a deed and of an investment in the same offer' USING ERRCODE = 'FI019';
    END IF;
    RETURN NULL;
END
""",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount:f} of {self.deed_id}"
