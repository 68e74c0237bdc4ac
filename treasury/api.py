"""`GET /transparency/coverage`: public, append-only, and therefore cached by everyone alike."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any, Final

from django.core.cache import cache
from django.db.models import Max, QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.pagination import CursorPagination, require_known_parameters
from ledger.models import Currency, Seal
from treasury import transparency
from treasury.models import CoverageDay

KEPT_SECONDS: Final = 300
BROWSERS_KEEP_SECONDS: Final = 60


class DayPagination(CursorPagination):
    """Pages of days; a day is its own key, so no second column orders."""

    ordering = "-day"

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        return super().get_ordering(request, queryset, view)[:1]


class CashOut(serializers.Serializer[Any]):
    account = serializers.CharField()
    book = serializers.CharField()
    statement_on = serializers.DateField(allow_null=True)
    statement = serializers.CharField(allow_null=True)
    counts = serializers.BooleanField(help_text="whether the statement is young enough to confirm anything")
    confirmed = serializers.CharField()
    unconfirmed = serializers.CharField()


class AssetOut(serializers.Serializer[Any]):
    asset = serializers.UUIDField()
    name = serializers.CharField()
    product = serializers.CharField()
    cost = serializers.CharField()
    valued_on = serializers.DateField(allow_null=True)
    valuation = serializers.CharField(allow_null=True)
    counts = serializers.BooleanField(help_text="whether the valuation is young enough to confirm anything")
    confirmed = serializers.CharField()
    unconfirmed = serializers.CharField()
    income_received = serializers.CharField(help_text="to date, beside the cost")
    income_from_related = serializers.CharField(help_text="what of it came from parties related to the firm")
    related_to_firm = serializers.BooleanField()


class FiguresOut(serializers.Serializer[Any]):
    coverage = serializers.CharField(
        allow_null=True,
        help_text="(confirmed - own) / (claims + ring_fenced), six digits, rounded down; null where nothing is owed",
    )
    confirmed = serializers.CharField()
    claims = serializers.DictField(child=serializers.CharField())
    ring_fenced = serializers.DictField(child=serializers.CharField())
    own = serializers.DictField(child=serializers.CharField())
    books = serializers.DictField(child=serializers.CharField())
    missing = serializers.DictField(
        child=serializers.CharField(), help_text="claims + ring_fenced - (confirmed - own), part by part"
    )
    notes = serializers.ListField(child=serializers.CharField())
    cash = CashOut(many=True)
    assets = AssetOut(many=True)


class CurrencyOut(serializers.Serializer[Any]):
    currency = serializers.CharField()
    published = serializers.BooleanField()
    reason = serializers.CharField(allow_null=True)
    figures = FiguresOut(allow_null=True)


@extend_schema_serializer(component_name="ProductCoverage")
class ProductOut(serializers.Serializer[Any]):
    product = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    currency = serializers.CharField()
    pool = serializers.CharField()
    reserved = serializers.CharField()
    covers_what_is_owed = serializers.BooleanField()
    owed = serializers.CharField(allow_null=True, help_text="due and unpaid, rounded up")
    accrued = serializers.CharField(allow_null=True, help_text="earned and not due, rounded up")
    mean_accrual = serializers.CharField(allow_null=True, help_text="a day's, over 30 days, rounded up")
    days_of_cover = serializers.CharField(allow_null=True, help_text="pool / mean_accrual, rounded down")
    withheld = serializers.CharField(allow_null=True)
    income_received = serializers.CharField()
    income_from_related = serializers.CharField()
    firm_capital_received = serializers.CharField()
    released = serializers.CharField()
    above_rate_ceiling = serializers.BooleanField()
    yearly_rate = serializers.CharField(allow_null=True, help_text="simple yearly equivalent, as a fraction")


class CoverageDayOut(serializers.Serializer[Any]):
    day = serializers.DateField()
    published = serializers.BooleanField()
    reason = serializers.CharField(allow_null=True, help_text="why figures are withheld")
    seal = serializers.CharField(allow_null=True, help_text="SHA-256 that chains this day to the day before")
    digest = serializers.CharField(help_text="SHA-256 over all figures of the day; the seal contains it")
    rate_ceiling = serializers.CharField(allow_null=True)
    currencies = CurrencyOut(many=True)
    products = ProductOut(many=True)


class CoveragePageOut(serializers.Serializer[Any]):
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = CoverageDayOut(many=True)


EXAMPLE: Final = {
    "next": None,
    "previous": None,
    "results": [
        {
            "day": "2026-11-20",
            "published": False,
            "reason": transparency.TOO_FEW,
            "seal": "6f1d…",
            "digest": "9ab0…",
            "rate_ceiling": "0.360000",
            "currencies": [],
            "products": [],
        }
    ],
}


class CoverageList(APIView):
    """Coverage of closed days, newest first, each with its seal.

    Below 20 investors a day shows its seal and says why it shows no figures. Amounts are decimal strings.
    """

    authentication_classes = ()
    permission_classes = (AllowAny,)
    pagination_class = DayPagination
    orderings = ("-day", "day")
    query_parameters = ("currency", "day", "from", "to")

    @extend_schema(
        operation_id="list_coverage",
        responses=CoveragePageOut,
        parameters=[
            OpenApiParameter("currency", str, description="Only this currency and its products."),
            OpenApiParameter("day", date, description="This day alone."),
            OpenApiParameter("from", date, description="From this day on."),
            OpenApiParameter("to", date, description="Up to and with this day."),
            OpenApiParameter("limit", int, description="1 to 200, 50 if not given."),
            OpenApiParameter("cursor", str),
            OpenApiParameter("ordering", str, enum=list(orderings)),
        ],
        examples=[OpenApiExample("Too few investors", value=EXAMPLE, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        stamp = _stamp(request)
        etag = f'"{stamp}"'
        if request.headers.get("If-None-Match") == etag:
            return _marked(Response(status=304), etag)
        document = cache.get(f"coverage:{stamp}")
        if document is None:
            document = self._compose(request)
            cache.set(f"coverage:{stamp}", document, KEPT_SECONDS)
        return _marked(Response(document), etag)

    def _compose(self, request: Request) -> Any:
        pages = self.pagination_class()
        require_known_parameters(request, self, pages.known_parameters)
        days, currency = _chosen(request)
        page = pages.paginate_queryset(days, request, view=self)
        results = CoverageDayOut(transparency.document_of(page or [], currency=currency), many=True).data
        return pages.get_paginated_response(results).data


def _stamp(request: Request) -> str:
    """Name one answer: the newest day and seal, the whole query, and the host that links in it name."""
    newest = CoverageDay.objects.aggregate(Max("day"))["day__max"]
    sealed = Seal.objects.aggregate(Max("day_id"))["day_id__max"]
    whole = f"{newest}|{sealed}|{request.build_absolute_uri()}"
    return hashlib.sha256(whole.encode()).hexdigest()


def _marked(response: Response, etag: str) -> Response:
    response["ETag"] = etag
    response["Cache-Control"] = f"public, max-age={BROWSERS_KEEP_SECONDS}"
    return response


def _chosen(request: Request) -> tuple[QuerySet[CoverageDay], str]:
    days, given = CoverageDay.objects.all(), request.query_params
    currency = given.get("currency", "")
    if "currency" in given:
        if not Currency.objects.filter(pk=currency[:9]).exists():
            raise ValidationError({"currency": ["There is no such currency."]}, code="unknown-currency")
        days = days.filter(currencies__currency_id=currency)
    bounds = {name: _date(name, given[name]) for name in ("day", "from", "to") if name in given}
    if "day" in bounds:
        days = days.filter(day=bounds["day"])
    if "from" in bounds:
        days = days.filter(day__gte=bounds["from"])
    if "to" in bounds:
        days = days.filter(day__lte=bounds["to"])
    if "from" in bounds and "to" in bounds and bounds["from"] > bounds["to"]:
        raise ValidationError({"to": ["It comes before `from`."]}, code="out-of-range")
    return days, currency


def _date(name: str, given: str) -> date:
    field = serializers.DateField(input_formats=["%Y-%m-%d"])
    try:
        found: date = field.run_validation(given if given.isascii() else "")
    except ValidationError as error:
        raise ValidationError({name: error.detail}) from error
    return found
