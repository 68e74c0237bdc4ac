"""Deposits: what waits for its money, and what became of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from ledger import amounts
from oversight.console import ReadOnlyAdmin, lines, link_to, moment
from oversight.console.shown import NOTHING
from oversight.models import ApprovalRequest
from payments import rules
from payments.admin import pages
from payments.models import Deposit

STATUS_LABELS = {
    "initiated": "info",
    "pending": "warning",
    "confirmed": "success",
    "failed": "danger",
    "expired": "default",
    "refunded": "default",
    "disputed": "danger",
    "charged_back": "danger",
}


class StatusFilter(admin.SimpleListFilter):
    """The queue by default: what waits for its money."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waiting", "waiting"), *Deposit.Status.choices, ("all", "all")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Deposit]) -> QuerySet[Deposit]:
        chosen = self.value() or "waiting"
        if chosen == "all" or request.GET.get("q"):
            return queryset  # A search finds a deposit whatever became of it.
        if chosen == "waiting":
            return queryset.filter(status__in=["initiated", "pending"])
        return queryset.filter(status=chosen)

    def choices(self, changelist: Any) -> Iterator[Any]:
        for value, title in self.lookup_choices:
            link = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": (self.value() or "waiting") == value, "query_string": link, "display": title}


@admin.register(Deposit)
class DepositAdmin(ReadOnlyAdmin):
    """Money that investors said would come."""

    pages = (pages.RecordCredit, pages.ReverseDeposit)
    list_display = (
        "show_reference",
        "show_investor",
        "show_amount",
        "show_arrived",
        "show_status",
        "created_at",
        "expires_at",
    )
    list_filter = (StatusFilter, "currency", "created_at")
    list_select_related = ("investor",)
    search_fields = ("reference", "investor__referral_code", "credits__bank_reference")
    search_help_text = "Payment reference, investor's referral code or bank's reference"
    fieldsets = (
        ("Deposit", {"fields": ("show_reference", "show_investor", "show_amount", "method", "show_position")}),
        ("Course", {"fields": ("status", "created_at", "expires_at", "show_arrived", "value_on", "confirmed_at")}),
        ("Behind it", {"fields": ("show_requests", "show_credits", "show_transaction")}),
    )
    readonly_fields = (
        "show_reference",
        "show_investor",
        "show_amount",
        "show_arrived",
        "show_position",
        "show_requests",
        "show_credits",
        "show_transaction",
    )

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """Find a reference however it was copied."""
        return super().get_search_results(request, queryset, rules.read_reference(search_term) or search_term)

    @display(description="reference", ordering="reference")
    def show_reference(self, deposit: Deposit) -> str:
        return deposit.shown_reference

    @display(description="investor", ordering="investor")
    def show_investor(self, deposit: Deposit) -> Any:
        return link_to(deposit.investor._meta.label_lower, str(deposit.investor_id), str(deposit.investor))

    @display(description="asked", ordering="amount")
    def show_amount(self, deposit: Deposit) -> str:
        return amounts.show(deposit.amount, deposit.currency_id)

    @display(description="arrived", ordering="arrived_amount")
    def show_arrived(self, deposit: Deposit) -> str:
        if deposit.arrived_amount is None:
            return NOTHING
        return amounts.show(deposit.arrived_amount, deposit.currency_id)

    @display(description="status", ordering="status", label=STATUS_LABELS)
    def show_status(self, deposit: Deposit) -> tuple[str, str]:
        return deposit.status, deposit.get_status_display()

    @display(description="position")
    def show_position(self, deposit: Deposit) -> Any:
        if deposit.position_id is None:
            return NOTHING
        position = link_to("investments.position", str(deposit.position_id))
        refusal = deposit.position_refusal
        return lines([("Named", position), ("Not funded", refusal)]) if refusal else position

    @display(description="requests")
    def show_requests(self, deposit: Deposit) -> SafeString | str:
        requests = ApprovalRequest.objects.all().about(deposit).select_related("requested_by")
        shown = [
            (
                link_to("oversight.approvalrequest", str(request.pk), request.title),
                f"{request.get_status_display()}, asked by {request.requested_by} {moment(request.requested_at)}",
            )
            for request in requests
        ]
        return lines(shown) if shown else NOTHING

    @display(description="bank credits")
    def show_credits(self, deposit: Deposit) -> SafeString | str:
        shown = [
            (
                link_to("payments.bankcredit", str(credit.pk), str(credit)),
                f"{amounts.show(credit.amount, credit.currency_id)}, {credit.get_status_display()}",
            )
            for credit in deposit.credits.all()
        ]
        return lines(shown) if shown else NOTHING

    @display(description="ledger transaction")
    def show_transaction(self, deposit: Deposit) -> Any:
        if deposit.transaction_id is None:
            return NOTHING
        return link_to("ledger.transaction", str(deposit.transaction_id), str(deposit.transaction_id))
