"""Wallets, statements and transactions over HTTP. Contract: API.md, "Money"."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core import signing
from django.db import models
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.pagination import CursorPagination, require_known_parameters
from api.permissions import IsInvestor
from core.errors import NotFound
from ledger import accounts, amounts, balances, exports, history, statements
from ledger.fields import AmountField, CurrencyField, DayField, written_moment
from ledger.models import Account

PAGE, LONGEST_PAGE = 50, 200


class WalletOut(serializers.Serializer[Any]):
    """What the caller has in one currency."""

    currency = CurrencyField()
    available = AmountField()
    locked = AmountField()
    in_payout = AmountField()
    total = AmountField()


class WalletPage(serializers.Serializer[Any]):
    """A page of wallets, by currency."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = WalletOut(many=True)


class StatementLineOut(serializers.Serializer[Any]):
    """One movement of `available`, with the balance after it. `effective_on` is the value date."""

    transaction = serializers.UUIDField()
    type = serializers.ChoiceField(choices=[kind.value for kind in history.Type])
    kind = serializers.CharField()
    booked_on = DayField()
    effective_on = DayField()
    posted_at = serializers.DateTimeField()
    direction = serializers.ChoiceField(choices=["in", "out"])
    currency = CurrencyField()
    amount = AmountField()
    balance = AmountField()
    memo = serializers.CharField()


class StatementOut(serializers.Serializer[Any]):
    """A page of a statement, newest first."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = StatementLineOut(many=True)


class LegOut(serializers.Serializer[Any]):
    """What a transaction changed in one account of the caller."""

    account = serializers.CharField()
    currency = CurrencyField()
    direction = serializers.ChoiceField(choices=["in", "out"])
    amount = AmountField()


class TransactionOut(serializers.Serializer[Any]):
    """One movement of the caller's money; `amount` is what `available` gained (`in`) or lost (`out`)."""

    id = serializers.UUIDField()
    type = serializers.ChoiceField(choices=[kind.value for kind in history.Type])
    kind = serializers.CharField()
    direction = serializers.ChoiceField(choices=["in", "out"])
    currency = CurrencyField()
    amount = AmountField()
    fee = AmountField()
    booked_on = DayField()
    effective_on = DayField()
    posted_at = serializers.DateTimeField()
    lines = LegOut(many=True)


class Query(serializers.Serializer[Any]):
    """A query string. What neither it nor `paging` declares is refused: a misspelt one never gives the whole list."""

    @classmethod
    def parse(cls, request: Request, *, paging: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Return the filters. Raises ValidationError, a pointer for each parameter that is wrong."""
        form = cls(data=request.query_params.dict())
        require_known_parameters(request, None, frozenset(form.fields) | paging)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)


class Days(Query):
    """From one business day to another, both included."""

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": DayField(required=False), "to": DayField(required=False)}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "from" in attrs and "to" in attrs and attrs["from"] > attrs["to"]:
            refusal = serializers.ErrorDetail("This is later than `to`.", code="later_than_to")
            raise serializers.ValidationError({"from": [refusal]})
        return attrs


class StatementQuery(Days):
    """Which part of a statement, and how."""

    def get_fields(self) -> dict[str, Any]:
        return {
            **super().get_fields(),
            "as": serializers.ChoiceField(choices=["json", "csv"], required=False),
            "limit": LimitField(required=False),
            "cursor": serializers.CharField(required=False, max_length=500),
        }


class LimitField(serializers.Field[Any, Any, int, Any]):
    """How many rows a page has."""

    def to_internal_value(self, data: Any) -> int:
        text = str(data)
        if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= LONGEST_PAGE):
            raise serializers.ValidationError(f"Give a whole number from 1 to {LONGEST_PAGE}.", code="invalid")
        return int(text)

    def to_representation(self, value: int) -> int:
        return value


class WalletQuery(Query):
    """Which page of wallets: those after the currency that `cursor` names."""

    limit = LimitField(required=False)
    cursor = CurrencyField(required=False)


class TransactionQuery(Days):
    """Which transactions."""

    type = serializers.ChoiceField(choices=[kind.value for kind in history.Type], required=False)
    currency = CurrencyField(required=False)


class WalletList(APIView):
    """The caller's wallets; one in each currency that was ever used."""

    permission_classes = [IsInvestor]

    @extend_schema(
        operation_id="wallets_list",
        tags=["Money"],
        parameters=[
            OpenApiParameter("limit", OpenApiTypes.INT, default=PAGE, description="1 to 200"),
            OpenApiParameter("cursor", OpenApiTypes.STR),
        ],
        responses=WalletPage,
    )
    def get(self, request: Request) -> Response:
        """List the caller's wallets."""
        query = WalletQuery.parse(request)
        limit, after = query.get("limit", PAGE), query.get("cursor", "")
        found = [wallet for wallet in balances.wallets_of(_caller(request)) if wallet.currency > after]
        last = found[limit - 1].currency if len(found) > limit else None
        results = [written_wallet(wallet) for wallet in found[:limit]]
        return Response({"next": _link(request, last), "previous": None, "results": results})


class WalletDetail(APIView):
    """One wallet; a currency that wasn't used yet has zeros."""

    permission_classes = [IsInvestor]

    @extend_schema(operation_id="wallets_retrieve", responses=WalletOut, tags=["Money"])
    def get(self, request: Request, currency: str) -> Response:
        """Show the caller's wallet in a currency."""
        Query.parse(request)
        require_currency(currency)
        used = balances.wallets_of(_caller(request), currency=currency)
        empty = balances.WalletBalance(currency, *[Decimal(0)] * 3)
        return Response(written_wallet(used[0] if used else empty))


class WalletStatement(APIView):
    """The statement of what is available, newest first, with the balance after each line."""

    permission_classes = [IsInvestor]

    @extend_schema(
        operation_id="wallets_statement",
        tags=["Money"],
        parameters=[
            OpenApiParameter("from", OpenApiTypes.DATE, description="first business day"),
            OpenApiParameter("to", OpenApiTypes.DATE, description="last business day"),
            OpenApiParameter("as", OpenApiTypes.STR, enum=["json", "csv"], default="json"),
            OpenApiParameter("limit", OpenApiTypes.INT, default=PAGE),
            OpenApiParameter("cursor", OpenApiTypes.STR),
        ],
        responses={(200, "application/json"): StatementOut, (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR)},
    )
    def get(self, request: Request, currency: str) -> HttpResponseBase:
        """Show a part of the statement, a page of it or the whole as CSV."""
        query = StatementQuery.parse(request)
        require_currency(currency)
        account = Account.objects.owned_by(_caller(request)).filter(kind="available", currency_id=currency).first()
        if query.get("as") == "csv":
            return _csv(account, currency, query)
        return _page(request, account, query)


def _caller(request: Request) -> models.Model:
    assert isinstance(request.user, models.Model)  # The permission lets nobody else in.
    return request.user


def _page(request: Request, account: Account | None, query: dict[str, Any]) -> Response:
    if account is None:
        return Response({"next": None, "previous": None, "results": []})
    page = statements.page(
        account,
        limit=query.get("limit", PAGE),
        after=_read_cursor(account, query.get("cursor")),
        since=query.get("from"),
        until=query.get("to"),
    )
    lines = [_line(line, account.currency_id) for line in page.lines]
    results = StatementLineOut(lines, many=True).data
    return Response({"next": _next(request, account, page.next), "previous": None, "results": results})


def _line(line: statements.Line, currency: str) -> dict[str, Any]:
    return {
        "transaction": line.transaction_id,
        "type": history.type_of(line.kind).value,
        "kind": line.kind,
        "booked_on": line.booked_on,
        "effective_on": line.effective_on,
        "posted_at": line.posted_at,
        "direction": _direction(line.amount),
        "currency": currency,
        "amount": abs(line.amount),
        "balance": line.balance,
        "memo": line.memo,
    }


def _next(request: Request, account: Account, place: statements.Place | None) -> str | None:
    """Write the place of the next page, with its balance; signed, so that nobody shows a forged statement of ours."""
    if place is None:
        return None
    return _link(
        request,
        signing.dumps([place.before, str(place.balance)], salt=f"statement:{account.pk}", compress=True),
    )


def _link(request: Request, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    query = request.query_params.copy()
    query["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


def _read_cursor(account: Account, cursor: str | None) -> statements.Place | None:
    if cursor is None:
        return None
    try:
        before, balance = signing.loads(cursor, salt=f"statement:{account.pk}")
    except signing.BadSignature:
        refusal = serializers.ErrorDetail("This isn't a cursor of this statement.", code="invalid")
        raise serializers.ValidationError({"cursor": [refusal]}) from None
    return statements.Place(before, Decimal(balance))


def _csv(account: Account | None, currency: str, query: dict[str, Any]) -> HttpResponseBase:
    refused = sorted({"cursor", "limit"} & set(query))
    if refused:
        problem = serializers.ErrorDetail("A CSV is the whole range.", code="not_with_csv")
        raise serializers.ValidationError({name: [problem] for name in refused})
    since, until = query.get("from"), query.get("to")
    response = StreamingHttpResponse(
        exports.statement_csv(account, currency, since=since, until=until), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="statement-{currency}.csv"'
    response["Cache-Control"] = "private, no-store"
    return response


class TransactionList(APIView):
    """Every movement of the caller's money, newest first."""

    permission_classes = [IsInvestor]
    pagination_class = CursorPagination
    orderings = ("-id", "id")
    query_parameters = ("type", "currency", "from", "to")

    @extend_schema(
        operation_id="transactions_list",
        tags=["Money"],
        parameters=[
            OpenApiParameter("type", OpenApiTypes.STR, enum=[kind.value for kind in history.Type]),
            OpenApiParameter("currency", OpenApiTypes.STR, enum=sorted(amounts.EXPONENTS)),
            OpenApiParameter("from", OpenApiTypes.DATE, description="first business day"),
            OpenApiParameter("to", OpenApiTypes.DATE, description="last business day"),
        ],
        responses=TransactionOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """List the caller's transactions."""
        query = TransactionQuery.parse(request, paging=CursorPagination.known_parameters)
        found = history.History(
            owner_id=_caller(request).pk,
            type=history.Type(query["type"]) if "type" in query else None,
            currency=query.get("currency"),
            since=query.get("from"),
            until=query.get("to"),
        )
        paginator = CursorPagination()
        page = paginator.paginate_queryset(found, request, view=self) or []
        return paginator.get_paginated_response([written(movement) for movement in page])


class TransactionDetail(APIView):
    """One of the caller's transactions."""

    permission_classes = [IsInvestor]

    @extend_schema(operation_id="transactions_retrieve", responses=TransactionOut, tags=["Money"])
    def get(self, request: Request, transaction_id: UUID) -> Response:
        """Show one of the caller's transactions; somebody else's is as unknown as one that isn't there."""
        Query.parse(request)
        found = history.History(owner_id=_caller(request).pk).one(transaction_id)
        if found is None:
            raise NotFound("There is no such transaction.")
        return Response(written(found))


def require_currency(code: str) -> None:
    """Refuse a currency that the platform doesn't know. Raises UnknownCurrency."""
    if not amounts.is_currency(code):
        raise accounts.UnknownCurrency


def written_wallet(wallet: balances.WalletBalance) -> dict[str, str]:
    """Write a wallet as `WalletOut` describes it."""
    places = ("available", "locked", "in_payout", "total")
    return {"currency": wallet.currency} | {
        place: amounts.format_amount(getattr(wallet, place), wallet.currency) for place in places
    }


def written(movement: history.Movement) -> dict[str, Any]:
    """Write a movement as `TransactionOut` describes it; by hand, for a page has thousands of fields."""
    return {
        "id": str(movement.id),
        "type": movement.type.value,
        "kind": movement.kind,
        "direction": _direction(movement.amount),
        "currency": movement.currency,
        "amount": amounts.format_amount(abs(movement.amount), movement.currency),
        "fee": amounts.format_amount(movement.fee, movement.currency),
        "booked_on": movement.booked_on.isoformat(),
        "effective_on": movement.effective_on.isoformat(),
        "posted_at": written_moment(movement.posted_at),
        "lines": [
            {
                "account": leg.account,
                "currency": leg.currency,
                "direction": _direction(leg.change),
                "amount": amounts.format_amount(abs(leg.change), leg.currency),
            }
            for leg in movement.legs
        ],
    }


def _direction(change: Any) -> str:
    return "out" if change < 0 else "in"
