"""Where the caller is logged in."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services
from accounts.api.callers import person_of, session_of
from accounts.models import Session
from api.pagination import CursorPagination, require_known_parameters


class SessionOut(serializers.ModelSerializer[Session]):
    is_current = serializers.SerializerMethodField(help_text="whether this request came with it")

    class Meta:
        model = Session
        fields = ("id", "user_agent", "ip", "created_at", "last_used_at", "expires_at", "is_current")
        read_only_fields = fields

    def get_is_current(self, session: Session) -> bool:
        return bool(session.pk == self.context["current"].pk)


class SessionList(APIView):
    """The devices that are logged in."""

    permission_classes = (IsAuthenticated,)
    pagination_class = CursorPagination
    orderings = ("-id", "id", "-last_used_at", "last_used_at")

    @extend_schema(operation_id="sessions_list", responses=SessionOut(many=True))
    def get(self, request: Request) -> Response:
        """List my open sessions, newest first."""
        paginator = CursorPagination()
        found = Session.objects.filter(user=person_of(request)).open_at(timezone.now())
        page = paginator.paginate_queryset(found, request, view=self)
        context = {"request": request, "current": session_of(request)}
        return paginator.get_paginated_response(SessionOut(page, many=True, context=context).data)

    @extend_schema(
        operation_id="sessions_destroy_all",
        parameters=[
            OpenApiParameter(
                "keep",
                OpenApiTypes.STR,
                enum=["current"],
                description="`current`: stay logged in here; else end it, too",
            )
        ],
        responses={204: OpenApiResponse(description="They have ended, with their tokens")},
    )
    def delete(self, request: Request) -> Response:
        """Log out everywhere; with `?keep=current` everywhere else. Officers leave the console either way."""
        require_known_parameters(request, self, frozenset({"keep"}))
        keep = request.query_params.get("keep")
        if keep not in (None, "current"):
            raise serializers.ValidationError({"keep": ["It is `current`, or isn't given."]}, code="invalid-choice")
        here = session_of(request).pk
        services.end_own_sessions(person_of(request), keep=here if keep else None, in_session=here, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class SessionDetail(APIView):
    """One device that is logged in."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="sessions_destroy",
        responses={204: OpenApiResponse(description="The session has ended, with its tokens")},
    )
    def delete(self, request: Request, session_id: UUID) -> Response:
        """End one of my sessions; this one, too."""
        require_known_parameters(request, self)
        here = session_of(request).pk
        services.end_own_session(session_id, by=person_of(request), in_session=here, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
