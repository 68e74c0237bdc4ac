"""How positions are written, and what requests about them hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from rest_framework import serializers
from rest_framework.request import Request

from accounts.api.fields import StrictCharField, StrictSerializer
from investments import earned, rules
from investments.api.products import PercentField
from investments.earned import Earned
from investments.models import ExitRequest, Position, PositionEvent, ProductVersion, RateCeiling
from ledger.fields import AmountField, CurrencyField, DayField, MoneySerializerMixin

CLOSED = (Position.Status.CANCELLED, Position.Status.CLOSED)


@dataclass(frozen=True, slots=True)
class Figures:
    """What stands beside the rows of a page of positions."""

    earned: dict[UUID, Earned]
    exits: dict[UUID, list[ExitRequest]]
    ceiling: Decimal
    closed: date | None

    @classmethod
    def of(cls, positions: Sequence[Position]) -> Figures:
        exits: dict[UUID, list[ExitRequest]] = {}
        for request in with_places(ExitRequest.objects.waiting().filter(position__in=positions)):
            exits.setdefault(request.position_id, []).append(request)
        closed = earned.last_closed_day()
        return cls(earned.of(positions, closed=closed), exits, RateCeiling.objects.current(), closed)


def with_places(requests: QuerySet[ExitRequest]) -> Iterable[ExitRequest]:
    """Say of each request at which place of its product's line it stands."""
    before = (
        ExitRequest.objects.waiting()
        .filter(product=OuterRef("product"))
        .filter(Q(asked_at__lt=OuterRef("asked_at")) | Q(asked_at=OuterRef("asked_at"), id__lte=OuterRef("id")))
        .order_by()
        .values("product")
        .annotate(count=Count("pk"))
        .values("count")
    )
    return requests.annotate(place=Subquery(before), currency=F("product__currency"))


class HeldProductOut(serializers.Serializer[Any]):
    """The terms that a position keeps."""

    id = serializers.UUIDField(source="product.pk")
    version = serializers.IntegerField(source="number")
    kind = serializers.CharField(source="product.kind")
    name = serializers.CharField(source="product.code")
    display_name = serializers.CharField(source="product.display_name")
    rate = serializers.DecimalField(max_digits=18, decimal_places=12, normalize_output=True)
    rate_period = serializers.ChoiceField(choices=ProductVersion.RatePeriod.choices)
    payout = serializers.ChoiceField(choices=ProductVersion.Payout.choices)
    term_days = serializers.IntegerField(allow_null=True)
    annual_roi_percentage = PercentField(source="yearly_equivalent")
    above_rate_ceiling = serializers.BooleanField()
    risk_warning = serializers.CharField()


class ExitOut(serializers.Serializer[Any]):
    """Principal that waits for the product's money to come back; `place` 1 is next."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=ExitRequest.Kind.choices)
    currency = CurrencyField()
    amount = AmountField()
    asked_at = serializers.DateTimeField()
    place = serializers.IntegerField()


class PositionOut(serializers.Serializer[Any]):
    """A position. `accrued` is earned and not due, `owed` due and unpaid, `paid` in the wallet: all that was earned."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Position.Status.choices)
    product = HeldProductOut(source="version")
    currency = CurrencyField()
    initial_principal = AmountField()
    principal = AmountField()
    deposited = AmountField()
    withdrawn = AmountField()
    accrued = AmountField()
    owed = AmountField()
    paid = AmountField()
    next_payout_on = DayField(allow_null=True)
    opened_at = serializers.DateTimeField()
    funded_on = DayField(allow_null=True)
    last_on = DayField(allow_null=True, help_text="the last day that earns")
    disclosure_version = serializers.CharField()
    exits = ExitOut(many=True)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Write a position, or that of an event: what a request kept for ever is answered with it as it now stands."""
        position: Any = instance.position if isinstance(instance, PositionEvent) else instance
        figures: Figures = self.context.get("figures") or Figures.of([position])
        standing = figures.earned.get(position.pk, Earned())
        position.version.above_rate_ceiling = position.version.is_above(figures.ceiling)
        position.accrued, position.owed, position.paid = standing.accrued, standing.owed, standing.paid
        position.next_payout_on = next_payout(position, closed=figures.closed)
        position.exits_shown = figures.exits.get(position.pk, [])
        return super().to_representation(position)

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        fields["exits"].source = "exits_shown"
        return fields


def next_payout(position: Position, *, closed: date | None) -> date | None:
    """The next day whose close settles; none before the first funding and after the end."""
    if position.funded_on is None or position.status in CLOSED:
        return None
    after = max(closed or position.funded_on, position.funded_on)
    return rules.next_payout(after, payout=position.version.payout, last_on=position.last_on)


class AmountIn(MoneySerializerMixin, StrictSerializer):
    """How much, in the position's currency."""

    amount = AmountField()

    @classmethod
    def parse(cls, request: Request, *, currency: str) -> dict[str, Any]:
        """Return the amount as an argument. Raises ValidationError."""
        form = cls(data=request.data, context={"currency": currency})
        form.is_valid(raise_exception=True)
        return {"amount": form.validated_data["amount"]}


class NothingIn(StrictSerializer):
    """No content."""

    @classmethod
    def parse(cls, request: Request, *, currency: str) -> dict[str, Any]:
        """Return no argument. Raises ValidationError for any content."""
        cls(data=request.data or {}).is_valid(raise_exception=True)
        return {}


class PositionIn(MoneySerializerMixin, StrictSerializer):
    """A product, and the version of its disclosure that the investor accepts; with `amount` it is funded at once."""

    product = serializers.UUIDField()
    amount = AmountField(required=False, allow_null=True)
    disclosure_version = StrictCharField(max_length=40)

    def validate_product(self, product: UUID) -> UUID:
        version = ProductVersion.objects.active().select_related("product").filter(product_id=product).first()
        if version is None:
            refusal = serializers.ErrorDetail("There is no such product on offer.", code="unknown-product")
            raise serializers.ValidationError(refusal)
        self.currency = version.product.currency
        return product

    def currency_for(self, attrs: dict[str, Any], field: AmountField) -> str:
        return self.currency

    @classmethod
    def parse(cls, request: Request) -> dict[str, Any]:
        """Return the arguments of `open_position`. Raises ValidationError."""
        form = cls(data=request.data)
        form.is_valid(raise_exception=True)
        return {"amount": None, **form.validated_data}
