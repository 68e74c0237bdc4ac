"""Wallets, statements and transactions over HTTP."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from ledger import accounts, amounts, api, days, exports, history, posting
from ledger.posting import Move
from ledger.tests.conftest import FIRST_DAY, NOON, Books

NAUGHTY = Path(__file__).parents[2] / "accounts/tests/data/naughty_strings.json"
STATEMENT = "/api/v1/wallets/USD/statement"
SECOND_DAY = FIRST_DAY + timedelta(days=1)


def client_of(person: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(person)
    return client


def get(person: Any, url: str) -> Any:
    response = client_of(person).get(url)
    assert response.status_code == 200, response.content
    return response.json()


def refused(person: Any, url: str) -> tuple[int, set[str]]:
    response = client_of(person).get(url)
    assert response["Content-Type"] == "application/problem+json"
    return response.status_code, {error["pointer"] for error in response.json().get("errors", [])}


def close_first_day() -> None:
    days.close(FIRST_DAY, now=datetime(2026, 6, 2, 0, 5, tzinfo=UTC))


def exit_position(books: Books, amount: str, penalty: str) -> posting.Posting:
    principal, wallet = books.principal(books.ana), books.available(books.ana)
    penalties = accounts.open_account("penalties", "USD")
    moves = [Move(principal, wallet, Decimal(amount)), Move(principal, penalties, Decimal(penalty))]
    return posting.post("position_exit", moves, key="exit:1", now=NOON)


# Wallets


def test_wallets(books: Books) -> None:
    books.deposit(books.ana, "250.00")
    books.fund(books.ana, "100.00")
    accounts.wallet(books.ana, "XOF")
    expected = {"available": "150.00", "locked": "0.00", "in_payout": "0.00", "total": "150.00"}
    nothing = {"available": "0", "locked": "0", "in_payout": "0", "total": "0"}
    assert get(books.ana, "/api/v1/wallets")["results"] == [
        {"currency": "USD", **expected},
        {"currency": "XOF", **nothing},
    ]
    assert get(books.ana, "/api/v1/wallets/USD") == {"currency": "USD", **expected}


def test_eves_wallets_are_her_own(books: Books) -> None:
    books.deposit(books.ana, "250.00")
    assert get(books.eve, "/api/v1/wallets")["results"] == []
    assert get(books.eve, "/api/v1/wallets/USD")["total"] == "0.00"
    assert get(books.eve, STATEMENT)["results"] == []
    assert get(books.eve, "/api/v1/transactions")["results"] == []


@pytest.mark.parametrize("currency", ["usd", "ZZZ", "USD%00", "💶", "USD'--"])
@pytest.mark.parametrize("tail", ["", "/statement"])
def test_an_unknown_currency(books: Books, currency: str, tail: str) -> None:
    assert refused(books.ana, f"/api/v1/wallets/{currency}{tail}")[0] == 404


def test_wallets_take_one_query(books: Books, django_assert_num_queries: Any) -> None:
    books.deposit(books.ana, "250.00")
    client = client_of(books.ana)
    for url in ("/api/v1/wallets", "/api/v1/wallets/USD"):
        with django_assert_num_queries(1):
            client.get(url)
    for currency in amounts.EXPONENTS:
        books.available(books.ana, currency)
    with django_assert_num_queries(1):
        assert len(client.get("/api/v1/wallets").json()["results"]) == len(amounts.EXPONENTS)


@pytest.mark.parametrize(
    "path",
    [
        "wallets",
        "wallets/USD",
        "wallets/USD/statement",
        "transactions",
        "transactions/0198b0de-0000-7000-8000-000000000000",
    ],
)
def test_nobody_gets_in_without_a_token(db: None, path: str) -> None:
    assert APIClient().get(f"/api/v1/{path}").status_code == 401


# Statements


def test_a_statement_is_newest_first_with_the_balance_after_each_line(books: Books) -> None:
    first = books.deposit(books.ana, "250.00")
    second = books.fund(books.ana, "100.00")
    page = get(books.ana, STATEMENT)
    shown = [
        (line["transaction"], line["type"], line["direction"], line["amount"], line["balance"])
        for line in page["results"]
    ]
    assert shown == [
        (str(second.transaction_id), "investment", "out", "100.00", "150.00"),
        (str(first.transaction_id), "deposit", "in", "250.00", "250.00"),
    ]
    assert {(line["booked_on"], line["effective_on"]) for line in page["results"]} == {("2026-06-01", "2026-06-01")}
    assert (page["next"], page["previous"]) == (None, None)


def test_the_cursor_carries_the_running_balance(books: Books) -> None:
    for amount in range(1, 8):
        books.deposit(books.ana, f"{amount}.00")
    whole = [line["balance"] for line in get(books.ana, STATEMENT)["results"]]
    assert whole == ["28.00", "21.00", "15.00", "10.00", "6.00", "3.00", "1.00"]
    paged, url = [], f"{STATEMENT}?limit=3"
    while url:
        page = get(books.ana, url)
        paged += [line["balance"] for line in page["results"]]
        books.deposit(books.ana, "1000.00")  # what comes meanwhile doesn't move the pages that follow
        url = page["next"]
    assert paged == whole


def test_a_statement_of_some_days(books: Books) -> None:
    books.deposit(books.ana, "250.00")
    close_first_day()
    books.deposit(books.ana, "50.00")
    first = get(books.ana, f"{STATEMENT}?from=2026-06-01&to=2026-06-01")["results"]
    second = get(books.ana, f"{STATEMENT}?from=2026-06-02")["results"]
    assert [(line["amount"], line["balance"], line["booked_on"]) for line in first] == [
        ("250.00", "250.00", "2026-06-01")
    ]
    assert [(line["amount"], line["balance"], line["booked_on"]) for line in second] == [
        ("50.00", "300.00", "2026-06-02")
    ]
    assert get(books.ana, f"{STATEMENT}?to=2026-05-31")["results"] == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("from=2026-6-1", "/from"),
        ("from=yesterday", "/from"),
        ("to=2026-02-30", "/to"),
        ("to=%D9%A2%D9%A0%D9%A2%D9%A6-06-01", "/to"),
        ("from=2026-06-02&to=2026-06-01", "/from"),
        ("as=pdf", "/as"),
        ("limit=0", "/limit"),
        ("limit=1000", "/limit"),
        ("limit=1e1", "/limit"),
        ("cursor=abc", "/cursor"),
        ("since=2026-06-01", "/since"),
        ("from=2026-06-01&from=2026-06-02", "/from"),
        ("from=%00", "/from"),
        ("as=csv&limit=5", "/limit"),
    ],
)
def test_bad_statement_queries(books: Books, query: str, pointer: str) -> None:
    books.deposit(books.ana, "250.00")
    assert refused(books.ana, f"{STATEMENT}?{query}") == (400, {pointer})


def test_a_cursor_is_of_one_statement(books: Books) -> None:
    for person in (books.ana, books.eve):
        books.deposit(person, "1.00")
        books.deposit(person, "2.00")
    cursor = get(books.ana, f"{STATEMENT}?limit=1")["next"].partition("cursor=")[2]
    assert refused(books.eve, f"{STATEMENT}?cursor={cursor}") == (400, {"/cursor"})
    assert refused(books.ana, f"{STATEMENT}?cursor={cursor[:-2]}AA") == (400, {"/cursor"})


def test_a_statement_takes_two_queries(books: Books, django_assert_num_queries: Any) -> None:
    for _ in range(5):
        books.deposit(books.ana, "1.00")
    client = client_of(books.ana)
    with django_assert_num_queries(2):
        assert len(client.get(STATEMENT).json()["results"]) == 5


def test_a_statement_as_csv(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "PAGE", 2)
    for amount in range(1, 6):
        books.deposit(books.ana, f"{amount}.00")
    books.fund(books.ana, "4.00")
    response = client_of(books.ana).get(f"{STATEMENT}?as=csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="statement-USD.csv"'
    rows = list(csv.DictReader(io.StringIO(b"".join(response).decode())))
    assert [(row["in"], row["out"], row["balance"]) for row in rows] == [
        ("", "4.00", "11.00"),
        ("5.00", "", "15.00"),
        ("4.00", "", "10.00"),
        ("3.00", "", "6.00"),
        ("2.00", "", "3.00"),
        ("1.00", "", "1.00"),
    ]
    assert (rows[0]["booked_on"], rows[0]["value_date"], rows[0]["type"]) == ("2026-06-01", "2026-06-01", "investment")


def test_formulas_in_a_csv_are_text(books: Books) -> None:
    moves = [Move(books.available(books.ana), books.principal(books.ana), Decimal(1))]
    books.deposit(books.ana, "250.00")
    posting.post("position_fund", moves, key="f", now=NOON, memo='=HYPERLINK("http://evil")')
    rows = list(csv.DictReader(io.StringIO("".join(exports.statement_csv(books.available(books.ana), "USD")))))
    assert rows[0]["memo"] == '\'=HYPERLINK("http://evil")'


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\r=1", "  =1"])
def test_what_a_spreadsheet_would_run(text: str) -> None:
    assert exports.plain_text(text) == f"'{text}"


def test_plain_text_stays() -> None:
    assert exports.plain_text("deposit A-1 = 5") == "deposit A-1 = 5"


def test_an_empty_statement_as_csv(books: Books) -> None:
    response = client_of(books.eve).get(f"{STATEMENT}?as=csv")
    assert b"".join(response).decode().splitlines() == [",".join(exports.COLUMNS)]


def test_naughty_strings_in_paths_and_filters(books: Books) -> None:
    """Each string as currency, id, day, filter and cursor: a 404 or a 400 that points at it, never a 500."""
    client = client_of(books.ana)
    for text in json.loads(NAUGHTY.read_text()):
        written = quote(text, safe="")
        for url in (f"/api/v1/wallets/{written}/statement", f"/api/v1/transactions/{written}"):
            assert client.get(url).status_code == 404, url
        for url, names in ((STATEMENT, ("from", "as", "cursor")), ("/api/v1/transactions", ("type", "currency", "to"))):
            response = client.get(f"{url}?{urlencode(dict.fromkeys(names, text))}")
            assert response.status_code == 400, (url, text)
            assert {error["pointer"] for error in response.json()["errors"]} <= {f"/{name}" for name in names}


# Transactions


def test_transactions_say_what_they_changed(books: Books) -> None:
    books.deposit(books.ana, "250.00")
    books.fund(books.ana, "100.00")
    left = exit_position(books, "90.00", "10.00")
    rows = get(books.ana, "/api/v1/transactions")["results"]
    shown = [(row["type"], row["kind"], row["direction"], row["amount"], row["fee"]) for row in rows]
    assert shown == [
        ("investment", "position_exit", "in", "90.00", "10.00"),
        ("investment", "position_fund", "out", "100.00", "0.00"),
        ("deposit", "deposit", "in", "250.00", "0.00"),
    ]
    assert get(books.ana, f"/api/v1/transactions/{left.transaction_id}") == rows[0]
    assert rows[0]["lines"] == [
        {"account": "available", "currency": "USD", "direction": "in", "amount": "90.00"},
        {"account": "principal", "currency": "USD", "direction": "out", "amount": "100.00"},
    ]


def test_a_reversal_is_an_adjustment(books: Books) -> None:
    posted = books.deposit(books.ana, "250.00")
    mirror = posting.mirror_moves(posted.transaction_id)
    approval = books.approval("reversal", mirror)
    posting.reverse(posted.transaction_id, now=NOON, actor=books.omar, approval=approval)
    row = get(books.ana, "/api/v1/transactions")["results"][0]
    assert (row["type"], row["direction"], row["amount"]) == ("adjustment", "out", "250.00")


def test_filters(books: Books) -> None:
    books.deposit(books.ana, "250.00")
    books.fund(books.ana, "100.00")
    close_first_day()
    books.deposit(books.ana, "1.00")

    def amounts_of(query: str) -> list[str]:
        return [row["amount"] for row in get(books.ana, f"/api/v1/transactions?{query}")["results"]]

    assert amounts_of("type=deposit") == ["1.00", "250.00"]
    assert amounts_of("type=investment") == ["100.00"]
    assert amounts_of("type=payout") == []
    assert amounts_of("type=adjustment") == []
    assert amounts_of("currency=XOF") == []
    assert amounts_of("to=2026-06-01") == ["100.00", "250.00"]
    assert amounts_of("from=2026-06-02&currency=USD&type=deposit") == ["1.00"]
    assert amounts_of("ordering=id&limit=2") == ["250.00", "100.00"]


def test_transactions_are_paged(books: Books) -> None:
    for amount in range(1, 6):
        books.deposit(books.ana, f"{amount}.00")
    found, url = [], "/api/v1/transactions?limit=2"
    while url:
        page = get(books.ana, url)
        found += [row["amount"] for row in page["results"]]
        url = page["next"]
    assert found == ["5.00", "4.00", "3.00", "2.00", "1.00"]


@pytest.mark.parametrize("ordering", ["id", "-id"])
def test_pages_lead_there_and_back(books: Books, ordering: str) -> None:
    for amount in range(1, 6):
        books.deposit(books.ana, f"{amount}.00")
    pages, url = [], f"/api/v1/transactions?limit=2&ordering={ordering}"
    while url:
        pages.append(get(books.ana, url))
        url = pages[-1]["next"]
    assert [len(page["results"]) for page in pages] == [2, 2, 1]
    for page, before in itertools.pairwise(reversed(pages)):
        assert get(books.ana, page["previous"])["results"] == before["results"]
    assert get(books.ana, pages[1]["previous"])["previous"] is None


def test_what_is_written_by_hand_is_what_the_document_describes(books: Books) -> None:
    books.deposit(books.ana, "250.00")
    books.fund(books.ana, "100.00")
    exit_position(books, "90.00", "10.00")
    for movement in history.History(owner_id=books.ana.pk)[:3]:
        row = api.written(movement)
        lines = [
            {
                "account": leg.account,
                "currency": leg.currency,
                "direction": line["direction"],
                "amount": abs(leg.change),
            }
            for leg, line in zip(movement.legs, row["lines"], strict=True)
        ]
        described = {
            **dataclasses.asdict(movement),
            "type": movement.type.value,
            "direction": row["direction"],
            "amount": abs(movement.amount),
            "lines": lines,
        }
        assert json.dumps(api.TransactionOut(described).data) == json.dumps(row)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("type=theft", "/type"),
        ("currency=usd", "/currency"),
        ("from=x", "/from"),
        ("limit=201", "/limit"),
        ("ordering=amount", "/ordering"),
        ("kind=deposit", "/kind"),
        ("type=deposit&type=fee", "/type"),
    ],
)
def test_bad_transaction_queries(books: Books, query: str, pointer: str) -> None:
    assert refused(books.ana, f"/api/v1/transactions?{query}") == (400, {pointer})


def test_eve_gets_404_for_what_is_anas(books: Books) -> None:
    posted = books.deposit(books.ana, "250.00")
    client = client_of(books.eve)
    found = client.get(f"/api/v1/transactions/{posted.transaction_id}")
    missing = client.get(f"/api/v1/transactions/{uuid4()}")
    assert (found.status_code, missing.status_code) == (404, 404)
    assert {**found.json(), "instance": ""} == {**missing.json(), "instance": ""}


def test_what_is_nobodys_is_nobodys(books: Books) -> None:
    posted = books.capital_in("10.00")
    assert client_of(books.ana).get(f"/api/v1/transactions/{posted.transaction_id}").status_code == 404


@pytest.mark.parametrize("count", [0, 1, 30])
def test_a_list_takes_one_query(books: Books, django_assert_num_queries: Any, count: int) -> None:
    for _ in range(count):
        books.deposit(books.ana, "1.00")
    client = client_of(books.ana)
    with django_assert_num_queries(1):
        assert len(client.get("/api/v1/transactions").json()["results"]) == count
