"""Sign-up, log-in, refresh, log-out."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services, tokens
from accounts.api import proofs
from accounts.api.callers import device_of
from accounts.api.fields import (
    CountryField,
    EmailField,
    LanguageField,
    NameField,
    PasswordField,
    PhoneField,
    ReferralCodeField,
    StrictCharField,
    StrictSerializer,
    require_good_password,
)
from accounts.api.proofs import ProofIn, RequestOptionsOut, proof_of, site_of_log_in
from accounts.models import User
from accounts.services import factors, new_device, recovery

IDENTIFIER_MAX_LENGTH = 254
TOKEN_MAX_LENGTH = 2000
REFUSED = "The token is not, or no longer, good: log in again."
SIGNED_UP = "Thank you. If this is a new address, the account is ready: log in. A message says what happened."


class SignUpIn(StrictSerializer):
    email = EmailField(required=False)
    phone = PhoneField(required=False)
    password = PasswordField()
    first_name = NameField()
    last_name = NameField()
    country = CountryField(help_text="ISO 3166-1 alpha-2")
    language = LanguageField(required=False)
    referral_code = ReferralCodeField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("email") and not attrs.get("phone"):
            raise serializers.ValidationError({"email": "An e-mail address or a phone number is needed."}, "required")
        person = User(first_name=attrs["first_name"], last_name=attrs["last_name"], email=attrs.get("email", ""))
        require_good_password(attrs["password"], person=person, field="password")
        return attrs


class Said(serializers.Serializer[Any]):
    detail = serializers.CharField()


class LogInIn(StrictSerializer):
    identifier = StrictCharField(max_length=IDENTIFIER_MAX_LENGTH, help_text="e-mail address or phone number")
    password = PasswordField()


class RefreshIn(StrictSerializer):
    refresh = StrictCharField(max_length=TOKEN_MAX_LENGTH)


METHODS = (factors.TOTP, factors.PASSKEY, recovery.RECOVERY, new_device.SMS, new_device.EMAIL)


class PairOut(serializers.Serializer[tokens.TokenPair]):
    access = serializers.CharField()
    refresh = serializers.CharField()


class ChallengeOut(serializers.Serializer[dict[str, object]]):
    mfa_required = serializers.BooleanField(default=True)
    mfa_token = serializers.CharField(help_text="good for five minutes, at /auth/login/mfa")
    methods = serializers.ListField(child=serializers.ChoiceField(choices=METHODS))


class LogInOptionsIn(StrictSerializer):
    mfa_token = StrictCharField(max_length=TOKEN_MAX_LENGTH)


class FactorIn(ProofIn):
    mfa_token = StrictCharField(max_length=TOKEN_MAX_LENGTH)
    code = StrictCharField(
        required=False, max_length=40, help_text="of the authenticator app, a recovery code, or the one that was sent"
    )


class Anybody(APIView):
    """Base of the endpoints that need no token; one that is sent is not looked at."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


def tokens_answer(pair: tokens.TokenPair) -> Response:
    """Answer with tokens, which nothing on the way may keep. Source: RFC 6749 §5.1."""
    return Response(PairOut(pair).data, headers={"Cache-Control": "no-store"})


def entry_answer(entry: tokens.TokenPair | services.Challenge) -> Response:
    """Answer with tokens, or with the second factor that is asked for first."""
    if isinstance(entry, services.Challenge):
        body = {"mfa_required": True, "mfa_token": entry.mfa_token, "methods": list(entry.methods)}
        return Response(ChallengeOut(body).data, headers={"Cache-Control": "no-store"})
    return tokens_answer(entry)


class SignUp(Anybody):
    """Open an account. The answer is the same whether or not the address or number is taken."""

    throttle_scope = "signup"

    @extend_schema(
        operation_id="sign_up",
        request=SignUpIn,
        responses={201: Said},
        examples=[
            OpenApiExample(
                "Ana signs up",
                request_only=True,
                value={
                    "email": "ana@example.com",
                    "phone": "+2290197123456",
                    "password": "correct horse battery",
                    "first_name": "Ana",
                    "last_name": "Houngbo",
                    "country": "BJ",
                },
            )
        ],
    )
    def post(self, request: Request) -> Response:
        services.sign_up(now=timezone.now(), **SignUpIn.parse(request))
        return Response({"detail": SIGNED_UP}, status=status.HTTP_201_CREATED)


class LogIn(Anybody):
    """Exchange an identifier and a password for an access and a refresh token."""

    throttle_scope = "login"

    @extend_schema(
        operation_id="log_in",
        request=LogInIn,
        responses={
            200: PolymorphicProxySerializer("LogIn", [PairOut, ChallengeOut], None),
            401: OpenApiResponse(description="The identifier and the password don't belong together."),
            403: OpenApiResponse(description="Right, but the account is blocked."),
        },
        examples=[
            OpenApiExample(
                "Ana logs in",
                request_only=True,
                value={"identifier": "ana@example.com", "password": "correct horse battery"},
            )
        ],
    )
    def post(self, request: Request) -> Response:
        form = LogInIn.parse(request)
        pair = services.log_in(form["identifier"], form["password"], device=device_of(request), now=timezone.now())
        return entry_answer(pair)


class LogInOptions(Anybody):
    """Ask for a passkey to be used, where the `methods` of a log-in name it."""

    throttle_scope = "login"

    @extend_schema(
        operation_id="ask_passkey_to_log_in",
        request=LogInOptionsIn,
        responses={200: RequestOptionsOut, 401: OpenApiResponse(description=REFUSED)},
    )
    def post(self, request: Request) -> Response:
        token = LogInOptionsIn.parse(request)["mfa_token"]
        options = services.ask_passkey(token, site=site_of_log_in(request, token), now=timezone.now())
        return Response(options, headers={"Cache-Control": "no-store"})


class LogInMfa(Anybody):
    """Finish a log-in with a second factor: a code, or a passkey's answer to `/auth/login/mfa/options`."""

    throttle_scope = "login"

    @extend_schema(
        operation_id="log_in_mfa",
        request=FactorIn,
        responses={200: PairOut, 401: OpenApiResponse(description=REFUSED)},
        examples=proofs.examples(mfa_token="eyJhbGciOiJIUzI1NiJ9.e30.c2ln"),  # noqa: S106 - of nobody
    )
    def post(self, request: Request) -> Response:
        form = FactorIn.parse(request)
        token = form["mfa_token"]
        given = proof_of(form, site_of_log_in(request, token))
        pair = services.log_in_with_factor(token, given, device=device_of(request), now=timezone.now())
        return tokens_answer(pair)


class Refresh(Anybody):
    """Exchange a refresh token for a new pair. A token that comes a second time ends its whole family."""

    throttle_scope = "refresh"

    @extend_schema(
        operation_id="refresh_tokens",
        request=RefreshIn,
        responses={200: PairOut, 401: OpenApiResponse(description=REFUSED)},
    )
    def post(self, request: Request) -> Response:
        pair = services.refresh(RefreshIn.parse(request)["refresh"], now=timezone.now())
        return tokens_answer(pair)


class LogOut(Anybody):
    """End the session of a refresh token, with its access tokens."""

    throttle_scope = "refresh"

    @extend_schema(
        operation_id="log_out",
        request=RefreshIn,
        responses={
            204: OpenApiResponse(description="The session has ended"),
            401: OpenApiResponse(description=REFUSED),
        },
    )
    def post(self, request: Request) -> Response:
        services.log_out(RefreshIn.parse(request)["refresh"], now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
