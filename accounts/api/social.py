"""Log-in by Google and Apple."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import id_tokens, rules
from accounts.api.callers import device_of
from accounts.api.fields import (
    CountryField,
    LanguageField,
    NameField,
    NothingIn,
    ReferralCodeField,
    StrictCharField,
    StrictSerializer,
)
from accounts.api.login import Anybody, ChallengeOut, PairOut, Said, entry_answer
from accounts.api.verification import REFUSED, TokenIn
from accounts.models import Provider
from accounts.services import identities, nonces, social

ASKED = "An account has this address: a mail says how to link this log-in to it."


class IdTokenField(StrictCharField):
    """An identity token (a JWT) of a provider."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=id_tokens.MAXIMUM_LENGTH, **kwargs)


class SocialIn(StrictSerializer):
    id_token = IdTokenField(help_text="whose nonce is one of `POST /auth/social/nonce`, or its SHA-256 in hex")
    country = CountryField(required=False, help_text="of a new person: ISO 3166-1 alpha-2")
    first_name = NameField(required=False, help_text="of a new person, where the token has none")
    last_name = NameField(required=False, help_text="of a new person, where the token has none")
    language = LanguageField(required=False)
    referral_code = ReferralCodeField(required=False)


class NonceOut(serializers.Serializer[dict[str, object]]):
    nonce = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="seconds")


class Nonce(Anybody):
    """Draw the nonce that one identity token must repeat."""

    throttle_scope = "social"

    @extend_schema(
        operation_id="draw_social_nonce",
        request=NothingIn,
        responses={200: NonceOut, 400: OpenApiResponse(description="There is nothing to send.")},
    )
    def post(self, request: Request) -> Response:
        NothingIn.parse(request)
        nonce = nonces.draw(now=timezone.now())
        body = NonceOut({"nonce": nonce, "expires_in": int(rules.SOCIAL_NONCE_LIFETIME.total_seconds())}).data
        return Response(body, headers={"Cache-Control": "no-store"})


class SocialLogIn(Anybody):
    """Exchange an identity token. A new person gives a country too; a token that is refused for it stays good."""

    throttle_scope = "social"
    provider: Provider

    def answer(self, request: Request) -> Response:
        form = SocialIn.parse(request)
        id_token = form.pop("id_token")
        outcome = social.exchange(
            self.provider, id_token, profile=social.Profile(**form), device=device_of(request), now=timezone.now()
        )
        if isinstance(outcome, social.LinkAsked):
            return Response({"detail": ASKED}, status=status.HTTP_202_ACCEPTED)
        return entry_answer(outcome)


DESCRIBED: dict[str, Any] = {
    "request": SocialIn,
    "responses": {
        200: PolymorphicProxySerializer("LogIn", [PairOut, ChallengeOut], None),
        202: OpenApiResponse(Said, description="An account has this address; its owner links this log-in by mail."),
        401: OpenApiResponse(description="The token isn't good, or its nonce is used."),
        403: OpenApiResponse(description="The account is blocked, deleted, or an officer's."),
        404: OpenApiResponse(description="Nobody logs in this way here."),
        409: OpenApiResponse(description="An account has this address, and never showed that it is theirs."),
        422: OpenApiResponse(description="A new person: what is missing stands in `errors`."),
        503: OpenApiResponse(description="The provider's keys can't be had."),
    },
    "examples": [
        OpenApiExample("Ana is new", request_only=True, value={"id_token": "eyJhbGciOi…", "country": "BJ"}),
        OpenApiExample("Ana is known", request_only=True, value={"id_token": "eyJhbGciOi…"}),
    ],
}


class Google(SocialLogIn):
    """Log in, or sign up, with Google. A new person gives a country too; a token that is refused for it stays good."""

    provider = Provider.GOOGLE

    @extend_schema(operation_id="log_in_google", **DESCRIBED)
    def post(self, request: Request) -> Response:
        return self.answer(request)


class Apple(SocialLogIn):
    """Log in, or sign up, with Apple. A new person gives names and a country too, since Apple's tokens have none."""

    provider = Provider.APPLE

    @extend_schema(operation_id="log_in_apple", **DESCRIBED)
    def post(self, request: Request) -> Response:
        return self.answer(request)


class ConfirmLink(Anybody):
    """Link a log-in to the account that has its address, with the code from the mail. Then log in once more."""

    throttle_scope = "verify"

    @extend_schema(
        operation_id="confirm_social_link",
        request=TokenIn,
        responses={204: OpenApiResponse(description="The log-in is linked"), 422: REFUSED},
    )
    def post(self, request: Request) -> Response:
        identities.confirm_link(TokenIn.parse(request)["token"], now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
