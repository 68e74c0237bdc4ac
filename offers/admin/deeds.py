"""Distributions and losses, with each investor's share."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from ledger.admin.shown import money
from offers.models import OfferDeed
from oversight.console import ReadOnlyAdmin, lines, link_to

SHARES_SHOWN = 50


@admin.register(OfferDeed)
class OfferDeedAdmin(ReadOnlyAdmin):
    """What was shared among the investors of an offer; a row never changes."""

    list_display = ("offer", "verb", "show_amount", "show_principal", "investments", "made_at")
    list_filter = ("verb", "offer")
    ordering = ("-id",)
    fields = (
        "offer",
        "verb",
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

    @display(description="amount", ordering="amount")
    def show_amount(self, row: OfferDeed) -> str:
        return money(row.amount, row.offer.currency)

    @display(description="principal")
    def show_principal(self, row: OfferDeed) -> str:
        return money(row.principal, row.offer.currency)

    @display(description="approved in")
    def show_request(self, row: OfferDeed) -> SafeString | str:
        return link_to("oversight.approvalrequest", str(row.request), str(row.request))

    @display(description="shares")
    def show_shares(self, row: OfferDeed) -> SafeString:
        shares = row.shares.select_related("investment__investor").order_by("investment_id")[:SHARES_SHOWN]
        told = [(str(share.investment.investor), money(share.amount, row.offer.currency)) for share in shares]
        more = row.shares.count() - len(told)
        return lines([*told, *([("and more", f"{more:,}")] if more > 0 else [])])
