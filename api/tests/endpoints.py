"""Endpoints of the tests' own: what every real one shares is tried on them."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import IntegrityError, connection
from django.db.models import ProtectedError
from django.http import Http404
from django.urls import path
from django.utils import timezone
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import public_urls
from api.idempotency import once
from api.keys import RequestKey
from api.pagination import CursorPagination
from api.permissions import IsInvestor, IsOfficer
from core.commands import command
from core.errors import DomainError
from oversight import audit
from oversight.models import AuditEvent


class TooDear(DomainError):
    code = "too-dear"
    title = "This is too dear"
    status = 422


class Gate:
    """Lets a test hold the work in the middle of its transaction."""

    entered = threading.Semaphore(0)
    held = False
    leave = threading.Event()


@command
def work(person: Any, *, key: RequestKey, amount: Decimal, now: Any) -> AuditEvent:
    """Write one audit event; refuse what is above 100."""
    event = audit.record("tests.worked", actor=person, at=now, after={"amount": amount})
    if Gate.held:
        Gate.entered.release()
        Gate.leave.wait(timeout=20)
    if amount > 100:
        raise TooDear("More than 100 isn't possible.", maximum="100.00")
    return event


class EventOut(serializers.ModelSerializer):
    amount = serializers.SerializerMethodField()

    class Meta:
        model = AuditEvent
        fields = ("id", "action", "amount")

    def get_amount(self, event: AuditEvent) -> str:
        return event.after["amount"]


class AmountIn(serializers.Serializer):
    amount = serializers.DecimalField(max_digits=20, decimal_places=2)
    note = serializers.CharField(required=False)


class Works(ListAPIView):
    permission_classes = [IsInvestor]
    serializer_class = EventOut
    pagination_class = CursorPagination
    orderings = ("-id", "id", "at", "-at")
    filterset_fields = ("action",)
    kept_by: ClassVar[Any] = None

    def get_queryset(self):
        return AuditEvent.objects.filter(actor=self.request.user)

    def post(self, request: Request) -> Response:
        form = AmountIn(data=request.data)
        form.is_valid(raise_exception=True)
        amount = form.validated_data["amount"]
        return once(request, work, answer=EventOut, kept_by=self.kept_by, amount=amount, now=timezone.now())


class ItemIn(serializers.Serializer):
    name = serializers.CharField()
    tags = serializers.ListField(child=serializers.IntegerField(), required=False)


class OrderIn(serializers.Serializer):
    items = ItemIn(many=True)

    def validate(self, attrs):
        if len(attrs["items"]) > 2:
            raise serializers.ValidationError("Two at most.", code="too_many")
        return attrs


class Orders(APIView):
    permission_classes = [IsInvestor]

    def post(self, request: Request) -> Response:
        form = OrderIn(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(form.validated_data)


class Echo(APIView):
    """Gives the parsed body back, with the types of its values."""

    permission_classes = [IsInvestor]

    def post(self, request: Request) -> Response:
        value = request.data.get("value") if isinstance(request.data, dict) else request.data
        return Response({"type": type(value).__name__, "value": str(value)})


class Broken(APIView):
    """Raises what its address says."""

    permission_classes = [IsInvestor]

    def get(self, request: Request, what: str) -> Response:
        raising = getattr(self, what)
        raising()
        return Response()

    def bug(self):
        raise RuntimeError("the secret is hunter2")

    def missing(self):
        raise Http404("position 7 of Ana")

    def denied(self):
        raise PermissionDenied("because of Ana")

    def suspicious(self):
        raise SuspiciousOperation("hunter2")

    def protected(self):
        raise ProtectedError("hunter2", set())

    def unique(self):
        self._sql("INSERT INTO auth_group (name) SELECT name FROM auth_group LIMIT 1")

    def check(self):
        self._sql("UPDATE accounts_user SET kyc_level = 99")

    def guard(self):
        self._sql(
            "INSERT INTO oversight_decision (id, request_id, approver_id, verdict, note, at) SELECT uuidv7(), id, "
            "requested_by_id, 'approve', '', now() FROM oversight_approvalrequest"
        )

    def range(self):
        self._sql("SELECT 99999999999::bigint::integer")

    def plain_integrity(self):
        raise IntegrityError("hunter2")

    def fact(self):
        raise TooDear(status=1, maximum="100.00", code="another")

    def _sql(self, sql: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)


class Staff(APIView):
    permission_classes = [IsOfficer.holding("oversight.view_alert")]

    def get(self, request: Request) -> Response:
        return Response({"seen": True})


class Unnamed(APIView):
    """Names no permission."""

    def get(self, request: Request) -> Response:
        return Response({"seen": True})


class Scoped(APIView):
    permission_classes = [IsInvestor]
    throttle_scope = "login"

    def get(self, request: Request) -> Response:
        return Response({"seen": True})


urlpatterns = [
    path("works", Works.as_view()),
    path("orders", Orders.as_view()),
    path("echo", Echo.as_view()),
    path("broken/<str:what>", Broken.as_view()),
    path("staff", Staff.as_view()),
    path("unnamed", Unnamed.as_view()),
    path("scoped", Scoped.as_view()),
    *public_urls.urlpatterns,
]
handler404 = "api.problems.page_not_found"
handler500 = "api.problems.server_error"
