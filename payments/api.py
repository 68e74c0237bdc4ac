"""Payment methods and deposits over HTTP. Contract: API.md, "Money"."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

import pycountry
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import person_of
from accounts.api.fields import StrictSerializer
from api.idempotency import once
from api.pagination import CursorPagination
from api.permissions import IsInvestor
from api.schema import IDEMPOTENCY_KEY
from core.money import Money
from ledger import amounts
from ledger.api import Query
from ledger.fields import AmountField, CurrencyField, DayField, MoneySerializerMixin
from payments import hooks
from payments.models import Deposit, PaymentMethod
from payments.services import deposits

COUNTRIES = frozenset(country.alpha_2 for country in pycountry.countries)


class PaymentMethodOut(serializers.ModelSerializer[PaymentMethod]):
    """A way in or out; amounts are in `currency`."""

    method = serializers.CharField(source="code")
    currency = CurrencyField()
    minimum = AmountField()
    maximum = AmountField()
    fee = AmountField()

    class Meta:
        model = PaymentMethod
        fields = ("method", "direction", "name", "currency", "countries", "minimum", "maximum", "fee")


class CountryField(serializers.Field[Any, Any, str, Any]):
    """ISO 3166-1 alpha-2, upper case."""

    def to_internal_value(self, data: Any) -> str:
        if data not in COUNTRIES:
            raise serializers.ValidationError("This is not a country's code (ISO 3166-1 alpha-2).", code="invalid")
        return str(data)

    def to_representation(self, value: str) -> str:
        return value


class PaymentMethodQuery(Query):
    """Which methods."""

    country = CountryField(required=False)
    currency = CurrencyField(required=False)
    direction = serializers.ChoiceField(choices=PaymentMethod.Direction.choices, required=False)


class PaymentMethodList(APIView):
    """The ways in and out, with minimum, maximum and fee. Now money comes by bank transfer, and nothing goes out."""

    permission_classes = [IsInvestor]
    pagination_class = CursorPagination
    orderings = ("id", "-id")
    query_parameters = ("country", "currency", "direction")

    @extend_schema(
        operation_id="payment_methods_list",
        tags=["Money"],
        parameters=[
            OpenApiParameter("country", OpenApiTypes.STR, description="ISO 3166-1 alpha-2"),
            OpenApiParameter("currency", OpenApiTypes.STR),
            OpenApiParameter("direction", OpenApiTypes.STR, enum=PaymentMethod.Direction.values),
        ],
        responses=PaymentMethodOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """List the methods that are offered; a currency without one, such as USDT, can't be deposited."""
        query = PaymentMethodQuery.parse(request, paging=CursorPagination.known_parameters)
        found = PaymentMethod.objects.offered()
        if "country" in query:
            found = found.for_country(query["country"])
        names = {"currency": "currency_id", "direction": "direction"}
        found = found.filter(**{column: query[name] for name, column in names.items() if name in query})
        paginator = CursorPagination()
        page = paginator.paginate_queryset(found, request, view=self)
        return paginator.get_paginated_response(PaymentMethodOut(page, many=True).data)


class DepositIn(MoneySerializerMixin, StrictSerializer):
    """What the investor will send."""

    amount = AmountField()
    currency = CurrencyField()
    method = serializers.ChoiceField(choices=PaymentMethod.Code.choices)
    investment_account = serializers.UUIDField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        position = attrs.get("investment_account")
        investor = self.context["request"].user
        if position is not None and not hooks.owns_position(investor, position, attrs["currency"]):
            refusal = serializers.ErrorDetail(deposits.UnknownPosition.title, code=deposits.UnknownPosition.code)
            raise serializers.ValidationError({"investment_account": [refusal]})
        return attrs

    @classmethod
    def parse(cls, request: Request, /, **context: Any) -> dict[str, Any]:
        """Return the arguments of `request_deposit`. Raises ValidationError."""
        given = super().parse(request, request=request, **context)
        return {
            "amount": Money(given["amount"], given["currency"]),
            "method": given["method"],
            "position_id": given.get("investment_account"),
        }


class NextActionOut(serializers.Serializer[Any]):
    """What the investor does next: `instructions` say what to write on the bank transfer."""

    type = serializers.ChoiceField(choices=["redirect", "address", "instructions", "none"])
    reference = serializers.CharField(required=False, help_text="write exactly this on the transfer")
    amount = serializers.CharField(required=False)
    currency = serializers.CharField(required=False)
    expires_at = serializers.DateTimeField(required=False)
    bank_account = serializers.DictField(child=serializers.CharField(), required=False)


class DepositOut(serializers.ModelSerializer[Deposit]):
    """A deposit; `arrived_amount` is what was credited, `amount` what was asked."""

    method = serializers.CharField(source="method.code")
    currency = CurrencyField()
    amount = AmountField()
    arrived_amount = AmountField(allow_null=True)
    reference = serializers.CharField(source="shown_reference")
    investment_account = serializers.UUIDField(source="position_id", allow_null=True)
    investment_refusal = serializers.CharField(source="position_refusal", help_text="why the money wasn't invested")
    value_on = DayField(allow_null=True)
    transaction = serializers.UUIDField(source="transaction_id", allow_null=True)
    next_action = serializers.SerializerMethodField()

    class Meta:
        model = Deposit
        fields: ClassVar[tuple[str, ...]] = (
            "id",
            "status",
            "method",
            "currency",
            "amount",
            "arrived_amount",
            "reference",
            "investment_account",
            "investment_refusal",
            "created_at",
            "expires_at",
            "confirmed_at",
            "value_on",
            "transaction",
            "next_action",
        )

    @extend_schema_field(NextActionOut)
    def get_next_action(self, deposit: Deposit) -> dict[str, Any]:
        if deposit.status not in (Deposit.Status.INITIATED, Deposit.Status.PENDING):
            return {"type": "none"}
        return {
            "type": "instructions",
            "reference": deposit.shown_reference,
            "amount": amounts.format_amount(deposit.amount, deposit.currency_id),
            "currency": deposit.currency_id,
            "expires_at": serializers.DateTimeField().to_representation(deposit.expires_at),
            "bank_account": deposit.method.instructions,
        }


class DepositQuery(Query):
    """Which deposits."""

    status = serializers.ChoiceField(choices=Deposit.Status.choices, required=False)
    currency = CurrencyField(required=False)


class DepositList(APIView):
    """The investor's deposits, newest first; POST announces one (Idempotency-Key required)."""

    permission_classes = [IsInvestor]
    pagination_class = CursorPagination
    orderings = ("-id", "id")
    query_parameters = ("status", "currency")

    @extend_schema(
        operation_id="deposits_list",
        tags=["Money"],
        parameters=[
            OpenApiParameter("status", OpenApiTypes.STR, enum=Deposit.Status.values),
            OpenApiParameter("currency", OpenApiTypes.STR),
        ],
        responses=DepositOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """List the caller's deposits."""
        query = DepositQuery.parse(request, paging=CursorPagination.known_parameters)
        names = {"currency": "currency_id", "status": "status"}
        found = _own(request).filter(**{column: query[name] for name, column in names.items() if name in query})
        paginator = CursorPagination()
        page = paginator.paginate_queryset(found, request, view=self)
        return paginator.get_paginated_response(DepositOut(page, many=True).data)

    @extend_schema(
        operation_id="deposits_create",
        tags=["Money"],
        parameters=[IDEMPOTENCY_KEY],
        request=DepositIn,
        responses={201: DepositOut},
        examples=[
            OpenApiExample(
                "By bank transfer",
                value={"amount": "250.00", "currency": "USD", "method": "bank_transfer"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Announce a deposit and get its payment reference."""
        now = timezone.now()
        return once(
            request, deposits.request_deposit, form=DepositIn.parse, answer=DepositOut, kept_by=Deposit, now=now
        )


class DepositDetail(APIView):
    """One of the investor's deposits."""

    permission_classes = [IsInvestor]

    @extend_schema(operation_id="deposits_retrieve", responses=DepositOut, tags=["Money"])
    def get(self, request: Request, deposit_id: UUID) -> Response:
        """Show one of the caller's deposits; somebody else's is as unknown as one that isn't there."""
        Query.parse(request)
        deposit = _own(request).filter(pk=deposit_id).first()
        if deposit is None:
            raise deposits.UnknownDeposit
        return Response(DepositOut(deposit).data)


def _own(request: Request) -> QuerySet[Deposit]:
    return Deposit.objects.owned_by(person_of(request)).select_related("method").newest_first()
