"""Every list of the console: as many queries for many rows as for few, and looking changes nothing."""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backoffice.tests.conftest import OWNER, Platform
from core.money import Money
from tests.people import enter, make_investor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

FEW, MORE = 3, 9
BIG = (
    "accounts/user/",
    "accounts/session/",
    "backoffice/endofdayrun/",
    "investments/position/",
    "investments/settlementrun/",
    "ledger/account/",
    "ledger/evidence/",
    "ledger/transaction/",
    "oversight/approvalrequest/?status=all",
    "oversight/alert/?state=all",
    "oversight/auditevent/",
    "payments/bankcredit/?status=all",
    "payments/deposit/?status=all",
    "treasury/coverage/",
    "treasury/productcoverage/",
    "treasury/statementbalance/",
    "treasury/treasurymovement/",
    "treasury/valuation/",
)
KEYS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\d|/\d+/")


def invest(platform: Platform, names: range) -> None:
    for number in names:
        platform.investor(f"Investor {number}", amount="500")
        platform.desk.pay_in(Money(Decimal(100 + number), "USD"), OWNER)


def queries(client: Any, address: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        answer = client.get(f"/admin/{address}")
    assert answer.status_code == 200, address
    return len(seen)


def test_a_list_asks_no_more_for_many_rows_than_for_few(platform: Platform, client: Any) -> None:
    enter(client, platform.omar)
    invest(platform, range(FEW))
    platform.close()
    few = {address: queries(client, address) for address in BIG}
    invest(platform, range(FEW, MORE))
    platform.close()
    many = {address: queries(client, address) for address in BIG}
    assert {address: many[address] - few[address] for address in BIG if many[address] > few[address]} == {}


def test_looking_at_every_page_changes_nothing(platform: Platform, client: Any) -> None:
    """Follow every link from the dashboard on, one page of each kind, deeds' forms included."""
    enter(client, platform.omar)
    invest(platform, range(2))
    platform.desk.announce(make_investor("Ana"), Money(Decimal(75), "USD"))
    platform.close()
    client.get("/admin/")
    before = contents()
    seen: dict[str, str] = {}
    waiting = ["/admin/"]
    while waiting:
        address = waiting.pop()
        kind = KEYS.sub("/X/", address.partition("?")[0])
        if kind in seen or "logout" in kind:
            continue
        seen[kind] = address
        answer = client.get(address)
        assert answer.status_code in (200, 302), address
        if "html" in answer.headers["Content-Type"] and answer.status_code == 200:
            waiting += re.findall(r'href="(/admin/[^"#]*)"', answer.content.decode())
    assert sum("/do/" in kind for kind in seen) > 20
    assert len(seen) > len(admin.site._registry)
    assert contents() == before


def contents() -> dict[str, str]:
    """A digest of every table's rows, but for the sessions."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'django_session'")
        tables = [name for (name,) in cursor.fetchall()]
        found = {}
        for table in tables:
            if not _may_read(cursor, table):
                continue
            cursor.execute(f'SELECT t::text FROM "{table}" AS t')
            rows = sorted(row for (row,) in cursor.fetchall())
            found[table] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    return found


def _may_read(cursor: Any, table: str) -> bool:
    cursor.execute("SELECT has_table_privilege(%s::text, 'SELECT')", [f'"{table}"'])
    return bool(cursor.fetchone()[0])
