"""What proves a second factor in a body: a code, or what a passkey answers to options that were asked for."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.request import Request

from accounts import rules
from accounts.api.callers import session_of
from accounts.api.fields import StrictCharField, StrictSerializer
from accounts.services import factors, passkeys
from accounts.sites import Site, site_of


class Base64urlField(serializers.RegexField):
    """Bytes as browsers write them; whether they are what they should be is looked at with the rest of the answer."""

    def __init__(self, **kwargs: Any) -> None:
        length = rules.PASSKEY_ANSWER_LENGTH
        super().__init__(r"^[A-Za-z0-9_-]*={0,2}\Z", max_length=length, help_text="base64url", **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class CredentialIn(serializers.Serializer[Any]):
    """What `credential.toJSON()` gives in a browser; what more it gives isn't looked at."""

    id = Base64urlField()
    rawId = Base64urlField()
    type = serializers.RegexField(r"^public-key\Z")


class AssertedIn(serializers.Serializer[Any]):
    clientDataJSON = Base64urlField()
    authenticatorData = Base64urlField()
    signature = Base64urlField()
    userHandle = Base64urlField(required=False, allow_null=True, allow_blank=True)


class AssertionIn(CredentialIn):
    """AuthenticationResponseJSON of WebAuthn: a passkey was used."""

    response = AssertedIn()


class PasskeyDescriptorOut(serializers.Serializer[Any]):
    type = serializers.CharField()
    id = serializers.CharField(help_text="base64url")


class RequestOptionsOut(serializers.Serializer[Any]):
    """PublicKeyCredentialRequestOptionsJSON of WebAuthn, for `PublicKeyCredential.parseRequestOptionsFromJSON`."""

    challenge = serializers.CharField(help_text="base64url; good for five minutes, once, where it was asked for")
    rpId = serializers.CharField()
    allowCredentials = PasskeyDescriptorOut(many=True)
    userVerification = serializers.CharField()


class ProofIn(StrictSerializer):
    code = StrictCharField(required=False, max_length=40, help_text="of the authenticator app, or a recovery code")
    passkey = AssertionIn(required=False, help_text="in place of a code")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("code" in attrs) == ("passkey" in attrs):
            raise serializers.ValidationError({"code": "A code or a passkey's answer is needed."}, "required")
        return attrs


CREDENTIAL = {"id": "bGFwdG9w", "rawId": "bGFwdG9w", "type": "public-key"}
ASSERTED = {"clientDataJSON": "eyJ0eXBlIjoi…", "authenticatorData": "SZYN5YgO…", "signature": "MEUCIQDx…"}


def examples(**more: str) -> list[OpenApiExample]:
    """Show a body with a code, and one with a passkey's answer; `more` is in both."""
    return [
        OpenApiExample("A code", request_only=True, value={**more, "code": "492039"}),
        OpenApiExample("A passkey", request_only=True, value={**more, "passkey": {**CREDENTIAL, "response": ASSERTED}}),
    ]


def proof_of(form: dict[str, Any], site: Site) -> factors.Code | passkeys.Assertion:
    """Return what was given."""
    return passkeys.Assertion(form["passkey"], site) if "passkey" in form else factors.Code(form["code"])


def site_of_session(request: Request) -> Site:
    """Say where somebody stands who is logged in."""
    return site_of(request._request, visit=f"session {session_of(request).pk}")


def site_of_log_in(request: Request, mfa_token: str) -> Site:
    """Say where somebody stands whose second factor is still asked for."""
    return site_of(request._request, visit=f"log-in {mfa_token}")
