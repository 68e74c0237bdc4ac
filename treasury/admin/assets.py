"""Assets: what client money was put into, with income beside cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import CharField, DecimalField, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Cast, Coalesce
from django.http import HttpRequest
from unfold.decorators import display

from ledger import days
from ledger.models import Account
from oversight.console import ReadOnlyAdmin, ReadOnlyInline
from treasury import rules
from treasury.admin import pages
from treasury.admin.shown import amount_of, bare
from treasury.models import Asset, TreasuryMovement, Valuation, Verb

_AMOUNT = DecimalField(max_digits=38, decimal_places=18)
_ZERO = Decimal(0)


class MovementInline(ReadOnlyInline):
    model = TreasuryMovement
    fk_name = "asset"
    fields = (
        "booked_on",
        "verb",
        "show_amount",
        "counterparty_name",
        "counterparty_relation",
        "requested_by",
        "approved_by",
    )
    readonly_fields = fields
    verbose_name_plural = "movements"
    show_change_link = True
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[TreasuryMovement]:
        return super().get_queryset(request).select_related("currency", "requested_by", "approved_by")

    @display(description="amount")
    def show_amount(self, row: TreasuryMovement) -> str:
        return amount_of(row.amount, row.currency)


class ValuationInline(ReadOnlyInline):
    model = Valuation
    fields = ("valued_on", "show_amount", "evidence", "requested_by", "approved_by")
    readonly_fields = fields
    show_change_link = True
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Valuation]:
        rows = super().get_queryset(request)
        return rows.select_related("asset__currency", "evidence", "requested_by", "approved_by")

    @display(description="amount")
    def show_amount(self, row: Valuation) -> str:
        return amount_of(row.amount, row.asset.currency)


@admin.register(Asset)
class AssetAdmin(ReadOnlyAdmin):
    """Cost from the ledger, value from the newest evidence, income from what stands."""

    pages = (
        pages.OpenAsset,
        pages.Deploy,
        pages.Divest,
        pages.RecordIncome,
        pages.WriteDown,
        pages.WriteUp,
        pages.ValueAsset,
    )
    list_display = ("name", "scope", "show_cost", "show_value", "show_valued_on", "show_income", "show_related")
    list_filter = ("scope", "currency")
    search_fields = ("name", "scope")
    fields = (
        "name",
        "scope",
        "currency",
        "show_cost",
        "tell_value",
        "show_income",
        "show_related_income",
        "tell_related",
        "opened_by",
        "recorded_at",
    )
    readonly_fields = ("show_cost", "tell_value", "show_income", "show_related_income", "tell_related")
    inlines = (MovementInline, ValuationInline)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Asset]:
        return with_figures(super().get_queryset(request)).select_related("currency", "opened_by")

    @display(description="cost")
    def show_cost(self, row: Any) -> str:
        return amount_of(row.cost, row.currency)

    @display(description="value")
    def show_value(self, row: Any) -> str:
        return amount_of(row.value, row.currency)

    @display(description="valued on", label={"fresh": "success", "too old": "danger", "never": "danger"})
    def show_valued_on(self, row: Any) -> tuple[str, str]:
        if row.valued_on is None:
            return "never", "never"
        fresh = rules.is_fresh(row.valued_on, on=days.open_day(), max_age_days=rules.VALUATION_MAX_AGE_DAYS)
        return ("fresh" if fresh else "too old"), f"{row.valued_on}" + ("" if fresh else ", too old")

    @display(description="newest valuation")
    def tell_value(self, row: Any) -> str:
        return "none" if row.valued_on is None else f"{self.show_value(row)} of {self.show_valued_on(row)[1]}"

    @display(description="income beside cost")
    def show_income(self, row: Any) -> str:
        return f"{bare(row.income, row.currency)} on {bare(row.cost, row.currency)} {row.currency_id}"

    @display(description="income from related parties")
    def show_related_income(self, row: Any) -> str:
        return amount_of(row.related_income, row.currency)

    @display(description="related to the firm", label={"related": "warning", "no": "default"})
    def show_related(self, row: Any) -> str:
        return "related" if row.related is not None else "no"

    @display(description="counterparties related to the firm")
    def tell_related(self, row: Any) -> str:
        return "yes" if row.related is not None else "no"


def with_figures(assets: QuerySet[Asset]) -> QuerySet[Asset]:
    """Add cost, newest value and income to date, in the same query."""
    account = Account.objects.filter(kind="deployed", subject=Cast(OuterRef("pk"), CharField()))
    newest = Valuation.objects.filter(asset=OuterRef("pk")).order_by("-valued_on", "-id")
    standing = TreasuryMovement.objects.standing().filter(asset=OuterRef("pk")).order_by().values("asset")
    income = Q(verb=Verb.RECORD_INCOME)
    related = ~Q(counterparty_relation__in=["", "unrelated"])

    def total(condition: Q) -> Subquery:
        return Subquery(standing.filter(condition).annotate(total=Sum("amount")).values("total"), output_field=_AMOUNT)

    return assets.annotate(
        cost=Coalesce(
            Subquery(account.annotate(cost=F("debits") - F("credits")).values("cost")), _ZERO, output_field=_AMOUNT
        ),
        value=Subquery(newest.values("amount")[:1]),
        valued_on=Subquery(newest.values("valued_on")[:1]),
        income=Coalesce(total(income), _ZERO, output_field=_AMOUNT),
        related_income=Coalesce(total(income & related), _ZERO, output_field=_AMOUNT),
        related=total(related),
    )
