"""What officers do over HTTP: the deeds of the console through the same services. Contract: API.md, "Staff"."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.validators import RegexValidator
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import person_of
from accounts.api.fields import StrictCharField, StrictSerializer
from api.pagination import CursorPagination
from api.permissions import IsOfficer
from core.errors import NotFound
from ledger.api import Query
from oversight import looks, second_factor, services
from oversight.models import ApprovalRequest, Decision

NOTE_MAX_LENGTH = 2000
APPROVED = {
    "note": "The bank's letter says the same.",
    "seen": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}
SEES_APPROVALS = IsOfficer.holding("oversight.view_approvalrequest")
DECIDES = IsOfficer.holding("oversight.view_approvalrequest", within=second_factor.FOR_APPROVALS)


class DecisionOut(serializers.ModelSerializer[Decision]):
    class Meta:
        model = Decision
        fields = ("approver", "verdict", "note", "at")


class ApprovalOut(serializers.ModelSerializer[ApprovalRequest]):
    """A four-eyes request, frozen as it was asked for. `summary` are lines of [label, value]."""

    summary = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    payload_hash = serializers.SerializerMethodField(help_text="SHA-256, hexadecimal")
    decisions = DecisionOut(many=True)

    class Meta:
        model = ApprovalRequest
        fields: tuple[str, ...] = (
            "id",
            "verb",
            "title",
            "summary",
            "reason",
            "status",
            "approvals",
            "requested_by",
            "beneficiary",
            "target_type",
            "target_id",
            "payload_hash",
            "document_name",
            "requested_at",
            "expires_at",
            "decided_at",
            "decisions",
        )

    def get_payload_hash(self, request: ApprovalRequest) -> str:
        return bytes(request.payload_hash).hex()


class ApprovalLook(ApprovalOut):
    """The same as things stand. `look` are lines of [label, value]."""

    look = serializers.SerializerMethodField(help_text="the summary: what changed since it was asked says so")
    seen = serializers.SerializerMethodField(
        help_text="SHA-256 of what `look` shows, hexadecimal: to approve just that"
    )

    class Meta(ApprovalOut.Meta):
        fields = (*ApprovalOut.Meta.fields, "look", "seen")

    def to_representation(self, instance: ApprovalRequest) -> dict[str, Any]:
        self.lines = looks.figures(instance)  # Once: what is shown is what the digest is of.
        return super().to_representation(instance)

    def get_look(self, request: ApprovalRequest) -> list[tuple[str, str]]:
        return self.lines

    def get_seen(self, request: ApprovalRequest) -> str:
        return looks.digest(request, self.lines)


class ApprovalQuery(Query):
    """Which requests."""

    status = serializers.ChoiceField(choices=ApprovalRequest.Status.choices, required=False)
    verb = serializers.CharField(required=False, max_length=64)


class ApproveIn(StrictSerializer):
    note = StrictCharField(required=False, allow_blank=True, default="", max_length=NOTE_MAX_LENGTH)
    seen = StrictCharField(
        required=False,
        default=None,
        validators=[RegexValidator(r"\A[0-9a-f]{64}\Z")],
        help_text="the `seen` of GET: 409 if other figures stand by now",
    )


class RejectIn(StrictSerializer):
    note = StrictCharField(max_length=NOTE_MAX_LENGTH, help_text="why")


class ApprovalList(APIView):
    """Four-eyes requests, newest first."""

    permission_classes = [SEES_APPROVALS]
    pagination_class = CursorPagination
    orderings = ("-id", "id")
    query_parameters = ("status", "verb")

    @extend_schema(
        operation_id="approvals_list",
        parameters=[
            OpenApiParameter("status", OpenApiTypes.STR, enum=ApprovalRequest.Status.values),
            OpenApiParameter("verb", OpenApiTypes.STR, description="such as accounts.kyc_level"),
        ],
        responses=ApprovalOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """List the requests that officers decide on."""
        query = ApprovalQuery.parse(request, paging=CursorPagination.known_parameters)
        paginator = CursorPagination()
        page = paginator.paginate_queryset(_requests().filter(**query), request, view=self)
        return paginator.get_paginated_response(ApprovalOut(page, many=True).data)


class ApprovalDetail(APIView):
    """One four-eyes request."""

    permission_classes = [SEES_APPROVALS]

    @extend_schema(operation_id="approvals_retrieve", responses=ApprovalLook)
    def get(self, request: Request, request_id: UUID) -> Response:
        """Show a request with its figures as they stand, and the digest of them to approve by."""
        Query.parse(request)
        found = _requests().filter(pk=request_id).first()
        if found is None:
            raise NotFound
        return Response(ApprovalLook(found).data)


class Approve(APIView):
    """Approve a request of another officer; the last approval carries it out."""

    permission_classes = [DECIDES]

    @extend_schema(
        operation_id="approvals_approve",
        request=ApproveIn,
        responses=ApprovalOut,
        examples=[OpenApiExample("Seen", value=APPROVED, request_only=True)],
    )
    def post(self, request: Request, request_id: UUID) -> Response:
        """Approve; 409 when it had expired or what it is about has changed since: then it is closed.

        Nothing is decided on a 409 `figures-changed` (with `seen`: other figures stand by now than were shown) or
        `requester-shut-out` (the officer who asked is blocked or deleted).
        """
        decided = services.approve(request_id, by=person_of(request), now=timezone.now(), **ApproveIn.parse(request))
        return _answer(decided)


class Reject(APIView):
    """Reject a request of another officer: one word against it ends it."""

    permission_classes = [DECIDES]

    @extend_schema(
        operation_id="approvals_reject",
        request=RejectIn,
        responses=ApprovalOut,
        examples=[OpenApiExample("Refused", value={"note": "The amount isn't the letter's."}, request_only=True)],
    )
    def post(self, request: Request, request_id: UUID) -> Response:
        """Reject with a word; 409 when it had expired."""
        decided = services.reject(request_id, by=person_of(request), now=timezone.now(), **RejectIn.parse(request))
        return _answer(decided)


def _requests() -> QuerySet[ApprovalRequest]:
    return ApprovalRequest.objects.prefetch_related("decisions")


def _answer(decided: ApprovalRequest) -> Response:
    services.require_carried_out(decided)
    return Response(ApprovalOut(_requests().get(pk=decided.pk)).data)
