"""Distributions and losses, with each investor's share."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from ledger.admin.shown import money
from offers.models import OfferDeed
from oversight.console import ReadOnlyAdmin, label, lines, link_to
from oversight.console.shown import and_more
from oversight.models import ApprovalRequest

SHARES_SHOWN = 50
LABELS = {"distribute": "success", "lose": "danger"}


@admin.register(OfferDeed)
class OfferDeedAdmin(ReadOnlyAdmin):
    """What was shared among the investors of an offer; a row never changes."""

    list_display = ("offer", "show_verb", "show_amount", "show_principal", "investments", "made_at")
    list_filter = ("verb", "offer")
    ordering = ("-id",)
    fields = (
        "offer",
        "say_verb",
        "show_amount",
        "show_principal",
        "investments",
        "show_request",
        "value_on",
        "made_at",
        "show_shares",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[OfferDeed]:
        return super().get_queryset(request).select_related("offer")

    @display(description="verb", label=LABELS, ordering="verb")
    def show_verb(self, row: OfferDeed) -> tuple[str, str]:
        return row.verb, row.get_verb_display()

    @display(description="verb")
    def say_verb(self, row: OfferDeed) -> SafeString:
        return label(row.get_verb_display(), LABELS[row.verb])

    @display(description="amount", ordering="amount")
    def show_amount(self, row: OfferDeed) -> str:
        return money(row.amount, row.offer.currency)

    @display(description="principal")
    def show_principal(self, row: OfferDeed) -> str:
        return money(row.principal, row.offer.currency)

    @display(description="approved in")
    def show_request(self, row: OfferDeed) -> SafeString:
        asked = ApprovalRequest.objects.select_related("requested_by").get(pk=row.request)
        link = link_to("oversight.approvalrequest", str(asked.pk), asked.title)
        return format_html("{}, asked by {}", link, asked.requested_by)

    @display(description="shares")
    def show_shares(self, row: OfferDeed) -> SafeString:
        shares = row.shares.select_related("investment__investor").order_by("investment_id")[:SHARES_SHOWN]
        told = [
            (
                link_to("offers.offerinvestment", str(share.investment_id), str(share.investment.investor)),
                money(share.amount, row.offer.currency),
            )
            for share in shares
        ]
        return lines([*told, *and_more(row.shares.count(), told)])
