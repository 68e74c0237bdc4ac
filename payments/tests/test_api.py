"""Deposits over HTTP: exact answers, every bad input a 4xx with a pointer, and nothing of Ana's for Eve."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from django.utils import timezone
from rest_framework.test import APIClient

from api.models import KeptAnswer
from payments.models import Deposit
from payments.services import deposits
from payments.tests.conftest import Desk, books

HERE = Path(__file__).parent
AMOUNTS: list[str] = json.loads((HERE / "data/bad_amounts.json").read_text())
NAUGHTY: list[str] = json.loads((HERE.parents[1] / "accounts/tests/data/naughty_strings.json").read_text())
URL = "/api/v1/deposits"
BODY = {"amount": "250.00", "currency": "USD", "method": "bank_transfer"}


def client_of(person: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(person)
    return client


def post(person: Any, body: Any, *, key: str = "") -> Any:
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    headers = {"Idempotency-Key": key or uuid4().hex}
    return client_of(person).post(URL, content, content_type="application/json", headers=headers)


def pointers(response: Any) -> set[str]:
    return {error["pointer"] for error in response.json().get("errors", [])}


def test_an_announced_deposit(desk: Desk) -> None:
    response = post(desk.ana, BODY)
    assert response.status_code == 201
    answer = response.json()
    deposit = Deposit.objects.get()
    assert answer["id"] == str(deposit.pk)
    assert (answer["status"], answer["amount"], answer["currency"]) == ("pending", "250.00", "USD")
    assert (answer["arrived_amount"], answer["transaction"], answer["investment_account"]) == (None, None, None)
    assert answer["next_action"] == {
        "type": "instructions",
        "reference": deposit.shown_reference,
        "amount": "250.00",
        "currency": "USD",
        "expires_at": answer["expires_at"],
        "bank_account": deposit.method.instructions,
    }


@pytest.mark.parametrize(
    ("amount", "currency", "exact"),
    [("250", "USD", "250.00"), ("250.5", "USD", "250.50"), ('"250.55"', "USD", "250.55"), ("3000", "XOF", "3000")],
)
def test_amounts_are_taken_exactly(desk: Desk, amount: str, currency: str, exact: str) -> None:
    body = f'{{"amount": {amount}, "currency": "{currency}", "method": "bank_transfer"}}'
    assert post(desk.ana, body).json()["amount"] == exact


@pytest.mark.parametrize("raw", AMOUNTS)
@pytest.mark.parametrize("currency", ["USD", "XOF"])
def test_bad_amounts(desk: Desk, raw: str, currency: str) -> None:
    before = books()
    response = post(desk.ana, f'{{"amount": {raw}, "currency": "{currency}", "method": "bank_transfer"}}')
    assert response.status_code == 400, response.json()
    # What isn't JSON at all has no member to point at.
    assert pointers(response) == {"/amount"} or response.json()["code"] in {"not-json", "nul-character"}
    assert books() == before


@pytest.mark.parametrize(
    ("amount", "currency"), [("100.0", "XOF"), ("100.00", "XOF"), ("100.50", "XOF"), ("100.005", "USD")]
)
def test_more_digits_than_the_currency_has(desk: Desk, amount: str, currency: str) -> None:
    before = books()
    response = post(desk.ana, {**BODY, "amount": amount, "currency": currency})
    assert (response.status_code, pointers(response)) == (400, {"/amount"})
    assert response.json()["errors"][0]["code"] == "too-precise"
    assert books() == before


def test_naughty_strings_everywhere(desk: Desk) -> None:
    """Each string in every field at once: a 400 that points at each, but at an amount that is one; never a 500."""
    before = books()
    amounts = {"1", "1.00"}
    fields = ("amount", "currency", "method", "investment_account")
    for text in NAUGHTY:
        response = post(desk.ana, dict.fromkeys(fields, text))
        expected = {f"/{field}" for field in fields if not (field == "amount" and text in amounts)}
        assert response.status_code == 400, text
        assert pointers(response) == expected or response.json()["code"] == "nul-character", text
    assert books() == before


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"currency": "USD", "method": "bank_transfer"}, "/amount"),
        ({**BODY, "amount": None}, "/amount"),
        ({**BODY, "amount": True}, "/amount"),
        ({**BODY, "amount": [100]}, "/amount"),
        ({**BODY, "currency": "usd"}, "/currency"),
        ({**BODY, "currency": 1}, "/currency"),
        ({**BODY, "currency": ["USD"]}, "/currency"),
        ({**BODY, "currency": {}}, "/currency"),
        ({**BODY, "method": "cheque"}, "/method"),
        ({**BODY, "method": ["bank_transfer"]}, "/method"),
        ({**BODY, "investment_account": "1"}, "/investment_account"),
        ({**BODY, "investment_account": 1}, "/investment_account"),
        ({**BODY, "investment_account": str(uuid4())}, "/investment_account"),
        ({**BODY, "status": "confirmed"}, "/status"),
        ([], ""),
        ("[", None),
        ("7", ""),
        (b"\xff", None),
    ],
)
def test_bad_bodies(desk: Desk, body: Any, pointer: str | None) -> None:
    before = books()
    response = post(desk.ana, body)
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    if pointer is not None:
        assert pointers(response) == {pointer}
    assert books() == before


@pytest.mark.parametrize(
    ("change", "code"),
    [({"amount": "1.00"}, "amount-outside-method"), ({"currency": "BTC"}, "method-unavailable")],
)
def test_refusals_say_why(desk: Desk, change: dict[str, str], code: str) -> None:
    before = books()
    response = post(desk.ana, {**BODY, **change})
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert books() == before


def test_the_key_is_required(desk: Desk) -> None:
    response = client_of(desk.ana).post(URL, BODY, format="json")
    assert (response.status_code, response.json()["code"]) == (400, "idempotency-key-missing")
    assert Deposit.objects.count() == 0


def test_a_replay_gives_the_first_answer(desk: Desk) -> None:
    first, second = (post(desk.ana, BODY, key="k") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert second["Idempotent-Replayed"] == "true"
    assert first.json() == second.json()
    assert Deposit.objects.count() == 1


def test_a_repeat_is_answered_though_the_method_is_gone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """And another content under the key is that, however wrong it is: the form is read for new requests alone."""
    first = post(desk.ana, BODY, key="k")
    monkeypatch.setattr("payments.api.DepositIn.validate", lambda form, attrs: pytest.fail("read again"))
    assert post(desk.ana, BODY, key="k").json() == first.json()
    assert post(desk.ana, {**BODY, "amount": "nonsense"}, key="k").json()["code"] == "idempotency-key-reused"


def test_another_body_under_the_key(desk: Desk) -> None:
    post(desk.ana, BODY, key="k")
    response = post(desk.ana, {**BODY, "amount": "251.00"}, key="k")
    assert (response.status_code, response.json()["code"]) == (422, "idempotency-key-reused")
    assert Deposit.objects.count() == 1


def test_keys_are_each_callers_own(desk: Desk) -> None:
    post(desk.ana, BODY, key="k")
    assert post(desk.eve, BODY, key="k").status_code == 201
    assert Deposit.objects.count() == 2


def test_a_refused_request_may_be_sent_again_under_its_key(desk: Desk) -> None:
    assert post(desk.ana, {**BODY, "amount": "1.00"}, key="k").status_code == 422
    assert post(desk.ana, BODY, key="k").status_code == 201


def test_after_a_day_the_row_answers_as_it_now_stands(desk: Desk) -> None:
    first = post(desk.ana, BODY, key="k")
    KeptAnswer.objects.all().delete()
    deposits.expire_deposits(now=timezone.now() + timedelta(days=30))
    second = post(desk.ana, BODY, key="k")
    assert second.json()["id"] == first.json()["id"]
    assert (second.json()["status"], second["Idempotent-Replayed"]) == ("expired", "true")
    assert second.json()["next_action"] == {"type": "none"}
    assert post(desk.ana, {**BODY, "amount": "11"}, key="k").status_code == 422


def test_one_key_at_once_makes_one_deposit(shared_desk: Desk) -> None:
    """Seen to fail (two deposits) with `_take` and both unique constraints of the key out of the way."""

    def send(_: int) -> int:
        try:
            return post(shared_desk.ana, BODY, key="k").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    assert set(answers) <= {201, 409}
    assert 201 in answers
    assert Deposit.objects.count() == 1


def test_a_confirmed_deposit_as_its_investor_sees_it(desk: Desk) -> None:
    deposit = desk.confirm(desk.announce())
    answer = client_of(desk.ana).get(f"{URL}/{deposit.pk}").json()
    assert (answer["status"], answer["arrived_amount"]) == ("confirmed", "100.00")
    assert answer["transaction"] == str(deposit.transaction_id)
    assert answer["next_action"] == {"type": "none"}


def test_eve_sees_nothing_of_anas(desk: Desk) -> None:
    deposit = desk.announce()
    eve = client_of(desk.eve)
    missing = eve.get(f"{URL}/{uuid4()}")
    found = eve.get(f"{URL}/{deposit.pk}")
    assert (found.status_code, missing.status_code) == (404, 404)
    assert {**found.json(), "instance": ""} == {**missing.json(), "instance": ""}
    assert eve.get(URL).json()["results"] == []


@pytest.mark.parametrize("path", [URL, "/api/v1/payment-methods", f"{URL}/0198b0de-0000-7000-8000-000000000000"])
def test_nobody_gets_in_without_a_token(db: None, path: str) -> None:
    assert APIClient().get(path).status_code == 401


def test_the_list_is_filtered_and_paged(desk: Desk) -> None:
    made = [desk.announce() for _ in range(3)]
    desk.announce("5000", "XOF")
    desk.confirm(made[0])
    ana = client_of(desk.ana)

    def ids(query: str) -> list[str]:
        return [row["id"] for row in ana.get(f"{URL}?{query}").json()["results"]]

    assert ids("currency=USD") == [str(deposit.pk) for deposit in reversed(made)]
    assert ids("status=confirmed") == [str(made[0].pk)]
    assert ids("currency=USD&ordering=id&limit=1") == [str(made[0].pk)]
    page = ana.get(f"{URL}?limit=3").json()
    assert len(page["results"]) == 3
    assert len(ana.get(page["next"]).json()["results"]) == 1


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("colour=red", "/colour"),
        ("status=lost", "/status"),
        ("currency=ZZZ", "/currency"),
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("limit=ten", "/limit"),
        ("limit=%D9%A1%D9%A0", "/limit"),
        ("ordering=amount", "/ordering"),
        ("status=pending&status=failed", "/status"),
        ("status=%00", "/status"),
    ],
)
def test_bad_queries(desk: Desk, query: str, pointer: str) -> None:
    response = client_of(desk.ana).get(f"{URL}?{query}")
    assert (response.status_code, pointers(response)) == (400, {pointer})


def test_a_bad_id_is_not_found(desk: Desk) -> None:
    for text in ("1", "not-a-uuid", "%00", "..", "'; DROP TABLE payments_deposit; --"):
        assert client_of(desk.ana).get(f"{URL}/{text}").status_code == 404


def test_a_list_takes_one_query_a_page(desk: Desk, django_assert_num_queries: Any) -> None:
    for _ in range(5):
        desk.announce()
    client = client_of(desk.ana)
    client.get(URL)
    with django_assert_num_queries(1):
        assert len(client.get(URL).json()["results"]) == 5


# Payment methods


def test_payment_methods(desk: Desk) -> None:
    rows = client_of(desk.ana).get("/api/v1/payment-methods?currency=XOF&country=BJ&direction=in").json()["results"]
    assert [(row["method"], row["minimum"], row["maximum"], row["fee"]) for row in rows] == [
        ("bank_transfer", "1000", "500000000", "0")
    ]
    assert client_of(desk.ana).get("/api/v1/payment-methods?currency=XOF&country=NG").json()["results"] == []
    assert client_of(desk.ana).get("/api/v1/payment-methods?direction=out").json()["results"] == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("country=bj", "/country"),
        ("country=XX", "/country"),
        ("currency=usd", "/currency"),
        ("direction=sideways", "/direction"),
        ("page=1", "/page"),
    ],
)
def test_bad_method_queries(desk: Desk, query: str, pointer: str) -> None:
    response = client_of(desk.ana).get(f"/api/v1/payment-methods?{query}")
    assert (response.status_code, pointers(response)) == (400, {pointer})
