"""An investor's positions: open, fund, withdraw, pause, resume, cancel."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.fields import NothingIn
from api.idempotency import once
from api.pagination import CursorPagination
from api.permissions import IsInvestor
from api.schema import IDEMPOTENCY_KEY
from core.commands import Command
from core.errors import NotFound
from investments import services
from investments.api.shapes import AmountIn, Figures, PositionIn, PositionOut, written
from investments.holdings import Holdings
from investments.models import Position, PositionEvent
from ledger.api import Query
from ledger.fields import CurrencyField

TAGS = ["Investing"]


class PositionQuery(Query):
    """Which positions."""

    status = serializers.ChoiceField(choices=Position.Status.choices, required=False)
    currency = CurrencyField(required=False)


class PositionList(APIView):
    """The investor's positions, newest first; POST opens one (Idempotency-Key required)."""

    permission_classes = [IsInvestor]
    pagination_class = CursorPagination
    orderings = ("-id", "id")
    query_parameters = ("status", "currency")

    @extend_schema(
        operation_id="investment_accounts_list",
        tags=TAGS,
        parameters=[
            OpenApiParameter("status", OpenApiTypes.STR, enum=Position.Status.values),
            OpenApiParameter("currency", OpenApiTypes.STR),
        ],
        responses=PositionOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """List the caller's positions."""
        query = PositionQuery.parse(request, paging=CursorPagination.known_parameters)
        found = Holdings(owner_id=cast("UUID", request.user.pk), **query)
        paginator = CursorPagination()
        page = paginator.paginate_queryset(found, request, view=self) or []
        figures = Figures.of(page)
        return paginator.get_paginated_response([written(position, figures) for position in page])

    @extend_schema(
        operation_id="investment_accounts_create",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=PositionIn,
        responses={201: PositionOut},
        examples=[
            OpenApiExample(
                "Basic with 100 USD",
                request_only=True,
                value={
                    "product": "0197a1c0-0000-7000-8000-000000000001",
                    "amount": "100.00",
                    "disclosure_version": "tiers-2026-11",
                },
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Open a position; with `amount`, fund it from the wallet at once."""
        return once(
            request,
            services.open_position,
            form=PositionIn.parse,
            answer=PositionOut,
            kept_by=PositionEvent,
            now=timezone.now(),
        )


class PositionDetail(APIView):
    """One of the caller's positions."""

    permission_classes = [IsInvestor]

    @extend_schema(operation_id="investment_accounts_retrieve", tags=TAGS, responses=PositionOut)
    def get(self, request: Request, position_id: UUID) -> Response:
        """Show a position."""
        Query.parse(request)
        return Response(PositionOut(own_position(request, position_id), context={"request": request}).data)


class PositionVerb(APIView):
    """A verb on one of the caller's positions (Idempotency-Key required)."""

    permission_classes = [IsInvestor]

    def once(
        self, request: Request, position: Position, verb: Command[..., Any], form: Callable[[Request], dict[str, Any]]
    ) -> Response:
        """Run the verb on a position of the caller's."""
        return once(
            request,
            verb,
            position.pk,
            form=form,
            answer=PositionOut,
            status=200,
            kept_by=PositionEvent,
            owner=request.user,
            now=timezone.now(),
        )


class Fund(PositionVerb):
    """Money from the wallet into the position."""

    @extend_schema(
        operation_id="investment_accounts_fund",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=AmountIn,
        responses=PositionOut,
    )
    def post(self, request: Request, position_id: UUID) -> Response:
        """Fund the position, or top it up."""
        position = own_position(request, position_id)
        form = functools.partial(AmountIn.parse, currency=position.currency)
        return self.once(request, position, services.fund_position, form)


class Withdraw(PositionVerb):
    """Principal back to the wallet."""

    @extend_schema(
        operation_id="investment_accounts_withdraw",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=AmountIn,
        responses=PositionOut,
    )
    def post(self, request: Request, position_id: UUID) -> Response:
        """Withdraw principal; when the money is at work it waits in line (`exits`)."""
        position = own_position(request, position_id)
        form = functools.partial(AmountIn.parse, currency=position.currency)
        return self.once(request, position, services.withdraw, form)


class Pause(PositionVerb):
    """Stop earning."""

    @extend_schema(
        operation_id="investment_accounts_pause",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses=PositionOut,
    )
    def post(self, request: Request, position_id: UUID) -> Response:
        """Pause the position: today still earns."""
        return self.once(request, own_position(request, position_id), services.pause, NothingIn.parse)


class Resume(PositionVerb):
    """Earn again."""

    @extend_schema(
        operation_id="investment_accounts_resume",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses=PositionOut,
    )
    def post(self, request: Request, position_id: UUID) -> Response:
        """Resume the position: it earns from tomorrow on."""
        return self.once(request, own_position(request, position_id), services.resume, NothingIn.parse)


class Cancel(PositionVerb):
    """End a position."""

    @extend_schema(
        operation_id="investment_accounts_cancel",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses=PositionOut,
    )
    def post(self, request: Request, position_id: UUID) -> Response:
        """Cancel the position: all principal leaves, or waits in line (`exits`)."""
        return self.once(request, own_position(request, position_id), services.cancel, NothingIn.parse)


def own(request: Request) -> Any:
    """The caller's positions with what is written beside them."""
    return Position.objects.owned_by(request.user).select_related("version", "product")


def own_position(request: Request, position_id: UUID) -> Position:
    """Return one of the caller's positions; somebody else's is as unknown as one that isn't there.

    Raises NotFound.
    """
    position: Position | None = own(request).filter(pk=position_id).first()
    if position is None:
        raise NotFound("You have no such investment account.")
    return position
