"""Amounts and currencies as the API takes and gives them. Source: API.md, "Amounts".

An amount is a decimal string beside its currency; on input a JSON number is taken exactly too. What is accepted is
pinned: ASCII digits, no sign, no leading zeros, digits on both sides of the point, at most 15 before it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Final

from django.utils import timezone
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api.parsers import ExactNumber
from core.money import Money
from ledger import amounts

_PLAIN: Final = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)
_NEGATIVE: Final = re.compile(r"-(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)
_LONGEST: Final = 64
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def written_moment(moment: datetime) -> str:
    """Write a moment as every serializer does, without asking anew for the time zone: ISO 8601, the platform's."""
    text = moment.astimezone(timezone.get_default_timezone()).isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


@extend_schema_field({"type": "string", "enum": sorted(amounts.EXPONENTS), "example": "USD"})
class CurrencyField(serializers.Field[Any, Any, str, Any]):
    """A currency's code, upper case."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "unknown_currency": "This is not the code of a currency of the platform.",
    }

    def to_internal_value(self, data: Any) -> str:
        if not amounts.is_currency(data):
            self.fail("unknown_currency")
        return str(data)

    def get_attribute(self, instance: Any) -> str:
        return _currency_beside(instance, str(self.source))  # The code is in the row: no query for the currency.

    def to_representation(self, value: str) -> str:
        return value


@extend_schema_field({"type": "string", "format": "date", "example": "2026-11-30"})
class DayField(serializers.Field[date, Any, str, Any]):
    """A plain date, YYYY-MM-DD in ASCII digits and no other way of writing it."""

    default_error_messages: ClassVar[dict[str, Any]] = {"malformed": "Write a date such as 2026-11-30."}

    def to_internal_value(self, data: Any) -> date:
        if not isinstance(data, str) or not _DAY.fullmatch(data):
            self.fail("malformed")
        try:
            return date.fromisoformat(data)
        except ValueError:
            self.fail("malformed")

    def to_representation(self, value: date) -> str:
        return value.isoformat()


class AmountField(serializers.Field[Any, Any, str | None, Any]):
    """An amount of the currency that stands beside it in the row (`currency`, a field of row and serializer).

    In: a Decimal, whose decimals `MoneySerializerMixin` then holds against the currency. Out: a decimal string.
    """

    default_error_messages: ClassVar[dict[str, Any]] = {
        "malformed": "Write a decimal number such as 250.00: digits, and a point with digits after it.",
        "not_positive": "The amount must be more than zero.",
        "too_large": f"At most {amounts.MAXIMUM_DIGITS} digits may stand before the point.",
        "too_precise": "{currency} has {exponent} decimals; the amount has more digits after the point.",
    }

    def __init__(self, *, currency: str = "currency", **options: Any) -> None:
        super().__init__(**options)
        self.currency = currency

    def to_internal_value(self, data: Any) -> Decimal:
        text = self._written(data)
        if _NEGATIVE.fullmatch(text):
            self.fail("not_positive")
        if not _PLAIN.fullmatch(text):
            self.fail("malformed")
        if len(text.partition(".")[0]) > amounts.MAXIMUM_DIGITS:
            self.fail("too_large")
        if not text.strip("0."):
            self.fail("not_positive")
        return Decimal(text)

    def _written(self, data: Any) -> str:
        """The digits as they came; a number in exponent form keeps its E and is malformed."""
        if isinstance(data, bool) or not isinstance(data, str | int | Decimal):
            self.fail("malformed")
        if isinstance(data, int) and abs(data) >= 10**_LONGEST:
            self.fail("too_large")
        text = data.written if isinstance(data, ExactNumber) else str(data)
        if len(text) > _LONGEST:
            self.fail("too_large" if text.isascii() and text.isdigit() else "malformed")
        return text

    def require_decimals(self, amount: Decimal, currency: str) -> None:
        """Refuse more digits after the point than the currency has, zeros too."""
        exponent = amounts.exponent_of(currency)
        if -int(amount.as_tuple().exponent) > exponent:
            self.fail("too_precise", currency=currency, exponent=exponent)

    def get_attribute(self, instance: Any) -> Money | None:
        amount = super().get_attribute(instance)
        return None if amount is None else Money(amount, _currency_beside(instance, self.currency))

    def to_representation(self, value: Money | None) -> str | None:
        return None if value is None else amounts.format_amount(value.amount, value.currency)


class AmountInSchema(OpenApiSerializerFieldExtension):
    """How an amount stands in the OpenAPI document: a string on the way out, a number as well on the way in."""

    target_class = "ledger.fields.AmountField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        if direction == "response":
            return {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "example": "250.00"}
        written = {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,14})(\.[0-9]+)?$", "example": "250.00"}
        return {
            "oneOf": [written, {"type": "number", "exclusiveMinimum": 0}],
            "description": "Positive, without exponent, with no more digits after the point than the currency has.",
        }


class MoneySerializerMixin:
    """Hold every amount of a serializer against its currency, once both are read.

    A serializer without a currency field says in `currency_for` which one its amounts are in.
    """

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)  # type: ignore[misc]
        problems: dict[str, Any] = {}
        for name, field in self.fields.items():  # type: ignore[attr-defined]
            amount = attrs.get(str(field.source)) if isinstance(field, AmountField) else None
            if amount is None:
                continue
            try:
                field.require_decimals(amount, self.currency_for(attrs, field))
            except serializers.ValidationError as refusal:
                problems[name] = refusal.detail
        if problems:
            raise serializers.ValidationError(problems)
        return attrs

    def currency_for(self, attrs: dict[str, Any], field: AmountField) -> str:
        """Return the currency of one of the amounts: what stands beside it, or `context["currency"]`."""
        beside = attrs.get(field.currency)
        return str(beside if beside is not None else self.context["currency"])  # type: ignore[attr-defined]


def _currency_beside(instance: Any, name: str) -> str:
    if isinstance(instance, Mapping):
        return str(instance[name])
    found = getattr(instance, f"{name}_id", None)
    return str(found if found is not None else getattr(instance, name))
