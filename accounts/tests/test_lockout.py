"""How it is found where somebody came in, which every log-in asks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.models import Q

from accounts import lockout
from tests.people import make_investor

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.mark.django_db
@pytest.mark.parametrize("who", [Q(actor__email_index=b"x") | Q(actor__phone_index=b"x"), None])
def test_an_index_of_log_ins_alone_finds_it(who):
    """Seen to fail without the index, and with one that names fewer actions than are asked for."""
    asked = lockout._came_in(who or Q(actor=make_investor("Ana")), now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "oversight_audit_came_in" in asked.order_by().explain()
