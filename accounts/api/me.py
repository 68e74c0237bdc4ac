"""The person who asks."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import actions, services
from accounts.api.callers import person_of
from accounts.api.fields import LanguageField, NameField, StrictSerializer, TimeZoneField
from accounts.models import User


class ActionOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    title = serializers.CharField()
    url = serializers.CharField()


class MeOut(serializers.ModelSerializer[User]):
    email = serializers.CharField(allow_blank=True)
    phone = serializers.CharField(allow_blank=True)
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    actions_required = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = (
            "id",
            "email",
            "phone",
            "first_name",
            "last_name",
            "country",
            "time_zone",
            "language",
            "kyc_level",
            "vip_level",
            "referral_code",
            "created_at",
            "email_verified_at",
            "phone_verified_at",
            "actions_required",
        )
        read_only_fields = fields

    @extend_schema_field(ActionOut(many=True))
    def get_actions_required(self, user: User) -> Any:
        return ActionOut(actions.required_of(user), many=True).data


class MeIn(StrictSerializer):
    first_name = NameField(required=False)
    last_name = NameField(required=False)
    time_zone = TimeZoneField(required=False)
    language = LanguageField(required=False)


class Me(APIView):
    """What we know of you, and what you are asked to do next."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(operation_id="read_me", responses=MeOut)
    def get(self, request: Request) -> Response:
        return Response(MeOut(person_of(request)).data)

    @extend_schema(operation_id="change_me", request=MeIn, responses=MeOut)
    def patch(self, request: Request) -> Response:
        person = services.change_profile(person_of(request), now=timezone.now(), **MeIn.parse(request))
        return Response(MeOut(person).data)
