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
from accounts.api import avatars
from accounts.api.callers import person_of
from accounts.api.fields import EmailField, LanguageField, NameField, PhoneField, StrictSerializer, TimeZoneField
from accounts.api.pins import PIN_TOKEN, use_of
from accounts.models import User

ADDRESSES = frozenset({"email", "phone"})


class ActionOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    title = serializers.CharField()
    url = serializers.CharField()


class MeOut(serializers.ModelSerializer[User]):
    email = serializers.CharField(allow_blank=True)
    phone = serializers.CharField(allow_blank=True)
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    avatar_url = serializers.SerializerMethodField()
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
            "avatar_url",
            "actions_required",
        )
        read_only_fields = fields

    def get_avatar_url(self, user: User) -> str | None:
        return avatars.address_of(user)

    @extend_schema_field(ActionOut(many=True))
    def get_actions_required(self, user: User) -> Any:
        return ActionOut(actions.required_of(user), many=True).data


class MeIn(StrictSerializer):
    email = EmailField(required=False, help_text="counts once verified; needs X-Pin-Token")
    phone = PhoneField(required=False, help_text="counts once verified; needs X-Pin-Token")
    first_name = NameField(required=False)
    last_name = NameField(required=False)
    time_zone = TimeZoneField(required=False)
    language = LanguageField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ADDRESSES & attrs.keys() and len(attrs) > 1:
            raise serializers.ValidationError(
                {min(ADDRESSES & attrs.keys()): "A PIN is for one change: send it alone."}, "alone"
            )
        return attrs


class Me(APIView):
    """What we know of you, and what you are asked to do next."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(operation_id="read_me", responses=MeOut)
    def get(self, request: Request) -> Response:
        return Response(MeOut(person_of(request)).data)

    @extend_schema(operation_id="change_me", request=MeIn, responses=MeOut, parameters=[PIN_TOKEN])
    def patch(self, request: Request) -> Response:
        """Change what you say of yourself. A new address needs a PIN, comes alone, and counts once verified."""
        form, person, now = MeIn.parse(request), person_of(request), timezone.now()
        for channel in ADDRESSES & form.keys():
            services.change_address(person, channel=channel, address=form[channel], use=use_of(request), now=now)
            return Response(MeOut(person).data)
        return Response(MeOut(services.change_profile(person, now=now, **form)).data)
