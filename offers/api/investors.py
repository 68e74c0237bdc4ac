"""What investors see of offers, and do with them."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import person_of
from accounts.api.fields import NothingIn
from api.idempotency import once
from api.pagination import CursorPagination
from api.permissions import IsInvestor
from api.schema import IDEMPOTENCY_KEY
from ledger import days
from ledger.api import Query
from ledger.fields import CurrencyField
from offers import services
from offers.api.shapes import InvestIn, InvestmentOut, OfferOut, PlaceOut
from offers.errors import OfferNotFound
from offers.models import Offer, OfferInvestment

TAGS = ["Offers"]


class OfferQuery(Query):
    """Which offers."""

    currency = CurrencyField(required=False)


class InvestmentQuery(Query):
    """Which investments."""

    status = serializers.ChoiceField(choices=OfferInvestment.Status.choices, required=False)


class OfferList(APIView):
    """Live offers in one currency, the platform's if none is named, until their deadline is over; newest first."""

    permission_classes = [IsInvestor]
    pagination_class = CursorPagination
    orderings = ("-id", "id", "deadline", "-deadline")
    query_parameters = ("currency",)

    @extend_schema(
        operation_id="offers_list",
        tags=TAGS,
        parameters=[OpenApiParameter("currency", OpenApiTypes.STR, description="by default the platform's")],
        responses=OfferOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """List live offers that still take money."""
        query = OfferQuery.parse(request, paging=CursorPagination.known_parameters)
        found = Offer.objects.taking_money_on(days.platform_date(timezone.now()))
        found = found.filter(currency=query.get("currency", settings.PLATFORM_CURRENCY))
        paginator = CursorPagination()
        page = paginator.paginate_queryset(found, request, view=self) or []
        return paginator.get_paginated_response(OfferOut.write(page))


class OfferDetail(APIView):
    """A live offer, or one that the caller has invested in."""

    permission_classes = [IsInvestor]

    @extend_schema(operation_id="offers_retrieve", tags=TAGS, responses=OfferOut)
    def get(self, request: Request, offer_id: UUID) -> Response:
        """Show an offer."""
        Query.parse(request)
        return Response(OfferOut.write([visible(request, offer_id)])[0])


class Invest(APIView):
    """Money from the wallet into an offer."""

    permission_classes = [IsInvestor]

    @extend_schema(
        operation_id="offers_invest",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=InvestIn,
        responses={201: InvestmentOut},
        examples=[
            OpenApiExample(
                "500 AED",
                request_only=True,
                value={"amount": "500.00", "currency": "AED", "disclosure_version": "harbour-2026-11"},
            )
        ],
    )
    def post(self, request: Request, offer_id: UUID) -> Response:
        """Invest as much of the amount as is left; with `join_waiting_list`, wait for a place if nothing is."""
        return once(
            request,
            services.invest,
            person_of(request),
            form=InvestIn.parse,
            answer=InvestmentOut,
            kept_by=OfferInvestment,
            offer=offer_id,
            now=timezone.now(),
        )


class WaitingList(APIView):
    """The caller's place in an offer's waiting list."""

    permission_classes = [IsInvestor]

    @extend_schema(operation_id="offers_waiting_list_retrieve", tags=TAGS, responses=PlaceOut)
    def get(self, request: Request, offer_id: UUID) -> Response:
        """Show my place."""
        Query.parse(request)
        waiting, place = services.place_in_line(visible(request, offer_id).pk, person_of(request))
        shown = {
            "place": place,
            "currency": waiting.offer.currency,
            "requested_amount": waiting.requested_amount,
            "asked_at": waiting.asked_at,
        }
        return Response(PlaceOut(shown).data)

    @extend_schema(operation_id="offers_waiting_list_destroy", tags=TAGS, responses={204: None})
    def delete(self, request: Request, offer_id: UUID) -> Response:
        """Leave the line."""
        services.leave_line(visible(request, offer_id).pk, investor=person_of(request), now=timezone.now())
        return Response(status=204)


class InvestmentList(APIView):
    """The caller's investments in offers, newest first."""

    permission_classes = [IsInvestor]
    pagination_class = CursorPagination
    orderings = ("-id", "id")
    query_parameters = ("status",)

    @extend_schema(
        operation_id="offer_investments_list",
        tags=TAGS,
        parameters=[OpenApiParameter("status", OpenApiTypes.STR, enum=OfferInvestment.Status.values)],
        responses=InvestmentOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """List the caller's investments."""
        query = InvestmentQuery.parse(request, paging=CursorPagination.known_parameters)
        paginator = CursorPagination()
        page = paginator.paginate_queryset(_own(request).filter(**query), request, view=self) or []
        return paginator.get_paginated_response(InvestmentOut(page, many=True).data)


class Withdraw(APIView):
    """Take an investment back inside the reflection period."""

    permission_classes = [IsInvestor]

    @extend_schema(operation_id="offer_investments_withdraw", tags=TAGS, request=NothingIn, responses=InvestmentOut)
    def post(self, request: Request, investment_id: UUID) -> Response:
        """Take it back, without a reason or a cost."""
        NothingIn.parse(request)
        taken = services.withdraw(investment_id, investor=person_of(request), now=timezone.now())
        return Response(InvestmentOut(taken).data)


def visible(request: Request, offer_id: UUID) -> Offer:
    """Return an offer that the caller may see. Raises OfferNotFound."""
    own = OfferInvestment.objects.filter(offer_id=OuterRef("pk"), investor=person_of(request))
    found = Offer.objects.filter(Q(status=Offer.Status.LIVE) | Exists(own), pk=offer_id).first()
    if found is None:
        raise OfferNotFound
    return found


def _own(request: Request) -> QuerySet[OfferInvestment]:
    return OfferInvestment.objects.owned_by(person_of(request)).select_related("offer")
