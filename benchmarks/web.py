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

from django.db import connection  # noqa: E402
from django.urls import include, path  # noqa: E402
from rest_framework.permissions import IsAuthenticated  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


class BareView(APIView):
    """The same authentication, and one query of the rows of the same page; their values as they are.

    By hand and not by the ORM, which writes its SQL anew for every call: a slow limit is a false figure. No call is
    counted: that is ours to pay for.
    """

    permission_classes = [IsAuthenticated]
    throttle_classes: list[Any] = []
    sql: str

    def get(self, request: Request) -> Response:
        with connection.cursor() as cursor:
            cursor.execute(self.sql, {"owner": request.user.pk})
            names = [column.name for column in cursor.description or ()]
            return Response([dict(zip(names, row, strict=True)) for row in cursor.fetchall()])


class BareWallets(BareView):
    sql = """
        SELECT kind, currency_id, debits, credits FROM ledger_account
        WHERE owner_id = %(owner)s AND kind IN ('available', 'locked', 'in_payout')
    """


class BarePositions(BareView):
    sql = """
        SELECT p.id, p.status, p.initial_principal, p.principal, p.deposited, p.withdrawn, p.disclosure_version,
               p.opened_at, p.funded_on, p.last_on, v.number, v.rate, v.rate_period, v.payout, v.term_days,
               v.risk_warning, r.id AS product, r.code, r.kind, r.display_name, r.currency
        FROM investments_position p
        JOIN investments_productversion v ON v.id = p.version_id
        JOIN investments_product r ON r.id = p.product_id
        WHERE p.owner_id = %(owner)s ORDER BY p.id DESC LIMIT 50
    """


class BareTransactions(BareView):
    """One transfer a transaction, on either side; each half by its index, as in a ledger that others use, too."""

    sql = """
        SELECT t.id, t.kind, t.effective_on, t.posted_at, x.amount, x.currency_id, x.booked_on,
               d.kind AS debit, c.kind AS credit
        FROM (SELECT id FROM ledger_transfer WHERE debit_account_id IN (
                  SELECT id FROM ledger_account WHERE owner_id = %(owner)s)
              UNION
              SELECT id FROM ledger_transfer WHERE credit_account_id IN (
                  SELECT id FROM ledger_account WHERE owner_id = %(owner)s)
              ORDER BY id DESC LIMIT 50) page
        JOIN ledger_transfer x ON x.id = page.id
        JOIN ledger_transaction t ON t.id = x.transaction_id
        JOIN ledger_account d ON d.id = x.debit_account_id
        JOIN ledger_account c ON c.id = x.credit_account_id
        ORDER BY x.id DESC
    """


urlpatterns = [
    path("bare/wallets", BareWallets.as_view()),
    path("bare/positions", BarePositions.as_view()),
    path("bare/transactions", BareTransactions.as_view()),
    path("", include("config.urls")),
]
