"""The simulation of losses, and the personal warnings that are made out from it."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import person_of
from accounts.api.fields import NothingIn, StrictCharField, StrictSerializer
from api.permissions import IsInvestor
from ledger.fields import AmountField, CurrencyField, MoneySerializerMixin
from protection import rules, services
from protection.models import Disclosure, RiskWarning
from protection.services import warnings

TAGS = ["Investing"]
_NOTHING: Final = re.compile(r"0(?:\.0+)?", re.ASCII)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,14})(\.[0-9]+)?$", "example": "24000.00"},
            {"type": "number", "minimum": 0},
        ],
        "description": "Nothing or more, with no more digits after the point than the currency has.",
    }
)
class FigureField(AmountField):
    """An amount that may be nothing."""

    def to_internal_value(self, data: Any) -> Decimal:
        text = self._written(data)
        return Decimal(text) if _NOTHING.fullmatch(text) else super().to_internal_value(data)


class LossSimulationIn(MoneySerializerMixin, StrictSerializer):
    """A year's figures, in one currency."""

    currency = CurrencyField()
    income = FigureField(help_text="net income of a year")
    assets = FigureField(help_text="what can be turned into money, without the home")
    commitments = FigureField(help_text="what must be paid in a year: rent, loans, maintenance")

    @classmethod
    def parse(cls, request: Request, /, **context: Any) -> dict[str, Any]:
        """Return the arguments of `simulate_losses`. Raises ValidationError."""
        given = super().parse(request, **context)
        return {"currency": given.pop("currency"), "figures": rules.Figures(**given)}


class ShareField(serializers.DecimalField):
    """A share as a decimal fraction: 0.1 is 10 %."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=18, decimal_places=12, normalize_output=True, read_only=True, **options)


class LossSimulationOut(serializers.Serializer[Any]):
    """What the declared net worth bears to lose, and above which share of it an investment is warned of."""

    currency = CurrencyField()
    net_worth = AmountField(help_text="income and assets less commitments; it may be below zero")
    bearable_loss = AmountField()
    bearable_share = ShareField()
    warning_share = ShareField()
    made_at = serializers.DateTimeField()


class LossSimulationView(APIView):
    """Simulate what the caller can bear to lose."""

    permission_classes = [IsInvestor]

    @extend_schema(
        operation_id="loss_simulation_create",
        request=LossSimulationIn,
        responses={201: LossSimulationOut},
        tags=TAGS,
        examples=[
            OpenApiExample(
                "A year's figures",
                request_only=True,
                value={"currency": "USD", "income": "24000.00", "assets": "10000.00", "commitments": "9000.00"},
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Keep the figures, encrypted with the caller's own key, and say what they bear."""
        given = LossSimulationIn.parse(request)
        simulated = services.simulate_losses(investor=person_of(request), now=timezone.now(), **given)
        return Response(LossSimulationOut(simulated).data, status=201)


class RiskWarningIn(MoneySerializerMixin, StrictSerializer):
    """What the caller is about to invest in, and what they would then have in it."""

    subject = StrictCharField(max_length=64, help_text="product:<code> or offer:<code>")
    amount = AmountField()
    currency = CurrencyField()

    def validate_subject(self, value: str) -> str:
        if not Disclosure.objects.filter(subject=value).exists():
            raise serializers.ValidationError("There is nothing of that name to invest in.", code="unknown")
        return value


class RiskWarningOut(serializers.Serializer[Any]):
    """A warning made out to the caller and this amount; it counts once it is confirmed, for 14 days."""

    id = serializers.UUIDField()
    subject = serializers.CharField()
    amount = AmountField()
    currency = CurrencyField()
    share = serializers.DecimalField(
        max_digits=38, decimal_places=3, allow_null=True, help_text="of the declared net worth; null if that is nothing"
    )
    text = serializers.SerializerMethodField()
    shown_at = serializers.DateTimeField()
    confirmed_at = serializers.SerializerMethodField()

    def get_text(self, warning: RiskWarning) -> str:
        return warnings.text(warning.share)

    def get_confirmed_at(self, warning: RiskWarning) -> datetime | None:
        return warning.confirmation.confirmed_at if hasattr(warning, "confirmation") else None


class RiskWarningList(APIView):
    """Ask for the personal warning that a large investment needs."""

    permission_classes = [IsInvestor]

    @extend_schema(
        operation_id="risk_warnings_create",
        request=RiskWarningIn,
        responses={201: RiskWarningOut},
        tags=TAGS,
        examples=[
            OpenApiExample(
                "2,000 USD in Basic",
                request_only=True,
                value={"subject": "product:basic", "amount": "2000.00", "currency": "USD"},
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Make out a warning to the caller and this amount."""
        given = RiskWarningIn.parse(request)
        warning = services.show_warning(investor=person_of(request), now=timezone.now(), **given)
        return Response(RiskWarningOut(warning).data, status=201)


class RiskWarningConfirm(APIView):
    """The caller has understood a warning."""

    permission_classes = [IsInvestor]

    @extend_schema(operation_id="risk_warnings_confirm", request=None, responses=RiskWarningOut, tags=TAGS)
    def post(self, request: Request, warning_id: UUID) -> Response:
        """Confirm a warning; saying it twice changes nothing."""
        NothingIn.parse(request)
        warning = services.confirm_warning(warning_id, investor=person_of(request), now=timezone.now())
        return Response(RiskWarningOut(warning).data)
