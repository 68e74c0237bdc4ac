"""The payment methods, as the file that the owner's role loads says."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from unfold.decorators import display

from ledger import amounts
from oversight.console import ReadOnlyAdmin, lines
from payments.models import PaymentMethod


@admin.register(PaymentMethod)
class PaymentMethodAdmin(ReadOnlyAdmin):
    """Ways in and out."""

    list_display = ("name", "currency", "direction", "show_minimum", "show_maximum", "show_fee", "is_active")
    list_filter = ("direction", "currency", "is_active")
    fieldsets = (
        (None, {"fields": ("name", "code", "direction", "currency", "countries", "is_active")}),
        ("Amounts", {"fields": ("show_minimum", "show_maximum", "show_fee", "expires_days")}),
        ("Where the money goes", {"fields": ("cash_scope", "show_instructions")}),
    )
    readonly_fields = ("show_minimum", "show_maximum", "show_fee", "show_instructions")

    @display(description="minimum", ordering="minimum")
    def show_minimum(self, method: PaymentMethod) -> str:
        return amounts.show(method.minimum, method.currency_id)

    @display(description="maximum", ordering="maximum")
    def show_maximum(self, method: PaymentMethod) -> str:
        return amounts.show(method.maximum, method.currency_id)

    @display(description="fee", ordering="fee")
    def show_fee(self, method: PaymentMethod) -> str:
        return amounts.show(method.fee, method.currency_id)

    @display(description="on the transfer")
    def show_instructions(self, method: PaymentMethod) -> Any:
        return lines((name.replace("_", " "), value) for name, value in method.instructions.items())
