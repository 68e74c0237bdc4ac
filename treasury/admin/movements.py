"""What the treasury did, and the verbs that begin with no row of their own."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from oversight.console import ReadOnlyAdmin, lines, link_to, menu
from treasury.admin import pages
from treasury.admin.shown import amount_of
from treasury.models import StatementBalance, TreasuryMovement, Valuation


class RelatedFilter(admin.SimpleListFilter):
    title = "counterparty"
    parameter_name = "related"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "related to the firm"), ("no", "unrelated")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[TreasuryMovement]) -> QuerySet[TreasuryMovement]:
        if self.value() == "yes":
            return queryset.exclude(counterparty_relation__in=["", "unrelated"])
        return queryset.filter(counterparty_relation="unrelated") if self.value() == "no" else queryset


@admin.register(TreasuryMovement)
class TreasuryMovementAdmin(ReadOnlyAdmin):
    """Postings of the treasury with their counterparty, evidence and both officers."""

    pages = (pages.ReverseMovement, *(page for _, _, family in pages.MENU for page in family))
    list_display = ("booked_on", "show_verb", "show_amount", "show_about", "show_counterparty", "show_state")
    list_filter = ("verb", "currency", RelatedFilter, "booked_on")
    list_select_related = ("asset", "currency", "investor", "reversed_by")
    search_fields = ("counterparty_name", "scope", "cash", "evidence__reference", "reason")
    fieldsets = (
        ("Movement", {"fields": ("show_verb", "show_amount", "show_about", "cash", "booked_on", "show_state")}),
        ("Counterparty", {"fields": ("counterparty_name", "counterparty_country", "counterparty_relation")}),
        ("Paper", {"fields": ("show_evidence", "reason", "show_request", "show_transaction")}),
        ("Officers", {"fields": ("requested_by", "approved_by", "recorded_at")}),
    )
    readonly_fields = (
        "show_verb",
        "show_amount",
        "show_about",
        "show_state",
        "show_evidence",
        "show_request",
        "show_transaction",
    )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the verbs in families: fifteen buttons in a row would be none."""
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None)
        if context is not None:
            context["actions_list"] = [menu for menu in (self._menu(request, *family) for family in pages.MENU) if menu]
        return response

    def _menu(self, request: HttpRequest, title: str, icon: str, family: Any) -> dict[str, Any] | None:
        items = [button for button in (page(self).button(request, None) for page in family) if button]
        return menu(title, icon=icon, items=items) if items else None

    @display(description="what", ordering="verb")
    def show_verb(self, row: TreasuryMovement) -> str:
        return row.get_verb_display()

    @display(description="amount", ordering="amount")
    def show_amount(self, row: TreasuryMovement) -> str:
        return amount_of(row.amount, row.currency)

    @display(description="about")
    def show_about(self, row: TreasuryMovement) -> str:
        if row.asset is not None:
            return link_to("treasury.asset", str(row.asset_id), row.asset.name)
        if row.investor is not None:
            return link_to(row.investor._meta.label_lower, str(row.investor_id), str(row.investor))
        return row.scope or row.cash

    @display(description="counterparty", label={"related": "warning", "unrelated": "default"})
    def show_counterparty(self, row: TreasuryMovement) -> tuple[str, str] | str:
        if not row.counterparty_name:
            return ""
        return ("related" if row.is_related else "unrelated"), f"{row.counterparty_name}, {row.counterparty_country}"

    @display(description="state", label={"stands": "success", "reversed": "danger", "reversal": "info"})
    def show_state(self, row: TreasuryMovement) -> str:
        if row.reverses_id is not None:
            return "reversal"
        return "reversed" if hasattr(row, "reversed_by") else "stands"

    @display(description="evidence")
    def show_evidence(self, row: TreasuryMovement) -> str:
        return link_to("ledger.evidence", str(row.evidence_id), str(row.evidence))

    @display(description="approval")
    def show_request(self, row: TreasuryMovement) -> str:
        return link_to("oversight.approvalrequest", str(row.request_id), str(row.request))

    @display(description="ledger transaction")
    def show_transaction(self, row: TreasuryMovement) -> str:
        return link_to("ledger.transaction", str(row.transaction_id), row.transaction.key)


class ProofAdmin(ReadOnlyAdmin):
    """What valuations and statements have in common."""

    @display(description="amount", ordering="amount")
    def show_amount(self, row: Any) -> str:
        return amount_of(row.amount, row.currency if isinstance(row, StatementBalance) else row.asset.currency)

    @display(description="paper")
    def show_paper(self, row: Any) -> str:
        return lines(
            [
                ("Evidence", link_to("ledger.evidence", str(row.evidence_id), str(row.evidence))),
                ("Approval", link_to("oversight.approvalrequest", str(row.request_id), str(row.request))),
                ("Asked by", row.requested_by),
                ("Approved by", row.approved_by),
            ]
        )


@admin.register(Valuation)
class ValuationAdmin(ProofAdmin):
    list_display = ("valued_on", "asset", "show_amount", "evidence", "requested_by", "approved_by")
    list_filter = ("asset__scope", "asset__currency", "valued_on")
    list_select_related = ("asset__currency", "evidence", "requested_by", "approved_by")
    search_fields = ("asset__name", "evidence__reference")
    fields = ("asset", "valued_on", "show_amount", "show_paper", "recorded_at")
    readonly_fields = ("show_amount", "show_paper")


@admin.register(StatementBalance)
class StatementBalanceAdmin(ProofAdmin):
    pages = (pages.RecordStatementBalance,)
    list_display = ("day", "cash", "show_amount", "evidence", "requested_by", "approved_by")
    list_filter = ("cash", "currency", "day")
    list_select_related = ("currency", "evidence", "requested_by", "approved_by")
    search_fields = ("cash", "evidence__reference")
    fields = ("cash", "day", "show_amount", "show_paper", "recorded_at")
    readonly_fields = ("show_amount", "show_paper")
