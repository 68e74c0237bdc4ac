"""Showing that an address or a number is one's own."""

from __future__ import annotations

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import rules, services
from accounts.api.callers import person_of
from accounts.api.fields import StrictCharField, StrictSerializer
from accounts.api.login import Anybody
from accounts.models import VerificationCode

REFUSED = OpenApiResponse(description="The code is not, or no longer, good.")


class TokenIn(StrictSerializer):
    token = StrictCharField(max_length=200, help_text="from the mail")


class CodeIn(StrictSerializer):
    code = serializers.RegexField(rf"^[0-9]{{{rules.CODE_DIGITS}}}$", help_text="six digits, from the SMS")


class ResendIn(StrictSerializer):
    channel = serializers.ChoiceField(choices=VerificationCode.Channel.choices)


class ResentOut(serializers.Serializer[dict[str, object]]):
    next_at = serializers.DateTimeField(help_text="from when on the next may be asked for")


class VerifyEmail(Anybody):
    """Show that an e-mail address is one's own, with the code that was mailed there."""

    throttle_scope = "verify"

    @extend_schema(
        operation_id="verify_email",
        request=TokenIn,
        responses={204: OpenApiResponse(description="The address is verified"), 422: REFUSED},
    )
    def post(self, request: Request) -> Response:
        services.verify_email(TokenIn.parse(request)["token"], now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class VerifyOtp(APIView):
    """Show that the phone number is one's own, with the code that came by SMS."""

    permission_classes = (IsAuthenticated,)
    throttle_scope = "verify"

    @extend_schema(
        operation_id="verify_otp",
        request=CodeIn,
        responses={204: OpenApiResponse(description="The number is verified"), 422: REFUSED},
        examples=[OpenApiExample("A code", request_only=True, value={"code": "492817"})],
    )
    def post(self, request: Request) -> Response:
        services.verify_phone(person_of(request), CodeIn.parse(request)["code"], now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class ResendOtp(APIView):
    """Have another code sent; the one before it is no longer good by SMS. Each waits twice as long as the last."""

    permission_classes = (IsAuthenticated,)
    throttle_scope = "verify"

    @extend_schema(
        operation_id="resend_otp",
        request=ResendIn,
        responses={202: ResentOut},
        examples=[OpenApiExample("By SMS", request_only=True, value={"channel": "phone"})],
    )
    def post(self, request: Request) -> Response:
        channel = ResendIn.parse(request)["channel"]
        next_at = services.ask_code(person_of(request), channel, now=timezone.now())
        return Response(ResentOut({"next_at": next_at}).data, status=status.HTTP_202_ACCEPTED)
