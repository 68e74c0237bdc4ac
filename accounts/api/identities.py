"""The caller's log-ins by Google and Apple."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import person_of
from accounts.api.fields import StrictSerializer
from accounts.api.pins import PIN_TOKEN, use_of
from accounts.api.social import IdTokenField
from accounts.models import Provider, SocialIdentity
from accounts.services import identities
from api.pagination import CursorPagination, require_known_parameters


class IdentityOut(serializers.ModelSerializer[SocialIdentity]):
    class Meta:
        model = SocialIdentity
        fields = ("id", "provider", "created_at", "last_used_at")
        read_only_fields = fields


class IdentityIn(StrictSerializer):
    provider = serializers.ChoiceField(choices=Provider.choices)
    id_token = IdTokenField(help_text="whose nonce is one of `POST /auth/social/nonce`, or its SHA-256 in hex")


class IdentityList(APIView):
    """The log-ins by Google and Apple that open this account."""

    permission_classes = (IsAuthenticated,)
    pagination_class = CursorPagination
    orderings = ("-id", "id")
    throttle_scope = "social"

    @extend_schema(operation_id="identities_list", responses=IdentityOut(many=True))
    def get(self, request: Request) -> Response:
        paginator = CursorPagination()
        found = SocialIdentity.objects.filter(user=person_of(request))
        page = paginator.paginate_queryset(found, request, view=self)
        return paginator.get_paginated_response(IdentityOut(page, many=True).data)

    @extend_schema(
        operation_id="identities_create",
        parameters=[PIN_TOKEN],
        request=IdentityIn,
        responses={201: IdentityOut, 404: OpenApiResponse(description="Nobody logs in this way here.")},
        examples=[OpenApiExample("Google", request_only=True, value={"provider": "google", "id_token": "eyJhbGciOi…"})],
    )
    def post(self, request: Request) -> Response:
        """Link one more, with a PIN: it is another way in. Payouts are held for a day from then."""
        form = IdentityIn.parse(request)
        provider = Provider(form["provider"])
        identity = identities.link_own(
            person_of(request), provider, form["id_token"], use=use_of(request), now=timezone.now()
        )
        return Response(IdentityOut(identity).data, status=status.HTTP_201_CREATED)


class IdentityDetail(APIView):
    """One of them."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="identities_destroy",
        parameters=[PIN_TOKEN],
        responses={204: OpenApiResponse(description="It logs in no more")},
    )
    def delete(self, request: Request, identity_id: UUID) -> Response:
        """Unlink it, with a PIN; not the last way to log in."""
        require_known_parameters(request, self)
        identities.unlink(person_of(request), identity_id, use=use_of(request), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
