"""Offers: how far they are, who is in, where the money is, and what their state allows."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from ledger import days
from ledger.admin.shown import money
from offers import services
from offers.admin import pages, shown
from offers.models import Offer, OfferDeed, OfferInvestment
from oversight.console import ReadOnlyAdmin, ReadOnlyInline, label, lines, link_to, moment, pretty
from oversight.console.shown import NOTHING, and_more
from oversight.models import ApprovalRequest
from protection.models import Disclosure
from treasury.models import TreasuryMovement

WAITING_SHOWN = 20
REQUESTS_SHOWN = 10
PAPERS_SHOWN = 20


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
    fields = ("show_self", "verb", "show_amount", "show_principal", "investments")
    readonly_fields = fields
    per_page = 20
    verbose_name_plural = "distributions and losses"

    def get_queryset(self, request: HttpRequest) -> QuerySet[OfferDeed]:
        return super().get_queryset(request).select_related("offer")

    @display(description="made at")
    def show_self(self, row: OfferDeed) -> SafeString | str:
        return link_to("offers.offerdeed", str(row.pk), moment(row.made_at))

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
    search_help_text = "an offer's name or code"
    ordering = ("-id",)
    fields = (
        "say_status",
        "say_progress",
        "show_requests",
        "show_terms",
        "show_investments",
        "show_line",
        "show_money",
        "show_commitment",
        "description",
        "show_disclosure",
        "show_documents",
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
    def say_status(self, row: Offer) -> SafeString:
        said = label(row.get_status_display(), shown.STATUS_LABELS[row.status])
        if row.status == Offer.Status.DRAFT and services.is_publication_waiting(row):
            return format_html("{} its publication waits for another officer", said)
        return said

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
                *services.terms_in_words(row),
                ("Published", moment(row.published_at)),
                ("Closed", row.closed_on or NOTHING),
                ("Ended", row.ended_on or NOTHING),
            ]
        )

    @display(description="requests")
    def show_requests(self, row: Offer) -> SafeString | str:
        asked = ApprovalRequest.objects.all().about(row).select_related("requested_by").order_by("-pk")
        told = [
            (
                link_to("oversight.approvalrequest", str(each.pk), each.title),
                f"{each.get_status_display()}, asked by {each.requested_by} {moment(each.requested_at)}",
            )
            for each in asked[:REQUESTS_SHOWN]
        ]
        return lines([*told, *and_more(asked.count(), told)]) if told else NOTHING

    @display(description="investments")
    def show_investments(self, row: Offer) -> SafeString | str:
        counted = row.investments.values("status").annotate(count=Count("pk"), sum=Sum("accepted_amount")).order_by()
        by_status = {each["status"]: each for each in counted}
        told = [
            (title, f"{each['count']:,}" + (f" of {money(each['sum'], row.currency)}" if each["sum"] else ""))
            for status, title in OfferInvestment.Status.choices
            if (each := by_status.get(status))
        ]
        return lines(told) if told else NOTHING

    @display(description="waiting list")
    def show_line(self, row: Offer) -> SafeString | str:
        line = row.investments.in_line().select_related("investor")
        first = [
            (
                link_to("offers.offerinvestment", str(each.pk), f"{place}. {each.investor}"),
                money(each.requested_amount, row.currency),
            )
            for place, each in enumerate(line[:WAITING_SHOWN], 1)
        ]
        return lines([*first, *and_more(line.count(), first)]) if first else NOTHING

    @display(description="where the money is")
    def show_money(self, row: Offer) -> SafeString | str:
        return NOTHING if row.status == Offer.Status.DRAFT else lines(shown.money_flow(row))

    @display(description="commitment over time")
    def show_commitment(self, row: Offer) -> SafeString:
        return shown.commitment(row, until=row.closed_on or row.ended_on or days.open_day())

    @display(description="key information sheet")
    def show_disclosure(self, row: Offer) -> str:
        return row.disclosure

    @display(description="documents")
    def show_documents(self, row: Offer) -> SafeString | str:
        """The sheets that were published, and the papers behind what the treasury did with the money."""
        sheets = Disclosure.objects.filter(subject=row.scope).annotate(accepted=Count("acceptances")).order_by("-pk")
        told = [
            (
                link_to("protection.disclosure", str(sheet.pk), f"Key information sheet, version {sheet.version}"),
                f"{moment(sheet.published_at)}, accepted by {sheet.accepted:,}",
            )
            for sheet in sheets
        ]
        movements = TreasuryMovement.objects.filter(asset__scope=row.scope).select_related("evidence").order_by("-pk")
        papers = [
            (
                link_to("treasury.treasurymovement", str(each.pk), f"{each.evidence.source} {each.evidence.reference}"),
                f"{each.booked_on}: {each.get_verb_display()}, {money(each.amount, row.currency)}",
            )
            for each in movements[:PAPERS_SHOWN]
        ]
        told += [*papers, *and_more(movements.count(), papers)]
        return lines(told) if told else NOTHING

    @display(description="metadata")
    def show_metadata(self, row: Offer) -> SafeString | str:
        return pretty(row.metadata)
