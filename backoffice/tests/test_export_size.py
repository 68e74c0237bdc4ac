"""An export of many movements takes no more memory than one of few: rows are written as they are read."""

from __future__ import annotations

import json
import tempfile
import tracemalloc
import zipfile
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from backoffice.export import archive
from backoffice.export.subject import Subject
from config.embedded.places import place
from config.embedded.postgres import Postgres
from core.commands import run_durably
from ledger import accounts, days
from tests.people import make_investor

pytestmark = pytest.mark.django_db(transaction=True)

DAY = date(2026, 6, 1)
MANY = 5_000
MEGABYTES = 4
"""Some thousand rows at a time; all of them are thrice as much."""

_ID = "('01900009-' || lpad(to_hex(n / 65536), 4, '0') || '-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"
_TRANSACTIONS = f"""
    INSERT INTO ledger_transaction (id, kind, key, fingerprint, moves, effective_on, posted_at, memo)
    SELECT {_ID}, 'deposit', 'n:' || n, sha256(n::text::bytea), 1, %(day)s, %(now)s, 'deposit FD-' || n
    FROM generate_series(1, %(many)s) n
"""
_TRANSFERS = f"""
    INSERT INTO ledger_transfer
        (transaction_id, line, debit_account_id, credit_account_id, currency_id, amount, booked_on)
    SELECT {_ID}, 1, %(cash)s, %(wallet)s, 'USD', 1.25, %(day)s FROM generate_series(1, %(many)s) n ORDER BY n
"""


@pytest.fixture
def ana() -> Any:
    """Ana, with thousands of movements: written past the guards, which thousands of postings would keep busy."""
    days.open_ledger(DAY)
    ana = make_investor("Ana")
    given = {
        "wallet": run_durably(lambda: accounts.wallet(ana, "USD")).available.pk,
        "cash": run_durably(lambda: accounts.open_account("cash", "USD", scope="main")).pk,
        "many": MANY,
        "day": DAY,
        "now": datetime.now(UTC),
    }
    with (
        Postgres(place("test-postgres"), durable=False).in_use() as server,
        psycopg.connect(server.url("admin", connection.settings_dict["NAME"])) as admin,
    ):
        admin.execute("SET session_replication_role = replica")
        admin.execute(_TRANSACTIONS, given)
        admin.execute(_TRANSFERS, given)
    return ana


def test_many_movements_take_no_more_memory_than_few(ana: Any) -> None:
    """With each part read as a list it was 7 MB."""
    with tempfile.TemporaryFile() as file:
        tracemalloc.start()
        try:
            with transaction.atomic():
                archive.write(Subject(ana, datetime.now(UTC)), file)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        with zipfile.ZipFile(file) as written:
            data = json.loads(written.read("data.json"))
    assert (len(data["transactions"]), len(data["statement"])) == (MANY, MANY)
    assert data["statement"][0]["balance"] == "6250.00"
    assert most < MEGABYTES * 1024**2, f"{most / 1024**2:.1f} MB"
