"""How positions are written, and what requests about them hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request

from accounts.api.fields import StrictCharField, StrictSerializer
from investments import earned, exits, rules
from investments.api.products import PercentField, percentage
from investments.earned import Earned
from investments.exits import ExitInLine
from investments.holdings import Held, Holdings
from investments.models import ExitRequest, Position, PositionEvent, Product, ProductVersion
from ledger.amounts import format_amount
from ledger.fields import AmountField, CurrencyField, DayField, MoneySerializerMixin, written_moment

CLOSED = (Position.Status.CANCELLED, Position.Status.CLOSED)


@dataclass(frozen=True, slots=True)
class Figures:
    """What stands beside the rows of a page of positions; a query, and one for the exits if there are any.

    `terms` keeps what was written of each version, for the next position that has it.
    """

    earned: dict[UUID, Earned]
    exits: dict[UUID, list[ExitInLine]]
    terms: dict[UUID, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, positions: Sequence[Held]) -> Figures:
        closed = positions[0].closed if positions else None
        return cls(earned.of(positions, closed=closed), exits.of(positions))


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
        held = Holdings(owner_id=position.owner_id).one(position.pk)
        return written(held, Figures.of([held]))


def written(position: Held, figures: Figures) -> dict[str, Any]:
    """Write a position as `PositionOut` describes it; by hand, for a page has thousands of fields."""
    currency = position.currency
    standing = figures.earned.get(position.id) or Earned()
    terms = figures.terms.get(position.version_id)
    if terms is None:
        terms = written_terms(position.version, position.product, ceiling=position.ceiling)
        figures.terms[position.version_id] = terms
    return {
        "id": str(position.id),
        "status": position.status,
        "product": terms,
        "currency": currency,
        "initial_principal": format_amount(position.initial_principal, currency),
        "principal": format_amount(position.principal, currency),
        "deposited": format_amount(position.deposited, currency),
        "withdrawn": format_amount(position.withdrawn, currency),
        "accrued": format_amount(standing.accrued, currency),
        "owed": format_amount(standing.owed, currency),
        "paid": format_amount(standing.paid, currency),
        "next_payout_on": _day(next_payout(position, closed=position.closed)),
        "opened_at": written_moment(position.opened_at),
        "funded_on": _day(position.funded_on),
        "last_on": _day(position.last_on),
        "disclosure_version": position.disclosure_version,
        "exits": [written_exit(row, currency) for row in figures.exits.get(position.id, [])],
    }


def written_terms(version: ProductVersion, product: Product, *, ceiling: Decimal) -> dict[str, Any]:
    """Write terms as `HeldProductOut` describes them."""
    return {
        "id": str(product.pk),
        "version": version.number,
        "kind": product.kind,
        "name": product.code,
        "display_name": product.display_name,
        "rate": f"{version.rate.normalize():f}",
        "rate_period": version.rate_period,
        "payout": version.payout,
        "term_days": version.term_days,
        "annual_roi_percentage": percentage(version.yearly_equivalent),
        "above_rate_ceiling": version.is_above(ceiling),
        "risk_warning": version.risk_warning,
    }


def written_exit(waiting: ExitInLine, currency: str) -> dict[str, Any]:
    """Write a waiting exit as `ExitOut` describes it."""
    return {
        "id": str(waiting.id),
        "kind": waiting.kind,
        "currency": currency,
        "amount": format_amount(waiting.amount, currency),
        "asked_at": written_moment(waiting.asked_at),
        "place": waiting.place,
    }


def _day(on: date | None) -> str | None:
    return None if on is None else on.isoformat()


def next_payout(position: Position | Held, *, closed: date | None) -> date | None:
    """The next day whose close settles; none before the first funding and after the end."""
    if position.funded_on is None or position.status in CLOSED:
        return None
    after = max(closed or position.funded_on, position.funded_on)
    return rules.next_payout(after, payout=position.version.payout, last_on=position.last_on)


class AmountIn(MoneySerializerMixin, StrictSerializer):
    """How much, in the position's currency."""

    amount = AmountField()


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
    def parse(cls, request: Request, /, **context: Any) -> dict[str, Any]:
        """Return the arguments of `open_position`. Raises ValidationError."""
        return {"amount": None, **super().parse(request, **context)}
