"""What investors asked for, what was accepted, and who waits."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from ledger.admin.shown import money
from offers.models import OfferInvestment
from oversight.console import ReadOnlyAdmin, label, lines, link_to
from oversight.console.shown import NOTHING, and_more

SHARES_SHOWN = 50
LABELS = {
    "waiting": "warning",
    "reserved": "info",
    "lapsed": "default",
    "withdrawn": "default",
    "released": "default",
    "committed": "success",
    "repaid": "default",
}


@admin.register(OfferInvestment)
class OfferInvestmentAdmin(ReadOnlyAdmin):
    """Investments in offers, newest first; the waiting list is a filter."""

    list_display = ("asked_at", "offer", "investor", "show_status", "show_requested", "show_accepted", "show_principal")
    list_filter = ("status", "offer")
    search_fields = ("=investor__referral_code", "offer__name", "offer__code")
    search_help_text = "an investor's referral code, or an offer"
    ordering = ("-id",)
    list_select_related = ("offer", "investor")
    fields = (
        "offer",
        "investor",
        "say_status",
        "show_requested",
        "show_accepted",
        "show_principal",
        "disclosure_version",
        "show_operation",
        "asked_at",
        "reserved_at",
        "reflects_until",
        "ended_at",
        "show_shares",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[OfferInvestment]:
        return super().get_queryset(request).select_related("offer", "investor")

    @display(description="status", label=LABELS, ordering="status")
    def show_status(self, row: OfferInvestment) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description="status")
    def say_status(self, row: OfferInvestment) -> SafeString:
        return label(row.get_status_display(), LABELS[row.status])

    @display(description="requested", ordering="requested_amount")
    def show_requested(self, row: OfferInvestment) -> str:
        return money(row.requested_amount, row.offer.currency)

    @display(description="accepted", ordering="accepted_amount")
    def show_accepted(self, row: OfferInvestment) -> str:
        return money(row.accepted_amount, row.offer.currency)

    @display(description="principal")
    def show_principal(self, row: OfferInvestment) -> str:
        return money(row.principal, row.offer.currency)

    @display(description="ledger transaction")
    def show_operation(self, row: OfferInvestment) -> SafeString | str:
        if row.operation_id is None:
            return NOTHING
        return link_to("ledger.transaction", str(row.operation_id), str(row.operation_id))

    @display(description="distributions and losses")
    def show_shares(self, row: OfferInvestment) -> SafeString | str:
        shares = row.shares.select_related("deed").order_by("-deed_id")
        told = [
            (
                link_to(
                    "offers.offerdeed", str(share.deed_id), f"{share.deed.value_on} {share.deed.get_verb_display()}"
                ),
                money(share.amount, row.offer.currency),
            )
            for share in shares[:SHARES_SHOWN]
        ]
        return lines([*told, *and_more(row.shares.count(), told)]) if told else NOTHING
