"""The caller's second factor."""

from __future__ import annotations

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services
from accounts.api import proofs
from accounts.api.callers import person_of, session_of
from accounts.api.fields import NothingIn, PasswordField, StrictCharField, StrictSerializer
from accounts.api.pins import PIN_TOKEN, use_of
from accounts.api.proofs import ProofIn, RequestOptionsOut, proof_of, site_of_session
from accounts.models import Session
from accounts.services import factors, passkeys

SHOWN_ONCE = {"Cache-Control": "no-store"}


class EnrolIn(StrictSerializer):
    password = PasswordField()


class EnrolOut(serializers.Serializer[factors.Enrolment]):
    secret = serializers.CharField(help_text="base32, for typing in")
    uri = serializers.CharField(help_text="otpauth://, for a QR code")


class AppCodeIn(StrictSerializer):
    code = StrictCharField(max_length=40, help_text="of the authenticator app")


class RecoveryCodesOut(serializers.Serializer[dict[str, object]]):
    recovery_codes = serializers.ListField(child=serializers.CharField(), help_text="shown this once")


class TotpView(APIView):
    """An authenticator app (RFC 6238: SHA-1, 30 seconds, six digits)."""

    permission_classes = (IsAuthenticated,)
    throttle_scope = "factor"

    @extend_schema(operation_id="enrol_totp", request=EnrolIn, responses={200: EnrolOut})
    def post(self, request: Request) -> Response:
        """Draw a secret, with the password; it counts once it is confirmed with a code."""
        here, form = session_of(request), EnrolIn.parse(request)
        enrolment = services.enrol(
            person_of(request), in_session=here.pk, proved_at=here.second_factor_at, now=timezone.now(), **form
        )
        return Response(EnrolOut(enrolment).data, headers=SHOWN_ONCE)

    @extend_schema(
        operation_id="remove_totp",
        parameters=[PIN_TOKEN],
        responses={204: OpenApiResponse(description="The password alone logs in again")},
    )
    def delete(self, request: Request) -> Response:
        """Take the app away, with a PIN."""
        factors.remove(person_of(request), use=use_of(request), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class ConfirmTotp(APIView):
    """Confirm the app with its first code; from then on it is asked for at each log-in."""

    permission_classes = (IsAuthenticated,)
    throttle_scope = "factor"

    @extend_schema(operation_id="confirm_totp", request=AppCodeIn, responses={200: RecoveryCodesOut})
    def post(self, request: Request) -> Response:
        given = AppCodeIn.parse(request)["code"]
        session, now = session_of(request), timezone.now()
        codes = factors.confirm(person_of(request), given, session=session, proved_at=session.second_factor_at, now=now)
        return Response(RecoveryCodesOut({"recovery_codes": codes}).data, headers=SHOWN_ONCE)


class RenewIn(ProofIn):
    code = StrictCharField(required=False, max_length=40, help_text="of the authenticator app")


class RecoveryCodes(APIView):
    """Draw ten other recovery codes, with a code of the app or a passkey; those before are good no more."""

    permission_classes = (IsAuthenticated,)
    throttle_scope = "factor"

    @extend_schema(
        operation_id="renew_recovery_codes",
        request=RenewIn,
        responses={200: RecoveryCodesOut},
        examples=proofs.examples(),
    )
    def post(self, request: Request) -> Response:
        form, now = RenewIn.parse(request), timezone.now()
        proof: factors.Proof = proof_of(form, site_of_session(request))
        if isinstance(proof, factors.Code):
            proof = factors.AppCode(proof.typed)
        here = session_of(request).pk
        codes = services.renew_recovery_codes(person_of(request), proof, in_session=here, now=now)
        return Response(RecoveryCodesOut({"recovery_codes": codes}).data, headers=SHOWN_ONCE)


class ProvedOut(serializers.Serializer[Session]):
    second_factor_at = serializers.DateTimeField(help_text="counts 12 hours for officers, 15 minutes for approvals")


class ProofOptions(APIView):
    """Ask for a passkey to be used in an open session; its answer is given in place of a code."""

    permission_classes = (IsAuthenticated,)
    throttle_scope = "factor"

    @extend_schema(
        operation_id="ask_passkey",
        request=NothingIn,
        responses={200: RequestOptionsOut, 400: OpenApiResponse(description="There is nothing to send.")},
    )
    def post(self, request: Request) -> Response:
        NothingIn.parse(request)
        options = passkeys.ask_to_prove(person_of(request), site=site_of_session(request), now=timezone.now())
        return Response(options, headers=SHOWN_ONCE)


class VerifyFactor(APIView):
    """Give the second factor again, in a session that is open: officers before approvals.

    A passkey answers what `/auth/mfa/verify/options` gave.
    """

    permission_classes = (IsAuthenticated,)
    throttle_scope = "factor"

    @extend_schema(
        operation_id="verify_factor", request=ProofIn, responses={200: ProvedOut}, examples=proofs.examples()
    )
    def post(self, request: Request) -> Response:
        proof, now = proof_of(ProofIn.parse(request), site_of_session(request)), timezone.now()
        session = services.prove_in_session(person_of(request), session_of(request), proof, now=now)
        return Response(ProvedOut(session).data)
