"""The caller's passkeys (WebAuthn)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import person_of, session_of
from accounts.api.factors import SHOWN_ONCE, EnrolIn
from accounts.api.fields import StrictCharField, StrictSerializer
from accounts.api.pins import PIN_TOKEN, use_of
from accounts.api.proofs import CREDENTIAL, Base64urlField, CredentialIn, PasskeyDescriptorOut, site_of_session
from accounts.models import Passkey
from accounts.services import passkeys
from api.pagination import CursorPagination, require_known_parameters


class MadeIn(serializers.Serializer[Any]):
    clientDataJSON = Base64urlField()
    attestationObject = Base64urlField()


class RegistrationIn(CredentialIn):
    """RegistrationResponseJSON of WebAuthn: a passkey was made."""

    response = MadeIn()


class PasskeyDomainOut(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="the domain that the passkey will belong to")
    name = serializers.CharField()


class PasskeyOwnerOut(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="base64url")
    name = serializers.CharField()
    displayName = serializers.CharField()


class PasskeyAlgorithmOut(serializers.Serializer[Any]):
    type = serializers.CharField()
    alg = serializers.IntegerField(help_text="COSE")


class PasskeySelectionOut(serializers.Serializer[Any]):
    residentKey = serializers.CharField()
    requireResidentKey = serializers.BooleanField()
    userVerification = serializers.CharField()


class CreationOptionsOut(serializers.Serializer[Any]):
    """PublicKeyCredentialCreationOptionsJSON of WebAuthn, for `PublicKeyCredential.parseCreationOptionsFromJSON`."""

    challenge = serializers.CharField(help_text="base64url; good for five minutes, once, in this session")
    rp = PasskeyDomainOut()
    user = PasskeyOwnerOut()
    pubKeyCredParams = PasskeyAlgorithmOut(many=True)
    excludeCredentials = PasskeyDescriptorOut(many=True)
    authenticatorSelection = PasskeySelectionOut()


class PasskeyNameField(StrictCharField):
    """What its owner calls it, on one line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=Passkey._meta.get_field("name").max_length, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if not name.isprintable():
            raise serializers.ValidationError("A name is one line of characters that can be seen.")
        return name


class PasskeyIn(StrictSerializer):
    name = PasskeyNameField(help_text="to know it by")
    passkey = RegistrationIn()


class PasskeyOut(serializers.ModelSerializer[Passkey]):
    class Meta:
        model = Passkey
        fields = ("id", "name", "created_at", "last_used_at")
        read_only_fields = fields


class PasskeyAddedOut(serializers.Serializer[passkeys.Registered]):
    passkey = PasskeyOut()
    recovery_codes = serializers.ListField(
        child=serializers.CharField(), help_text="of the first factor, shown this once; else none"
    )


class PasskeyOptions(APIView):
    """Ask for a passkey to be made."""

    permission_classes = (IsAuthenticated,)
    throttle_scope = "factor"

    @extend_schema(operation_id="ask_to_register_passkey", request=EnrolIn, responses={200: CreationOptionsOut})
    def post(self, request: Request) -> Response:
        """Draw a challenge, with the password; who has a factor has given it in the last 15 minutes."""
        proved_at, site = session_of(request).second_factor_at, site_of_session(request)
        form, now = EnrolIn.parse(request), timezone.now()
        options = passkeys.enrol(person_of(request), site=site, proved_at=proved_at, now=now, **form)
        return Response(options, headers=SHOWN_ONCE)


class PasskeyList(APIView):
    """The passkeys that finish my log-ins; up to ten."""

    permission_classes = (IsAuthenticated,)
    pagination_class = CursorPagination
    orderings = ("-id", "id")
    throttle_scope = "factor"

    @extend_schema(operation_id="passkeys_list", responses=PasskeyOut(many=True))
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        paginator = CursorPagination()
        found = Passkey.objects.filter(user=person_of(request))
        page = paginator.paginate_queryset(found, request, view=self)
        return paginator.get_paginated_response(PasskeyOut(page, many=True).data)

    @extend_schema(
        operation_id="register_passkey",
        request=PasskeyIn,
        responses={201: PasskeyAddedOut},
        examples=[
            OpenApiExample(
                "A laptop",
                request_only=True,
                value={
                    "name": "laptop",
                    "passkey": {
                        **CREDENTIAL,
                        "response": {"clientDataJSON": "eyJ0eXBlIjoi…", "attestationObject": "o2NmbXRk…"},
                    },
                },
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Add the one that the device made for the options; from then on a log-in asks for a factor.

        Payouts are held for a day. With the first factor all other sessions end.
        """
        form, session = PasskeyIn.parse(request), session_of(request)
        added = passkeys.register(
            person_of(request),
            form["passkey"],
            name=form["name"],
            site=site_of_session(request),
            session=session,
            proved_at=session.second_factor_at,
            now=timezone.now(),
        )
        return Response(PasskeyAddedOut(added).data, status=status.HTTP_201_CREATED, headers=SHOWN_ONCE)


class PasskeyDetail(APIView):
    """One of them."""

    permission_classes = (IsAuthenticated,)
    throttle_scope = "factor"

    @extend_schema(
        operation_id="remove_passkey",
        parameters=[PIN_TOKEN],
        responses={204: OpenApiResponse(description="It finishes no log-in any more")},
    )
    def delete(self, request: Request, passkey_id: UUID) -> Response:
        """Take it away, with a PIN; not an officer's last factor."""
        require_known_parameters(request, self)
        passkeys.remove(person_of(request), passkey_id, use=use_of(request), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
