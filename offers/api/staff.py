"""What officers do with offers over HTTP: the deeds of the console through the same services."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import person_of
from api.pagination import CursorPagination
from api.permissions import IsOfficer
from core.commands import Command
from ledger.api import Query
from ledger.fields import CurrencyField
from offers import services
from offers.api.shapes import AskedOut, OfferChanges, OfferIn, ReasonIn, StaffOfferOut
from offers.errors import OfferNotFound
from offers.models import Offer
from offers.services import drafts

TAGS = ["Staff"]
SEES_OFFERS = IsOfficer.holding("offers.view_offer", post=[drafts.DRAFT], patch=[drafts.DRAFT, drafts.STEER])
ASKS_TO_PUBLISH = IsOfficer.holding("offers.view_offer", post=["offers.request_publication"])
STEERS = IsOfficer.holding("offers.view_offer", post=[drafts.STEER])


class StaffOfferQuery(Query):
    """Which offers."""

    status = serializers.ChoiceField(choices=Offer.Status.choices, required=False)
    currency = CurrencyField(required=False)


class StaffOfferList(APIView):
    """All offers, newest first; POST writes a draft."""

    permission_classes = [SEES_OFFERS]
    pagination_class = CursorPagination
    orderings = ("-id", "id")
    query_parameters = ("status", "currency")

    @extend_schema(
        operation_id="staff_offers_list",
        tags=TAGS,
        parameters=[
            OpenApiParameter("status", OpenApiTypes.STR, enum=Offer.Status.values),
            OpenApiParameter("currency", OpenApiTypes.STR),
        ],
        responses=StaffOfferOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """List offers."""
        query = StaffOfferQuery.parse(request, paging=CursorPagination.known_parameters)
        paginator = CursorPagination()
        page = paginator.paginate_queryset(Offer.objects.filter(**query), request, view=self) or []
        return paginator.get_paginated_response(StaffOfferOut.write(page))

    @extend_schema(operation_id="staff_offers_create", tags=TAGS, request=OfferIn, responses={201: StaffOfferOut})
    def post(self, request: Request) -> Response:
        """Draft an offer; nobody sees it until it is published."""
        offer = services.draft_offer(OfferIn.parse(request), by=person_of(request), now=timezone.now())
        return Response(StaffOfferOut.write([offer])[0], status=201)


class StaffOfferDetail(APIView):
    """One offer."""

    permission_classes = [SEES_OFFERS]

    @extend_schema(operation_id="staff_offers_retrieve", tags=TAGS, responses=StaffOfferOut)
    def get(self, request: Request, offer_id: UUID) -> Response:
        """Show an offer."""
        Query.parse(request)
        return Response(StaffOfferOut.write([_found(offer_id)])[0])

    @extend_schema(operation_id="staff_offers_partial_update", tags=TAGS, request=OfferChanges, responses=StaffOfferOut)
    def patch(self, request: Request, offer_id: UUID) -> Response:
        """Edit a draft; of a live offer the cap, the description and the metadata."""
        form = OfferChanges(data=request.data, partial=True, context={"currency": _found(offer_id).currency})
        form.is_valid(raise_exception=True)
        now = timezone.now()
        offer = services.change_offer(offer_id, form.validated_data, by=person_of(request), now=now)
        return Response(StaffOfferOut.write([offer])[0])


class StaffOfferPublish(APIView):
    """Ask for the publication of a draft."""

    permission_classes = [ASKS_TO_PUBLISH]

    @extend_schema(operation_id="staff_offers_publish", tags=TAGS, request=ReasonIn, responses={202: AskedOut})
    def post(self, request: Request, offer_id: UUID) -> Response:
        """Ask that a draft go live; another officer approves it."""
        asked = services.request_publication(offer_id, **_reason(request))
        return Response(AskedOut(asked).data, status=202)


class StaffOfferPause(APIView):
    """Take no money until it is resumed."""

    permission_classes = [STEERS]

    @extend_schema(operation_id="staff_offers_pause", tags=TAGS, request=ReasonIn, responses=StaffOfferOut)
    def post(self, request: Request, offer_id: UUID) -> Response:
        """Pause a live offer; what is reserved stays so."""
        return _steered(request, offer_id, services.pause_offer)


class StaffOfferResume(APIView):
    """Take money again."""

    permission_classes = [STEERS]

    @extend_schema(operation_id="staff_offers_resume", tags=TAGS, request=ReasonIn, responses=StaffOfferOut)
    def post(self, request: Request, offer_id: UUID) -> Response:
        """Resume a paused offer; those who wait come first."""
        return _steered(request, offer_id, services.resume_offer)


class StaffOfferClose(APIView):
    """Close a funded offer before its deadline."""

    permission_classes = [STEERS]

    @extend_schema(operation_id="staff_offers_close", tags=TAGS, request=ReasonIn, responses=StaffOfferOut)
    def post(self, request: Request, offer_id: UUID) -> Response:
        """Close it: what is reserved becomes principal, and the waiting list lapses."""
        return _steered(request, offer_id, services.close_offer)


def _steered(request: Request, offer_id: UUID, verb: Command[..., Offer]) -> Response:
    return Response(StaffOfferOut.write([verb(offer_id, **_reason(request))])[0])


def _reason(request: Request) -> dict[str, Any]:
    return {**ReasonIn.parse(request), "by": person_of(request), "now": timezone.now()}


def _found(offer_id: UUID) -> Offer:
    found = Offer.objects.filter(pk=offer_id).first()
    if found is None:
        raise OfferNotFound
    return found
