"""A position's returns and forecast."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core import signing
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.permissions import IsInvestor
from investments import earned, returns, rules
from investments.api.positions import own_position
from investments.api.shapes import next_payout
from investments.models import Position, RateCeiling
from ledger.api import LimitField, Query
from ledger.fields import AmountField, CurrencyField, DayField
from treasury import coverage

PAGE, MOST_DAYS, USUAL_DAYS = 50, 366, 30
SALT = "investment-returns"


class ReturnOut(serializers.Serializer[Any]):
    """A line that explains itself: amount = principal × rate × numerator / denominator, day by day at 18 decimals.

    A correction has no rate: it names the days that it corrects and the day that it counts from.
    """

    period = DayField(help_text="first day of the day, month or year")
    status = serializers.ChoiceField(choices=list(returns.STATUSES))
    from_on = DayField()
    to_on = DayField()
    days = serializers.IntegerField()
    currency = CurrencyField()
    amount = serializers.CharField(help_text="a decimal with up to 18 digits after the point; a correction may be < 0")
    principal = AmountField(allow_null=True)
    rate = serializers.DecimalField(max_digits=18, decimal_places=12, normalize_output=True, allow_null=True)
    rate_period = serializers.CharField(allow_null=True)
    numerator = serializers.IntegerField(allow_null=True)
    denominator = serializers.IntegerField(allow_null=True)
    term = serializers.IntegerField(allow_null=True, help_text="the row of terms that it was earned by")
    booked_on = DayField(allow_null=True, help_text="corrections only")
    reason = serializers.CharField(help_text="corrections only")


class ReturnPage(serializers.Serializer[Any]):
    """A page of returns, newest first."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ReturnOut(many=True)


class ReturnQuery(Query):
    """Which returns."""

    period = serializers.ChoiceField(choices=list(returns.PERIODS), default=returns.DAILY)
    status = serializers.ChoiceField(choices=list(returns.STATUSES), required=False)
    limit = LimitField(required=False)
    cursor = serializers.CharField(required=False, max_length=200)


class Returns(APIView):
    """What a position has earned, or will by its terms."""

    permission_classes = [IsInvestor]

    @extend_schema(
        operation_id="investment_accounts_returns",
        tags=["Investing"],
        parameters=[
            OpenApiParameter("period", OpenApiTypes.STR, enum=list(returns.PERIODS), default=returns.DAILY),
            OpenApiParameter("status", OpenApiTypes.STR, enum=list(returns.STATUSES)),
            OpenApiParameter("limit", OpenApiTypes.INT, default=PAGE, description="1 to 200"),
            OpenApiParameter("cursor", OpenApiTypes.STR),
        ],
        responses=ReturnPage,
    )
    def get(self, request: Request, position_id: UUID) -> Response:
        """List returns; without `status`, all that were recorded. `projected` ones are computed and never stored."""
        position = own_position(request, position_id)
        query = ReturnQuery.parse(request)
        lines = returns.lines(position, period=query["period"], status=query.get("status"))
        first, limit = read_cursor(query.get("cursor"), position), query.get("limit", PAGE)
        return Response(
            {
                "next": link(request, position, first + limit) if first + limit < len(lines) else None,
                "previous": link(request, position, max(first - limit, 0)) if first else None,
                "results": ReturnOut([row_of(line, position) for line in lines[first : first + limit]], many=True).data,
            }
        )


class ForecastDayOut(serializers.Serializer[Any]):
    """What one day earns by the terms."""

    day = DayField()
    currency = CurrencyField()
    principal = AmountField()
    rate = serializers.DecimalField(max_digits=18, decimal_places=12, normalize_output=True)
    numerator = serializers.IntegerField()
    denominator = serializers.IntegerField()
    amount = AmountField()


class ProductCoverOut(serializers.Serializer[Any]):
    """What stands behind the product, at the end of its last closed day."""

    day = DayField()
    currency = CurrencyField()
    coverage = serializers.DecimalField(
        max_digits=38, decimal_places=6, allow_null=True, help_text="of the whole currency: 1 is covered"
    )
    pool = AmountField()
    owed = AmountField()
    accrued = AmountField()
    days_of_cover = serializers.DecimalField(max_digits=38, decimal_places=1, allow_null=True)
    is_covered = serializers.BooleanField(help_text="the pool holds what is owed")


class ForecastOut(serializers.Serializer[Any]):
    """What the terms promise while nothing changes; it is paid only as far as the product's pool goes."""

    currency = CurrencyField()
    from_on = DayField(allow_null=True)
    to_on = DayField(allow_null=True)
    next_payout_on = DayField(allow_null=True)
    total = AmountField()
    days = ForecastDayOut(many=True)
    above_rate_ceiling = serializers.BooleanField()
    risk_warning = serializers.CharField()
    coverage = ProductCoverOut(allow_null=True)


class DaysField(serializers.Field[Any, Any, int, Any]):
    """How many days to look ahead."""

    def to_internal_value(self, data: Any) -> int:
        text = str(data)
        if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MOST_DAYS):
            raise serializers.ValidationError(f"Give a whole number from 1 to {MOST_DAYS}.", code="invalid")
        return int(text)

    def to_representation(self, value: int) -> int:
        return value


class ForecastQuery(Query):
    """How far ahead."""

    days = DaysField(required=False)


class Forecast(APIView):
    """What a position's terms promise, with the product's coverage beside it."""

    permission_classes = [IsInvestor]

    @extend_schema(
        operation_id="investment_accounts_forecast",
        tags=["Investing"],
        parameters=[OpenApiParameter("days", OpenApiTypes.INT, default=USUAL_DAYS, description=f"1 to {MOST_DAYS}")],
        responses=ForecastOut,
    )
    def get(self, request: Request, position_id: UUID) -> Response:
        """Look ahead, day by day."""
        position = own_position(request, position_id)
        ahead = ForecastQuery.parse(request).get("days", USUAL_DAYS)
        first = returns.first_open_day(position)
        until = None if first is None else returns.horizon(position, from_on=first, days=ahead)
        return Response(ForecastOut(forecast_of(position, first, until)).data)


def forecast_of(position: Position, first: date | None, until: date | None) -> dict[str, Any]:
    """Compose a forecast; without an open ledger, or before the first funding, it is empty."""
    days: list[rules.Line] = []
    if first is not None and until is not None:
        days = [day for _, day in returns.forecast(position, from_on=first, until=until)]
    return {
        "currency": position.currency,
        "from_on": first,
        "to_on": until,
        "next_payout_on": next_payout(position, closed=earned.last_closed_day()),
        "total": sum((day.amount for day in days), Decimal(0)),
        "days": [
            {
                "day": day.day,
                "currency": position.currency,
                "principal": day.principal,
                "rate": day.rate,
                "numerator": day.fraction.numerator,
                "denominator": day.fraction.denominator,
                "amount": day.amount,
            }
            for day in days
        ],
        "above_rate_ceiling": position.version.is_above(RateCeiling.objects.current()),
        "risk_warning": position.version.risk_warning,
        "coverage": cover_of(position),
    }


def cover_of(position: Position) -> dict[str, Any] | None:
    """What the last closed day says of the product; None before the first close."""
    product = coverage.of_product(position.product.scope, position.currency)
    if product is None:
        return None
    whole = coverage.of_currency(position.currency)
    return {
        "day": product.day_id,
        "currency": position.currency,
        "coverage": whole.ratio if whole else None,
        "pool": product.pool,
        "owed": product.owed,
        "accrued": product.accrued,
        "days_of_cover": product.days_of_cover,
        "is_covered": product.is_covered,
    }


def row_of(line: returns.Line, position: Position) -> dict[str, Any]:
    """Compose what `ReturnOut` writes of a line."""
    amounts = {"amount": f"{line.amount.normalize():f}", "currency": position.currency}
    row = {name: getattr(line, name) for name in LINE} | amounts
    row["rate_period"] = None if line.rate is None else position.version.rate_period
    return row


LINE = [name for name in returns.Line.__slots__ if name != "amount"]


def link(request: Request, position: Position, first: int) -> str:
    """Write the address of the page that begins with the line `first`."""
    query = request.query_params.copy()
    query["cursor"] = signing.dumps(first, salt=f"{SALT}:{position.pk}")
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


def read_cursor(cursor: str | None, position: Position) -> int:
    """Return the line that a page begins with. Raises ValidationError for what isn't a cursor of this list."""
    if cursor is None:
        return 0
    try:
        return int(signing.loads(cursor, salt=f"{SALT}:{position.pk}"))
    except (signing.BadSignature, ValueError):
        refusal = serializers.ErrorDetail("This isn't a cursor of this list.", code="invalid")
        raise serializers.ValidationError({"cursor": [refusal]}) from None
