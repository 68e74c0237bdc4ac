"""The console's pages of the ledger open, show figures, and change nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from ledger import days, seals
from ledger.models import Account, Evidence, Transaction
from ledger.tests.conftest import FIRST_DAY, Books
from tests.people import enter, make_officer

PAGES = ("currency", "account", "transaction", "evidence", "postingrule", "businessday", "seal")


@pytest.fixture
def told(books: Books) -> Books:
    """Books with a story: money in, money invested, a day sealed."""
    books.deposit(books.ana, "250.00")
    books.fund(books.ana, "100.00")
    books.fill_pool("40.00")
    days.close(FIRST_DAY, now=datetime(2026, 6, 2, 0, 5, tzinfo=UTC))
    seals.seal_day(FIRST_DAY, coverage_sha256=b"\0" * 32)
    return books


@pytest.fixture
def officer(client: Client, told: Books) -> Client:
    enter(client, make_officer("Nia", "finance"))
    return client


@pytest.mark.parametrize("model", PAGES)
def test_lists_and_rows_open(officer: Client, model: str) -> None:
    from django.apps import apps

    listed = officer.get(f"/admin/ledger/{model}/")
    assert listed.status_code == 200
    row = apps.get_model("ledger", model).objects.first()
    shown = officer.get(f"/admin/ledger/{model}/{row.pk}/change/")
    assert shown.status_code == 200


@pytest.mark.parametrize("model", PAGES)
def test_nothing_is_added_changed_or_removed(officer: Client, model: str) -> None:
    from django.apps import apps

    row = apps.get_model("ledger", model).objects.first()
    assert officer.get(f"/admin/ledger/{model}/add/").status_code == 403
    assert officer.post(f"/admin/ledger/{model}/{row.pk}/change/", {}).status_code == 403
    assert officer.post(f"/admin/ledger/{model}/{row.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("path", [*PAGES, "account/funds"])
def test_who_has_no_role_sees_nothing(client: Client, told: Books, path: str) -> None:
    enter(client, make_officer("Sam", "support"))
    assert client.get(f"/admin/ledger/{path}/").status_code == 403
    enter(client, told.eve)
    assert client.get(f"/admin/ledger/{path}/").status_code in {302, 403}


def test_an_account_shows_its_balance_and_latest_transfers(officer: Client, told: Books) -> None:
    page = officer.get(f"/admin/ledger/account/{told.available(told.ana).pk}/change/").content.decode()
    assert "150.00 USD" in page
    assert "-100.00 USD, then 150.00 USD" in page


def test_cash_is_counted(officer: Client, told: Books) -> None:
    page = officer.get(f"/admin/ledger/account/{told.cash.pk}/change/").content.decode()
    assert "290.00 USD" in page


def test_a_transaction_shows_its_transfers(officer: Client) -> None:
    row = Transaction.objects.get(kind="pool_fund")
    page = officer.get(f"/admin/ledger/transaction/{row.pk}/change/").content.decode()
    assert "returns_pool:product:basic" in page
    assert "40.00 USD" in page


def test_funds(officer: Client) -> None:
    page = officer.get("/admin/ledger/account/funds/").content.decode()
    assert "product:basic" in page
    assert "100.00 USD" in page


@pytest.mark.parametrize("query", ["?q=deposit", "?kind__exact=cash", "?q=%00", "?p=x", "?q=01a1fdbd"])
def test_searches_never_break(officer: Client, query: str) -> None:
    for model in PAGES:
        assert officer.get(f"/admin/ledger/{model}/{query}").status_code in {200, 302}


def test_lists_take_a_fixed_number_of_queries(officer: Client, told: Books, django_assert_max_num_queries: Any) -> None:
    for _ in range(10):
        told.deposit(told.ana, "1.00")
        Account.objects.count()
    officer.get("/admin/ledger/transaction/")
    with django_assert_max_num_queries(14):
        officer.get("/admin/ledger/transaction/")


def test_evidence_is_given_as_a_download(officer: Client, told: Books) -> None:
    from ledger import evidence

    row = evidence.record(
        type="document",
        source="bank",
        reference="X-1",
        at=datetime(2026, 6, 1, tzinfo=UTC),
        content=b"<script>alert(1)</script>",
        name="advice.html",
    )
    response = officer.get(f"/admin/ledger/evidence/{row.pk}/file/")
    assert response.content == b"<script>alert(1)</script>"
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == f'attachment; filename="evidence-{row.pk}.html"'
    page = officer.get(f"/admin/ledger/evidence/{row.pk}/change/").content.decode()
    assert "intact" in page


def test_evidence_that_was_changed_is_not_given(officer: Client, told: Books) -> None:
    from ledger import evidence

    row = evidence.record(
        type="document",
        source="bank",
        reference="X-1",
        at=datetime(2026, 6, 1, tzinfo=UTC),
        content=b"paper",
        name="a.pdf",
    )
    with row.file.storage.open(row.file.name, "wb") as kept:
        kept.write(b"forged")
    assert officer.get(f"/admin/ledger/evidence/{row.pk}/file/").status_code == 409
    bare = Evidence.objects.filter(file="").first()
    assert officer.get(f"/admin/ledger/evidence/{bare.pk}/file/").status_code == 404
