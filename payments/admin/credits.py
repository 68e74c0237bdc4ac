"""Bank credits: what lies in suspense, and what each of the others paid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from oversight.console import ReadOnlyAdmin, lines, link_to
from oversight.console.shown import NOTHING
from payments.admin import pages
from payments.models import BankCredit
from payments.services import suspense

STATUS_LABELS = {"held": "warning", "credited": "success", "returned": "default", "reversed": "danger"}


class StatusFilter(admin.SimpleListFilter):
    """The queue by default: what lies in suspense."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*BankCredit.Status.choices, ("all", "all")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[BankCredit]) -> QuerySet[BankCredit]:
        chosen = self.value() or BankCredit.Status.HELD
        return queryset if chosen == "all" or request.GET.get("q") else queryset.filter(status=chosen)

    def choices(self, changelist: Any) -> Iterator[Any]:
        for value, title in self.lookup_choices:
            link = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": (self.value() or "held") == value, "query_string": link, "display": title}


@admin.register(BankCredit)
class BankCreditAdmin(ReadOnlyAdmin):
    """Credits on the bank's statements, as two officers booked them."""

    pages = (pages.RecordUnmatchedCredit, pages.AllotCredit, pages.ReturnCredit, pages.ReverseCredit)
    list_display = (
        "bank_reference",
        "show_bank",
        "show_amount",
        "show_status",
        "show_deposit",
        "value_on",
        "booked_at",
    )
    list_filter = (StatusFilter, "currency", "cash_scope", "booked_at")
    list_select_related = ("deposit",)
    search_fields = ("bank_reference", "deposit__reference")
    search_help_text = "Bank's reference or deposit's payment reference"
    fieldsets = (
        ("Credit", {"fields": ("show_bank", "bank_reference", "show_amount", "value_on", "booked_at")}),
        ("Course", {"fields": ("status", "show_deposit", "show_paper")}),
    )
    readonly_fields = ("show_bank", "show_amount", "show_deposit", "show_paper")

    @display(description="bank account", ordering="cash_scope")
    def show_bank(self, credit: BankCredit) -> str:
        return credit.cash_scope

    @display(description="amount", ordering="amount")
    def show_amount(self, credit: BankCredit) -> str:
        return suspense.show(credit)

    @display(description="status", ordering="status", label=STATUS_LABELS)
    def show_status(self, credit: BankCredit) -> tuple[str, str]:
        return credit.status, credit.get_status_display()

    @display(description="deposit", ordering="deposit")
    def show_deposit(self, credit: BankCredit) -> Any:
        if credit.deposit is None:
            return NOTHING
        return link_to("payments.deposit", str(credit.deposit_id), str(credit.deposit))

    @display(description="behind it")
    def show_paper(self, credit: BankCredit) -> Any:
        shown = [
            ("Evidence", link_to("ledger.evidence", str(credit.evidence_id), str(credit.evidence))),
            ("Taken in by", _transaction(credit.transaction_id)),
        ]
        if credit.moved_by_transaction_id:
            shown.append(("Moved on by", _transaction(credit.moved_by_transaction_id)))
        return lines(shown)


def _transaction(transaction_id: Any) -> Any:
    return link_to("ledger.transaction", str(transaction_id), str(transaction_id))
