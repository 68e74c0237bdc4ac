"""Key information sheets: read, and accepted."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import person_of
from accounts.api.fields import NothingIn
from api.permissions import IsInvestor
from ledger.api import Query
from protection import services
from protection.models import Acceptance, Disclosure

TAGS = ["Investing"]


class DisclosureOut(serializers.Serializer[Any]):
    """One version of a key information sheet, and when the caller accepted it."""

    id = serializers.UUIDField()
    subject = serializers.CharField(help_text="product:<code> or offer:<code>")
    version = serializers.CharField()
    title = serializers.CharField()
    body = serializers.CharField()
    published_at = serializers.DateTimeField()
    accepted_at = serializers.SerializerMethodField()

    def get_accepted_at(self, sheet: Disclosure) -> datetime | None:
        accepted: Acceptance | None = self.context["accepted"]
        return accepted.accepted_at if accepted else None


class DisclosureDetail(APIView):
    """One version of a key information sheet."""

    permission_classes = [IsInvestor]

    @extend_schema(operation_id="disclosures_retrieve", responses=DisclosureOut, tags=TAGS)
    def get(self, request: Request, disclosure_id: UUID) -> Response:
        """Show a key information sheet."""
        Query.parse(request)
        sheet = services.find_disclosure(disclosure_id)
        accepted = sheet.acceptances.filter(investor=person_of(request)).first()
        return Response(DisclosureOut(sheet, context={"accepted": accepted}).data)


class DisclosureAccept(APIView):
    """The caller has read a key information sheet and accepts it."""

    permission_classes = [IsInvestor]

    @extend_schema(operation_id="disclosures_accept", request=None, responses=DisclosureOut, tags=TAGS)
    def post(self, request: Request, disclosure_id: UUID) -> Response:
        """Accept a key information sheet; accepting it again changes nothing."""
        NothingIn.parse(request)
        accepted = services.accept_disclosure(disclosure_id, investor=person_of(request), now=timezone.now())
        return Response(DisclosureOut(accepted.disclosure, context={"accepted": accepted}).data)
