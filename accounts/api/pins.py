"""The transaction PIN."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import rules, services
from accounts.api.callers import person_of, session_of
from accounts.api.fields import PasswordField, StrictCharField, StrictSerializer
from accounts.api.verification import CodeIn, ResendIn, ResentOut
from accounts.models import VerificationCode
from accounts.services.pins import Use

PIN_TOKEN = OpenApiParameter(
    "X-Pin-Token",
    str,
    OpenApiParameter.HEADER,
    description="from `POST /auth/pin/verify`, for this method and path; needed for what is marked so",
)
METHODS = ("POST", "PUT", "PATCH", "DELETE", "GET")
SET = OpenApiResponse(description="The PIN is set")


class PinField(serializers.RegexField):
    """Six ASCII digits."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(rf"^[0-9]{{{rules.PIN_DIGITS}}}\Z", trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class PinIn(StrictSerializer):
    pin = PinField()
    password = PasswordField(required=False)
    current_pin = PinField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("password" in attrs) == ("current_pin" in attrs):
            raise serializers.ValidationError({"password": "The password or the present PIN is needed."}, "required")
        return attrs


class VerifyPinIn(StrictSerializer):
    pin = PinField()
    method = serializers.ChoiceField(choices=METHODS, help_text="of the request that the token is for")
    path = StrictCharField(max_length=255, help_text="of the request, as `/api/v1/…`, without its query")


class PinTokenOut(serializers.Serializer[dict[str, object]]):
    pin_token = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="seconds")


class ResetPinIn(CodeIn):
    channel = serializers.ChoiceField(choices=VerificationCode.Channel.choices)
    password = PasswordField()
    pin = PinField()


class Pin(APIView):
    """Set or change the PIN, with the password or the present PIN. Payouts are held for a day from then.

    Whose password was set by mail and has opened nothing since beside a code by SMS or a second factor sets the first
    PIN by a reset, with a code by SMS (`other-channel-needed`), if they have a verified number.
    """

    permission_classes = (IsAuthenticated,)
    throttle_scope = "pin"

    @extend_schema(
        operation_id="set_pin",
        request=PinIn,
        responses={204: SET},
        examples=[
            OpenApiExample("The first", request_only=True, value={"pin": "402917", "password": "correct horse battery"})
        ],
    )
    def post(self, request: Request) -> Response:
        form, here, now = PinIn.parse(request), session_of(request).pk, timezone.now()
        person, pin = person_of(request), form["pin"]
        if "password" in form:
            services.set_pin(person, pin=pin, password=form["password"], in_session=here, now=now)
        else:
            services.change_pin(person, pin=pin, current=form["current_pin"], in_session=here, now=now)
        return Response(status=status.HTTP_204_NO_CONTENT)


class VerifyPin(APIView):
    """Exchange the PIN for a token that is good for one request of this session, for five minutes."""

    permission_classes = (IsAuthenticated,)
    throttle_scope = "pin"

    @extend_schema(
        operation_id="verify_pin",
        request=VerifyPinIn,
        responses={200: PinTokenOut},
        examples=[
            OpenApiExample(
                "To change the e-mail address",
                request_only=True,
                value={"pin": "402917", "method": "PATCH", "path": "/api/v1/users/me"},
            )
        ],
    )
    def post(self, request: Request) -> Response:
        form = VerifyPinIn.parse(request)
        use = Use(session_of(request), form["method"], form["path"])
        token = services.verify_pin(person_of(request), pin=form["pin"], use=use, now=timezone.now())
        body = PinTokenOut({"pin_token": token, "expires_in": int(rules.PIN_TOKEN_LIFETIME.total_seconds())}).data
        return Response(body, headers={"Cache-Control": "no-store"})


class AskToResetPin(APIView):
    """Have a code sent to a verified address or number, to set a PIN that was forgotten."""

    permission_classes = (IsAuthenticated,)
    throttle_scope = "pin"

    @extend_schema(operation_id="ask_to_reset_pin", request=ResendIn, responses={202: ResentOut})
    def post(self, request: Request) -> Response:
        channel = ResendIn.parse(request)["channel"]
        next_at = services.ask_to_reset(person_of(request), channel, now=timezone.now())
        return Response(ResentOut({"next_at": next_at}).data, status=status.HTTP_202_ACCEPTED)


class ResetPin(APIView):
    """Set a PIN that was forgotten, with the password and the code."""

    permission_classes = (IsAuthenticated,)
    throttle_scope = "pin"

    @extend_schema(operation_id="reset_pin", request=ResetPinIn, responses={204: SET})
    def post(self, request: Request) -> Response:
        form = ResetPinIn.parse(request)
        given = {"channel": form["channel"], "secret": form["code"], "password": form["password"], "pin": form["pin"]}
        services.reset_pin(person_of(request), **given, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


def use_of(request: Request) -> Use:
    """Say which request this is, with the token in its header."""
    token = request.headers.get("X-Pin-Token", "")
    return Use(session_of(request), str(request.method), request.path, token)
