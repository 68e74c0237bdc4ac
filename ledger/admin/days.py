"""Business days and their seals."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from unfold.decorators import display

from ledger import amounts
from ledger.admin.shown import digest
from ledger.models import BusinessDay, Seal
from oversight.console import ReadOnlyAdmin, lines, link_to, pretty


@admin.register(BusinessDay)
class BusinessDayAdmin(ReadOnlyAdmin):
    """One is open; the others are closed and take no more rows."""

    list_display = ("day", "show_state", "opened_at", "closed_at", "last_transfer_id", "show_seal")
    list_select_related = ("seal",)
    date_hierarchy = "day"
    fields = ("day", "show_state", "opened_at", "closed_at", "last_transfer_id", "show_seal")
    readonly_fields = ("show_state", "show_seal")

    @display(description="state", label={"open": "info", "closed": "success"})
    def show_state(self, row: BusinessDay) -> str:
        return "closed" if row.closed_at else "open"

    @display(description="seal")
    def show_seal(self, row: BusinessDay) -> Any:
        seal = getattr(row, "seal", None)
        return link_to("ledger.seal", row.day.isoformat(), bytes(seal.sha256).hex()[:16]) if seal else "not sealed"


@admin.register(Seal)
class SealAdmin(ReadOnlyAdmin):
    """The hash of each day, chained to the day before; published with the day's coverage."""

    list_display = ("show_day", "show_hash", "transfers", "show_rows", "sealed_at")
    fieldsets = (
        (None, {"fields": ("day", "show_hash", "show_previous", "sealed_at")}),
        ("Ledger", {"fields": ("transfers", "last_transfer_id", "show_sums", "show_ledger")}),
        ("Records and coverage", {"fields": ("recorded_until", "show_records", "show_coverage")}),
    )
    readonly_fields = ("show_hash", "show_previous", "show_sums", "show_ledger", "show_records", "show_coverage")

    @display(description="day", ordering="day")
    def show_day(self, seal: Seal) -> str:
        return seal.day_id.isoformat()

    @display(description="SHA-256")
    def show_hash(self, seal: Seal) -> str:
        return digest(seal.sha256)

    @display(description="of the day before")
    def show_previous(self, seal: Seal) -> str:
        return digest(seal.previous_sha256)

    @display(description="of the transfers")
    def show_ledger(self, seal: Seal) -> str:
        return digest(seal.ledger_sha256)

    @display(description="other records")
    def show_rows(self, seal: Seal) -> int:
        return sum(int(record["rows"]) for record in seal.records.values())

    @display(description="of the records")
    def show_records(self, seal: Seal) -> Any:
        return lines((table, f"{r['rows']} rows, {r['sha256']}") for table, r in sorted(seal.records.items()))

    @display(description="of the coverage")
    def show_coverage(self, seal: Seal) -> str:
        return digest(seal.coverage_sha256)

    @display(description="sums by currency")
    def show_sums(self, seal: Seal) -> Any:
        known = isinstance(seal.sums, dict) and all(amounts.is_currency(code) for code in seal.sums)
        return lines(sorted(seal.sums.items())) if known else pretty(seal.sums)
