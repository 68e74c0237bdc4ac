"""Changing and resetting a password."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import identifiers, services, tasks
from accounts.api.callers import person_of, session_of
from accounts.api.fields import PasswordField, StrictCharField, StrictSerializer, require_good_password
from accounts.api.login import IDENTIFIER_MAX_LENGTH, Anybody, Said
from accounts.models import User
from oversight.encryption import blind_index

ASKED = "If somebody has this address, a message is on its way."


class ChangeIn(StrictSerializer):
    current_password = PasswordField()
    new_password = PasswordField()


class ResetIn(StrictSerializer):
    identifier = StrictCharField(max_length=IDENTIFIER_MAX_LENGTH, help_text="e-mail address or phone number")


class ConfirmIn(StrictSerializer):
    token = StrictCharField(max_length=200)
    new_password = PasswordField()


class Change(APIView):
    """Change the password; every other session ends, this one stays."""

    permission_classes = (IsAuthenticated,)
    throttle_scope = "password"

    @extend_schema(
        operation_id="change_password",
        request=ChangeIn,
        responses={204: OpenApiResponse(description="The password is changed")},
    )
    def post(self, request: Request) -> Response:
        form = ChangeIn.parse(request)
        new = form["new_password"]
        require_good_password(new, person=person_of(request), field="new_password")
        services.change_password(
            person_of(request),
            session_id=session_of(request).pk,
            current=form["current_password"],
            new=new,
            now=timezone.now(),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class Reset(Anybody):
    """Ask for a mail that sets a new password. The answer is the same whether or not anybody is found."""

    throttle_scope = "password_reset"

    @extend_schema(operation_id="reset_password", request=ResetIn, responses={202: Said})
    def post(self, request: Request) -> Response:
        text = ResetIn.parse(request)["identifier"]
        try:
            index = blind_index(identifiers.normalise(text)).hex()
        except identifiers.InvalidIdentifier:
            return Response({"detail": ASKED}, status=status.HTTP_202_ACCEPTED)
        transaction.on_commit(lambda: tasks.reset_password.delay(index), robust=True)
        return Response({"detail": ASKED}, status=status.HTTP_202_ACCEPTED)


class Confirm(Anybody):
    """Set a new password with the code from the mail; every session ends."""

    throttle_scope = "password_reset"

    @extend_schema(
        operation_id="confirm_password_reset",
        request=ConfirmIn,
        responses={204: OpenApiResponse(description="The password is set")},
    )
    def post(self, request: Request) -> Response:
        form = ConfirmIn.parse(request)
        require_good_password(form["new_password"], person=User(), field="new_password")
        services.confirm_reset(form["token"], new=form["new_password"], now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
