"""Amounts in the console's forms, read as strictly as the API reads them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from rest_framework import serializers

from ledger import amounts
from ledger.fields import AmountField


class AmountFormField(forms.CharField):
    """A positive amount in digits; the form holds it against its currency with `require_decimals`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=64, **options)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "inputmode": "decimal", "autocomplete": "off"}

    def clean(self, value: Any) -> Decimal:
        try:
            read: Decimal = AmountField().to_internal_value(super().clean(value))
        except serializers.ValidationError as refusal:
            raise forms.ValidationError(_text(refusal)) from refusal
        return read


def currency_choices() -> list[tuple[str, str]]:
    """The platform's currencies, as choices."""
    return [(code, code) for code in amounts.EXPONENTS]


def require_decimals(form: forms.Form, *, amount: str = "amount", currency: str = "currency") -> None:
    """Put an error on the amount's field when it has more digits after the point than its currency."""
    given = form.cleaned_data
    if given.get(amount) is None or not given.get(currency):
        return
    try:
        AmountField().require_decimals(given[amount], given[currency])
    except serializers.ValidationError as refusal:
        form.add_error(amount, _text(refusal))


def _text(refusal: serializers.ValidationError) -> str:
    detail = refusal.detail
    return str(detail[0] if isinstance(detail, list) else detail)
