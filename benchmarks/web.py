"""The web server that is measured: the platform, and beside it bare views of the same rows.

`gunicorn benchmarks.web:application`. Rates are lifted, not taken out: counting a call stays part of its cost.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application

settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] = dict.fromkeys(
    settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "100000000/minute"
)
settings.ROOT_URLCONF = "benchmarks.web"
application = get_wsgi_application()

from django.urls import include, path  # noqa: E402
from rest_framework.permissions import IsAuthenticated  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from investments.models import Position  # noqa: E402
from ledger.models import Account, Transfer  # noqa: E402

PAGE = 20


class BareView(APIView):
    """The same authentication, one query of the same rows, their values as they are."""

    permission_classes = [IsAuthenticated]
    throttle_classes: list[Any] = []


class BareWallets(BareView):
    def get(self, request: Request) -> Response:
        rows = Account.objects.filter(owner_id=request.user.pk, kind__in=["available", "locked", "in_payout"])
        return Response(list(rows.values("kind", "currency_id", "debits", "credits")))


class BarePositions(BareView):
    def get(self, request: Request) -> Response:
        rows = Position.objects.filter(owner_id=request.user.pk).order_by("-id")[:PAGE]
        columns = (
            "id status principal deposited withdrawn funded_on last_on opened_at version__rate product__display_name"
        )
        return Response(list(rows.values(*columns.split())))


class BareTransactions(BareView):
    def get(self, request: Request) -> Response:
        rows = Transfer.objects.filter(credit_account__owner_id=request.user.pk).order_by("-id")[:PAGE]
        columns = "id amount currency_id booked_on transaction__kind transaction__memo transaction__posted_at"
        return Response(list(rows.values(*columns.split())))


urlpatterns = [
    path("bare/wallets", BareWallets.as_view()),
    path("bare/positions", BarePositions.as_view()),
    path("bare/transactions", BareTransactions.as_view()),
    path("", include("config.urls")),
]
