"""What is on offer; public."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import CharField, OuterRef, Prefetch, QuerySet, Subquery, Value
from django.db.models.functions import Concat
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.pagination import CursorPagination
from core.errors import NotFound
from investments import rules
from investments.models import Product, ProductVersion, RateCeiling
from ledger.api import Query
from ledger.fields import AmountField, CurrencyField
from protection.models import Disclosure

Kind = Product.Kind


@extend_schema_field(OpenApiTypes.STR)
class PercentField(serializers.Field[Any, Any, str, Any]):
    """A fraction as a percentage: 0.25 is "25"."""

    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, **options)

    def to_representation(self, value: Decimal) -> str:
        return percentage(value)


def percentage(fraction: Decimal) -> str:
    """Write a fraction as a percentage."""
    return f"{(fraction * 100).normalize():f}"


class ProductOut(serializers.Serializer[Any]):
    """A product with the terms that a position opened now would have. `rate` is a fraction per `rate_period`."""

    id = serializers.UUIDField(source="product.pk")
    version = serializers.IntegerField(source="number")
    kind = serializers.ChoiceField(source="product.kind", choices=Kind.choices)
    name = serializers.CharField(source="product.code")
    display_name = serializers.CharField(source="product.display_name")
    currency = CurrencyField()
    minimum_deposit = AmountField(source="minimum")
    maximum_deposit = AmountField(source="maximum", allow_null=True)
    rate = serializers.DecimalField(max_digits=18, decimal_places=12, normalize_output=True)
    rate_period = serializers.ChoiceField(choices=ProductVersion.RatePeriod.choices)
    day_count = serializers.ChoiceField(choices=ProductVersion.DayCount.choices, allow_blank=True)
    return_percentage = PercentField(source="rate", help_text="per `rate_period`")
    annual_roi_percentage = PercentField(source="yearly_equivalent", help_text="simple: × 12 or × 365")
    payout = serializers.ChoiceField(choices=ProductVersion.Payout.choices)
    term_days = serializers.IntegerField(allow_null=True, help_text="null: open-ended")
    locked = serializers.BooleanField(help_text="the principal can't leave before maturity")
    pausable = serializers.BooleanField()
    early_exit_penalty = serializers.DecimalField(max_digits=18, decimal_places=12, normalize_output=True)
    kyc_level = serializers.IntegerField()
    features = serializers.ListField(child=serializers.CharField())
    risk_warning = serializers.CharField()
    disclosure = serializers.CharField()
    disclosure_version = serializers.CharField(help_text="send it back when opening a position")
    disclosure_id = serializers.UUIDField(help_text="accept it before: POST /disclosures/{id}/accept")
    is_active = serializers.SerializerMethodField()
    above_rate_ceiling = serializers.SerializerMethodField()

    def get_is_active(self, version: ProductVersion) -> bool:
        return version.status == ProductVersion.Status.ACTIVE

    def get_above_rate_ceiling(self, version: ProductVersion) -> bool:
        return version.is_above(self.context["ceiling"])


class MonthlyField(PercentField):
    """What a month brings: exact for a monthly rate, a twelfth of the yearly equivalent for others."""

    def get_attribute(self, instance: ProductVersion) -> Decimal:
        if instance.rate_period == rules.MONTH:
            return instance.rate
        return (instance.yearly_equivalent / 12).quantize(Decimal("1e-8"))


class TierOut(ProductOut):
    """A tier."""

    monthly_return_percentage = MonthlyField(source="*")


class DailyOut(ProductOut):
    """A VIP package or staking plan."""

    daily_return_percentage = PercentField(source="rate")


class ProductQuery(Query):
    """Which products."""

    kind = serializers.ChoiceField(choices=Kind.choices, required=False)
    currency = CurrencyField(required=False)


def shown_versions() -> Prefetch[Any]:
    """The active version of each product, else the last one that was."""
    sheet = Disclosure.objects.filter(
        subject=Concat(Value("product:"), OuterRef("product__code"), output_field=CharField()),
        version=OuterRef("disclosure_version"),
    )
    versions = ProductVersion.objects.filter(status__in=["active", "retired"]).select_related("product")
    versions = versions.annotate(disclosure_id=Subquery(sheet.values("pk")))
    return Prefetch("versions", queryset=versions.order_by("status", "-number"), to_attr="shown")


class ProductList(APIView):
    """Everything on offer. Public."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []
    pagination_class = CursorPagination
    orderings: tuple[str, ...] = ("id", "-id")
    query_parameters = ("kind", "currency")
    kind: str | None = None
    answer: type[ProductOut] = ProductOut

    @extend_schema(
        operation_id="investment_products_list",
        tags=["Investing"],
        auth=[],
        parameters=[
            OpenApiParameter("kind", OpenApiTypes.STR, enum=Kind.values),
            OpenApiParameter("currency", OpenApiTypes.STR),
        ],
        responses=ProductOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """List what is on offer."""
        return self.page(request)

    def page(self, request: Request) -> Response:
        query = ProductQuery.parse(request, paging=CursorPagination.known_parameters)
        if self.kind is not None and "kind" in query:
            raise serializers.ValidationError({"kind": ["Every result is of one kind here."]}, code="unknown-parameter")
        found = self.products().filter(**query)
        paginator = CursorPagination()
        page: list[Any] = paginator.paginate_queryset(found, request, view=self) or []
        context = {"request": request, "ceiling": RateCeiling.objects.current()}
        shown = [product.shown[0] for product in page]
        return paginator.get_paginated_response(self.answer(shown, many=True, context=context).data)

    def products(self) -> QuerySet[Product]:
        found = Product.objects.on_offer().prefetch_related(shown_versions())
        return found if self.kind is None else found.filter(kind=self.kind)


class ProductDetail(APIView):
    """One product. Public; a retired one is still shown to those who hold it."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []
    kind: str | None = None
    answer: type[ProductOut] = ProductOut

    @extend_schema(operation_id="investment_products_retrieve", tags=["Investing"], auth=[], responses=ProductOut)
    def get(self, request: Request, product_id: UUID) -> Response:
        """Show a product."""
        return self.one(request, product_id)

    def one(self, request: Request, product_id: UUID) -> Response:
        Query.parse(request)
        found = Product.objects.filter(pk=product_id).prefetch_related(shown_versions())
        product: Any = (found if self.kind is None else found.filter(kind=self.kind)).first()
        if product is None or not product.shown:
            raise NotFound("There is no such product.")
        context = {"request": request, "ceiling": RateCeiling.objects.current()}
        return Response(self.answer(product.shown[0], context=context).data)


def _list(kind: str, answer: type[ProductOut], name: str) -> type[ProductList]:
    """Make the list of one kind."""

    class OfOneKind(ProductList):
        orderings = ("rank", "-rank")

        @extend_schema(
            operation_id=f"investment_{name}_list",
            tags=["Investing"],
            auth=[],
            parameters=[OpenApiParameter("currency", OpenApiTypes.STR)],
            responses=answer(many=True),
        )
        def get(self, request: Request) -> Response:
            """List the products of this kind."""
            return self.page(request)

    OfOneKind.kind, OfOneKind.answer = kind, answer
    return OfOneKind


TierList = _list(Kind.TIER, TierOut, "tiers")
VipPackageList = _list(Kind.VIP, DailyOut, "vip_packages")
StakingPlanList = _list(Kind.STAKING, DailyOut, "staking_plans")


class TierDetail(ProductDetail):
    """One tier. Public."""

    kind = Kind.TIER
    answer = TierOut

    @extend_schema(operation_id="investment_tiers_retrieve", tags=["Investing"], auth=[], responses=TierOut)
    def get(self, request: Request, product_id: UUID) -> Response:
        """Show a tier."""
        return self.one(request, product_id)
