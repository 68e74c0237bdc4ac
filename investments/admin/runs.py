"""Settlement runs, adjustments, and the line of exits."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from investments import services
from investments.admin.shown import table
from investments.models import AccrualAdjustment, Correction, ExitRequest, SettlementRun, SettlementSlice
from ledger.admin.shown import money
from ledger.models import Fund
from oversight.console import ActionPage, ReadOnlyAdmin, ReadOnlyInline, link_to
from oversight.console.shown import NOTHING


class SliceInline(ReadOnlyInline):
    model = SettlementSlice
    hide_title = True
    fields = ("number", "positions", "show_amount", "done_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[SettlementSlice]:
        return super().get_queryset(request).select_related("run__product")

    @display(description="amount")
    def show_amount(self, row: SettlementSlice) -> str:
        return money(row.amount, row.run.product.currency)


@admin.register(SettlementRun)
class SettlementRunAdmin(ReadOnlyAdmin):
    """What each product owed for each due day, and whether it was paid: all of it, or none."""

    list_display = ("due_on", "product", "show_status", "show_amount", "positions", "reserved_at", "paid_at")
    list_filter = ("status", "product__kind", "product")
    date_hierarchy = "due_on"
    ordering = ("-due_on", "product")
    fields = (
        "product",
        "due_on",
        "say_status",
        "show_amount",
        "positions",
        "asked_at",
        "reserved_at",
        "paid_at",
        "show_reserve",
    )
    readonly_fields = fields
    inlines = (SliceInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SettlementRun]:
        return super().get_queryset(request).select_related("product")

    @display(description="status", label={"paid": "success", "reserved": "warning", "due": "danger"})
    def show_status(self, row: SettlementRun) -> tuple[str, str]:
        waits = {"due": "owed: the pool hasn't covered it", "reserved": "being paid"}
        return row.status, waits.get(row.status, row.get_status_display())

    @display(description="status")
    def say_status(self, row: SettlementRun) -> str:
        return self.show_status(row)[1]

    @display(description="amount", ordering="amount")
    def show_amount(self, row: SettlementRun) -> str:
        return money(row.amount, row.product.currency)

    @display(description="ledger transaction")
    def show_reserve(self, row: SettlementRun) -> str:
        return link_to("ledger.transaction", str(row.reserve)) if row.reserve else NOTHING


@admin.register(Correction)
class CorrectionAdmin(ReadOnlyAdmin):
    """Approved adjustments of what positions earned; the next close books those that wait."""

    list_display = ("source_key", "position", "show_status", "show_days", "show_total", "approved_at", "booked_on")
    list_filter = ("status",)
    search_fields = ("source_key",)
    fields = (
        "source_key",
        "show_position",
        "say_status",
        "reason",
        "show_total",
        "approved_at",
        "show_approval",
        "booked_on",
        "show_lines",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Correction]:
        return super().get_queryset(request).select_related("position__product")

    @display(description="position")
    def show_position(self, row: Correction) -> str:
        return link_to("investments.position", str(row.position_id))

    @display(description="approved by request")
    def show_approval(self, row: Correction) -> str:
        return link_to("oversight.approvalrequest", str(row.approval))

    @display(description="status", label={"booked": "success", "waiting": "warning"})
    def show_status(self, row: Correction) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description="status")
    def say_status(self, row: Correction) -> str:
        return self.show_status(row)[1]

    @display(description="days")
    def show_days(self, row: Correction) -> int:
        return len(row.lines)

    @display(description="in all")
    def show_total(self, row: Correction) -> str:
        return money(sum((Decimal(line["amount"]) for line in row.lines), Decimal(0)), row.position.currency)

    @display(description="day by day")
    def show_lines(self, row: Correction) -> str:
        given = ((line["corrects_on"], money(Decimal(line["amount"]), row.position.currency)) for line in row.lines)
        return table(("corrects", "by"), given)


@admin.register(AccrualAdjustment)
class AccrualAdjustmentAdmin(ReadOnlyAdmin):
    """Single days of corrections, as they were booked."""

    list_display = ("booked_on", "corrects_on", "position", "show_amount", "reason")
    date_hierarchy = "booked_on"
    fields = ("position", "booked_on", "corrects_on", "show_amount", "reason", "source_key")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccrualAdjustment]:
        return super().get_queryset(request).select_related("position__product")

    @display(description="amount")
    def show_amount(self, row: AccrualAdjustment) -> str:
        return money(row.amount, row.position.currency)


class PayLine(ActionPage):
    """Pay who waits for this product, as far as its money goes."""

    title = "Pay this line"
    icon = "logout"
    permission = "investments.pay_exits"
    words = "Pays whole requests of this product in order of asking, up to the first that doesn't fit."

    def is_offered(self, user: Any, obj: ExitRequest) -> bool:
        return obj.status == ExitRequest.Status.WAITING

    def preview(self, obj: ExitRequest, form: Any) -> list[tuple[str, Any]]:
        product = obj.product
        fund = Fund.objects.filter(scope=product.scope, currency_id=product.currency).first()
        waiting = list(ExitRequest.objects.in_line(product))
        free = fund.free if fund else Decimal(0)
        fits, left = 0, free
        for request in waiting:
            if request.amount > left:
                break
            fits, left = fits + 1, left - request.amount
        return [
            ("Product", product.display_name),
            (
                "Requests that wait",
                f"{len(waiting)}, {money(sum((r.amount for r in waiting), Decimal(0)), product.currency)}",
            ),
            ("Principal in the bank", money(free, product.currency)),
            ("Will be paid", f"{fits}, {money(free - left, product.currency)}; what is held is passed over"),
        ]

    def run(self, obj: ExitRequest, form: Any, by: Any, now: datetime) -> Any:
        return services.pay_exits(obj.product_id, now=now)

    def success(self, obj: ExitRequest, result: int) -> str:
        return f"{result} paid."


@admin.register(ExitRequest)
class ExitRequestAdmin(ReadOnlyAdmin):
    """Principal that wants to leave while the product's money is at work, first come first."""

    pages = (PayLine,)
    list_display = ("asked_at", "product", "kind", "show_amount", "show_status", "show_owner", "paid_at")
    list_filter = ("status", "kind", "product")
    ordering = ("product", "asked_at", "id")
    fields = ("product", "show_position", "kind", "show_amount", "say_status", "show_place", "asked_at", "paid_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExitRequest]:
        return super().get_queryset(request).select_related("product", "position__owner")

    @display(description="amount", ordering="amount")
    def show_amount(self, row: ExitRequest) -> str:
        return money(row.amount, row.product.currency)

    @display(description="status", label={"paid": "success", "waiting": "warning", "withdrawn": "default"})
    def show_status(self, row: ExitRequest) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description="status")
    def say_status(self, row: ExitRequest) -> str:
        return self.show_status(row)[1]

    @display(description="investor")
    def show_owner(self, row: ExitRequest) -> str:
        return str(row.position.owner)

    @display(description="position")
    def show_position(self, row: ExitRequest) -> str:
        return link_to("investments.position", str(row.position_id))

    @display(description="place in line")
    def show_place(self, row: ExitRequest) -> str:
        return str(services.place_in_line(row)) if row.status == ExitRequest.Status.WAITING else NOTHING
