"""Positions: their terms, what they earned and were paid, and what waits in line."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from investments import earned, rules
from investments.admin import deeds
from investments.admin.shown import table
from investments.models import (
    Accrual,
    AccrualAdjustment,
    ExitRequest,
    Position,
    PositionEvent,
    PositionTerm,
    RateCeiling,
    Settlement,
)
from investments.services import versions
from ledger import amounts
from ledger.admin.shown import money
from ledger.amounts import number, percent
from oversight.console import ReadOnlyAdmin, ReadOnlyInline, lines, link_to
from oversight.console.shown import NOTHING

DAYS_SHOWN = 31
RUNS_SHOWN = 12


class TermInline(ReadOnlyInline):
    model = PositionTerm
    hide_title = True
    fields = ("from_on", "to_on", "show_principal", "show_rate", "earns")
    readonly_fields = fields
    ordering = ("-from_on",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PositionTerm]:
        return super().get_queryset(request).select_related("position__product")

    @display(description="principal")
    def show_principal(self, row: PositionTerm) -> str:
        return money(row.principal, row.position.currency)

    @display(description="rate")
    def show_rate(self, row: PositionTerm) -> str:
        return percent(row.rate)


class EventInline(ReadOnlyInline):
    model = PositionEvent
    hide_title = True
    fields = ("made_at", "verb", "value_on", "show_amount", "show_penalty", "show_transaction")
    readonly_fields = fields
    ordering = ("-id",)
    verbose_name_plural = "what was done"

    def get_queryset(self, request: HttpRequest) -> QuerySet[PositionEvent]:
        return super().get_queryset(request).select_related("position__product")

    @display(description="amount")
    def show_amount(self, row: PositionEvent) -> str:
        return money(row.amount or None, row.position.currency)

    @display(description="of it penalty")
    def show_penalty(self, row: PositionEvent) -> str:
        return money(row.penalty or None, row.position.currency)

    @display(description="ledger transaction")
    def show_transaction(self, row: PositionEvent) -> str:
        return link_to("ledger.transaction", str(row.transaction)) if row.transaction else NOTHING


class ExitInline(ReadOnlyInline):
    model = ExitRequest
    hide_title = True
    fields = ("asked_at", "kind", "show_amount", "status", "paid_at")
    readonly_fields = fields
    verbose_name_plural = "exits"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExitRequest]:
        return super().get_queryset(request).select_related("product")

    @display(description="amount")
    def show_amount(self, row: ExitRequest) -> str:
        return money(row.amount, row.product.currency)


class AdjustmentInline(ReadOnlyInline):
    model = AccrualAdjustment
    hide_title = True
    fields = ("booked_on", "corrects_on", "show_amount", "reason")
    readonly_fields = fields
    verbose_name_plural = "adjustments"

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccrualAdjustment]:
        return super().get_queryset(request).select_related("position__product")

    @display(description="amount")
    def show_amount(self, row: AccrualAdjustment) -> str:
        return money(row.amount, row.position.currency)


@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin):
    """Every investor's positions."""

    pages = (
        deeds.Suspend,
        deeds.Release,
        deeds.CountEarlier,
        deeds.AdjustPrincipal,
        deeds.AdjustDay,
        deeds.ReversePosting,
        deeds.ReverseSettlement,
    )
    list_display = ("show_number", "owner", "product", "show_status", "show_principal", "funded_on", "last_on")
    list_filter = ("status", "product__kind", "product")
    search_fields = ("owner__referral_code", "product__code")
    ordering = ("-id",)
    list_select_related = ("owner", "product")
    fields = (
        "show_number",
        "id",
        "show_owner",
        "product",
        "show_terms",
        "say_status",
        "opened_at",
        "funded_on",
        "last_on",
        "disclosure_version",
        "show_money",
        "show_earned",
        "show_days",
        "show_differences",
        "show_settlements",
    )
    readonly_fields = fields
    inlines = (TermInline, EventInline, ExitInline, AdjustmentInline)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Position]:
        return super().get_queryset(request).select_related("owner", "product", "version__product")

    @display(description="number", ordering="number")
    def show_number(self, row: Position) -> str:
        return f"#{row.number}"

    @display(description="investor")
    def show_owner(self, row: Position) -> str:
        return link_to("accounts.user", str(row.owner_id), str(row.owner))

    @display(
        description="status",
        label={
            "active": "success",
            "paused": "warning",
            "suspended": "danger",
            "pending_kyc": "info",
            "pending_funding": "info",
        },
    )
    def show_status(self, row: Position) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description="status")
    def say_status(self, row: Position) -> str:
        return row.get_status_display() + (f", from {row.suspended_from}" if row.suspended_from else "")

    @display(description="principal", ordering="principal")
    def show_principal(self, row: Position) -> str:
        return money(row.principal, row.currency)

    @display(description="terms")
    def show_terms(self, row: Position) -> str:
        version = row.version
        badge = ", above the rate ceiling" if version.is_above(RateCeiling.objects.current()) else ""
        return f"version {version.number}: {versions.rate(version)}, paid {version.get_payout_display().lower()}{badge}"

    @display(description="principal, in and out")
    def show_money(self, row: Position) -> str:
        given = (
            ("first", row.initial_principal),
            ("put in", row.deposited),
            ("taken out", row.withdrawn),
            ("now", row.principal),
        )
        return lines((label, money(amount, row.currency)) for label, amount in given)

    @display(description="earned")
    def show_earned(self, row: Position) -> str:
        standing = earned.of_one(row)
        closed = earned.last_closed_day() or row.funded_on
        following = None
        if closed is not None and row.funded_on is not None:
            following = rules.next_payout(max(closed, row.funded_on), payout=row.version.payout, last_on=row.last_on)
        return lines(
            [
                ("accrued, not due", money(standing.accrued, row.currency)),
                ("owed, due and unpaid", money(standing.owed, row.currency)),
                ("paid", money(standing.paid, row.currency)),
                ("next payout", following or NOTHING),
            ]
        )

    @display(description="last days that earned")
    def show_days(self, row: Position) -> str:
        since = earned.last_closed_day()
        if since is None:
            return NOTHING
        days = Accrual.objects.filter(position=row, day__gt=since - DAYS_SHOWN * rules.ONE_DAY).order_by("-day")
        given = (
            (
                day.day,
                money(day.principal, row.currency),
                percent(day.rate),
                f"{day.numerator}/{day.denominator}",
                number(day.amount, row.currency),
            )
            for day in days
        )
        return table(("day", "principal", "rate", "fraction", f"earned, {row.currency}"), given)

    @display(description="days that differ from their terms")
    def show_differences(self, row: Position) -> str:
        given = (
            (
                day,
                number(each.stands, row.currency),
                number(each.expected, row.currency),
                amounts.change(each.amount, row.currency),
            )
            for day, each in deeds.differing(row).items()
        )
        return table(("day", f"stands, {row.currency}", "by its terms", "an adjustment would add"), given)

    @display(description="last settlements")
    def show_settlements(self, row: Position) -> str:
        runs = row.product.runs.filter(due_on__gte=row.funded_on).values("pk") if row.funded_on else []
        found = Settlement.objects.filter(run__in=runs, position=row).select_related("run").order_by("-due_on")
        given = (
            (
                each.due_on,
                money(each.amount, row.currency),
                money(each.paid_to_date, row.currency),
                number(each.accrued_to_date, row.currency),
                money(each.overpaid or None, row.currency),
                each.run.get_status_display(),
            )
            for each in found[:RUNS_SHOWN]
        )
        return table(("due", "paid", "paid to date", "earned to date", "overpaid", "run"), given)
