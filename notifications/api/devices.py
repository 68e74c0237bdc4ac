"""Devices for pushes. Contract: API.md, "Who you are"."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import person_of, session_of
from accounts.api.fields import StrictCharField, StrictSerializer
from api.pagination import require_known_parameters
from api.permissions import IsInvestor
from notifications import services
from notifications.api.inbox import TAGS
from notifications.models import Device

TOKEN = RegexValidator(r"^[A-Za-z0-9_:.=-]+\Z", "This is no push token.")
TOKEN_LENGTHS = (20, 1024)


class TokenField(StrictCharField):
    """A push token, as the device's messaging library gives it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            min_length=TOKEN_LENGTHS[0],
            max_length=TOKEN_LENGTHS[1],
            trim_whitespace=False,
            validators=[TOKEN],
            **kwargs,
        )


class DeviceIn(StrictSerializer):
    token = TokenField(help_text="FCM's registration token")
    platform = serializers.ChoiceField(choices=Device.Platform.choices)


class DeviceOut(serializers.ModelSerializer[Device]):
    """A device that pushes go to while its log-in lasts."""

    class Meta:
        model = Device
        fields = ("id", "platform", "registered_at")
        read_only_fields = fields


class DeviceList(APIView):
    """The devices that my pushes go to."""

    permission_classes = [IsInvestor]

    @extend_schema(
        operation_id="devices_create",
        tags=TAGS,
        request=DeviceIn,
        responses={201: DeviceOut},
        examples=[
            OpenApiExample(
                "A phone",
                request_only=True,
                value={"token": "dQw4w9WgXcQ:APA91bHun4MxP5egoKMwt2KZFBaFUH", "platform": "android"},
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Send my pushes to this device while I am logged in there; saying it again changes nothing."""
        form = DeviceIn.parse(request)
        device = services.register_device(person_of(request), session=session_of(request), now=timezone.now(), **form)
        return Response(DeviceOut(device).data, status=status.HTTP_201_CREATED)


class DeviceDetail(APIView):
    """One device that my pushes go to."""

    permission_classes = [IsInvestor]

    @extend_schema(
        operation_id="devices_destroy",
        tags=TAGS,
        responses={204: OpenApiResponse(description="No push goes there any more")},
    )
    def delete(self, request: Request, token: str) -> Response:
        """Send nothing to this device any more."""
        require_known_parameters(request, self)
        services.remove_device(person_of(request), token=token)
        return Response(status=status.HTTP_204_NO_CONTENT)
