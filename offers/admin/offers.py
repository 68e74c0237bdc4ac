"""Offers: how far they are, who is in, where the money is, and what their state allows."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from ledger import amounts, days
from ledger.admin.shown import money
from offers.admin import pages, shown
from offers.models import Offer, OfferDeed, OfferInvestment
from oversight.console import ReadOnlyAdmin, ReadOnlyInline, lines, link_to, pretty
from oversight.console.shown import NOTHING

WAITING_SHOWN = 20


class InvestmentInline(ReadOnlyInline):
    """The newest investments; all of them are one click away."""

    model = OfferInvestment
    hide_title = True
    fields = ("show_self", "investor", "status", "show_requested", "show_accepted", "show_principal", "reflects_until")
    readonly_fields = fields
    ordering = ("-id",)
    per_page = 20
    verbose_name_plural = "investments"

    def get_queryset(self, request: HttpRequest) -> QuerySet[OfferInvestment]:
        return super().get_queryset(request).select_related("offer", "investor")

    @display(description="investment")
    def show_self(self, row: OfferInvestment) -> SafeString | str:
        return link_to("offers.offerinvestment", str(row.pk), str(row.pk)[-12:])

    @display(description="requested")
    def show_requested(self, row: OfferInvestment) -> str:
        return money(row.requested_amount, row.offer.currency)

    @display(description="accepted")
    def show_accepted(self, row: OfferInvestment) -> str:
        return money(row.accepted_amount, row.offer.currency)

    @display(description="principal")
    def show_principal(self, row: OfferInvestment) -> str:
        return money(row.principal, row.offer.currency)


class DeedInline(ReadOnlyInline):
    model = OfferDeed
    hide_title = True
    fields = ("made_at", "verb", "show_amount", "show_principal", "investments")
    readonly_fields = fields
    verbose_name_plural = "distributions and losses"

    def get_queryset(self, request: HttpRequest) -> QuerySet[OfferDeed]:
        return super().get_queryset(request).select_related("offer")

    @display(description="amount")
    def show_amount(self, row: OfferDeed) -> str:
        return money(row.amount, row.offer.currency)

    @display(description="principal")
    def show_principal(self, row: OfferDeed) -> str:
        return money(row.principal, row.offer.currency)


@admin.register(Offer)
class OfferAdmin(ReadOnlyAdmin):
    """Capped offers, from the draft to the end."""

    pages = (
        pages.DraftOffer,
        pages.EditDraft,
        pages.Publish,
        pages.ChangeLive,
        pages.Pause,
        pages.Resume,
        pages.Close,
        pages.Distribute,
        pages.ShareLoss,
        pages.Fail,
    )
    list_display = ("name", "show_status", "currency", "show_progress", "show_cap", "show_count", "deadline")
    list_filter = ("status", "currency")
    search_fields = ("name", "code")
    ordering = ("-id",)
    fields = (
        "say_status",
        "say_progress",
        "show_terms",
        "show_people",
        "show_line",
        "show_money",
        "show_commitment",
        "description",
        "show_disclosure",
        "show_metadata",
    )
    readonly_fields = fields
    inlines = (InvestmentInline, DeedInline)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Offer]:
        holding = Q(investments__status__in=["reserved", "committed", "repaid"])
        return super().get_queryset(request).annotate(held=Count("investments", holding))

    @display(description="state", label=shown.STATUS_LABELS, ordering="status")
    def show_status(self, row: Offer) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description="state")
    def say_status(self, row: Offer) -> str:
        return row.get_status_display()

    @display(description="committed", ordering="committed_amount")
    def show_progress(self, row: Offer) -> SafeString:
        return shown.progress(row)

    @display(description="committed")
    def say_progress(self, row: Offer) -> SafeString:
        return shown.progress_in_words(row)

    @display(description="cap", ordering="max_amount")
    def show_cap(self, row: Offer) -> str:
        return money(row.max_amount, row.currency)

    @display(description="investments", ordering="held")
    def show_count(self, row: Any) -> str:
        return f"{row.held:,}"

    @display(description="terms")
    def show_terms(self, row: Offer) -> SafeString:
        return lines(
            [
                *pages.drafted(row),
                ("Expected, not promised", f"{amounts.percent(row.expected_return)} {row.return_basis}"),
                ("Risk class", f"{row.risk_class} of 7"),
                ("KYC level", row.kyc_level),
                ("Closed", row.closed_on or NOTHING),
                ("Ended", row.ended_on or NOTHING),
            ]
        )

    @display(description="investors")
    def show_people(self, row: Offer) -> SafeString:
        counted = dict(row.investments.values_list("status").annotate(count=Count("pk")))
        return lines([(label, f"{counted.get(value, 0):,}") for value, label in OfferInvestment.Status.choices])

    @display(description="waiting list")
    def show_line(self, row: Offer) -> SafeString | str:
        line = row.investments.in_line().select_related("investor")
        first = [
            (f"{place}. {each.investor}", money(each.requested_amount, row.currency))
            for place, each in enumerate(line[:WAITING_SHOWN], 1)
        ]
        more = line.count() - len(first)
        return lines([*first, *([("and more", f"{more:,}")] if more > 0 else [])]) if first else NOTHING

    @display(description="where the money is")
    def show_money(self, row: Offer) -> SafeString:
        return lines(shown.money_flow(row))

    @display(description="commitment over time")
    def show_commitment(self, row: Offer) -> SafeString:
        return shown.commitment(row, until=row.closed_on or row.ended_on or days.open_day())

    @display(description="key information sheet")
    def show_disclosure(self, row: Offer) -> str:
        return row.disclosure

    @display(description="metadata")
    def show_metadata(self, row: Offer) -> SafeString | str:
        return pretty(row.metadata)
