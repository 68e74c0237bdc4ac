"""What investors see of offers over HTTP, and do with them: the worked example, keys, lists, and every refusal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from ledger.models import Transaction
from offers import services
from offers.models import Offer, OfferInvestment
from offers.tests.worlds import World, broken, committed, wallet
from tests.people import make_investor
from tests.races.threads import at_once

NOW = pytest.mark.usefixtures("clock")
pytestmark = [pytest.mark.django_db(transaction=True), NOW]


@pytest.fixture
def clock(world: World) -> Iterator[Any]:
    """The world's own noon, for what reads the clock at the edge."""
    with time_machine.travel(world.now, tick=False) as traveller:
        yield traveller


def client(person: Any) -> APIClient:
    caller = APIClient(raise_request_exception=False)
    caller.force_authenticate(person)
    return caller


def invest(person: Any, offer: Offer, amount: str, *, key: str = "", **more: Any) -> Any:
    body = {"amount": amount, "currency": "AED", "disclosure_version": "2026-06", **more}
    headers = {"Idempotency-Key": key or uuid4().hex}
    path = f"/api/v1/offers/{offer.pk}/invest"
    return client(person).post(path, json.dumps(body), content_type="application/json", headers=headers)


def refusal(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json", answer.content
    return answer.status_code, answer.json()["code"]


def queries(call: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert call().status_code == 200
    return len(seen)


def test_the_worked_example(world: World, offer: Offer) -> None:
    """500 is accepted, of 600 what is left, the next is refused; one takes it back, and the first in line has it."""
    ana, kofi, zoe = (world.investor(name, offer) for name in ("Ana", "Kofi", "Zoe"))
    first = invest(ana, offer, "500.00")
    second = invest(kofi, offer, "600.00")
    assert (first.status_code, second.status_code) == (201, 201)
    body = first.json()
    row = OfferInvestment.objects.get(pk=body["id"])
    assert body == {
        "id": str(row.pk),
        "offer": str(offer.pk),
        "status": "reserved",
        "currency": "AED",
        "requested_amount": "500.00",
        "accepted_amount": "500.00",
        "principal": "0.00",
        "operation_id": str(Transaction.objects.get(key=f"offer_reserve:{row.pk}").pk),
        "disclosure_version": "2026-06",
        "asked_at": "2026-06-01T12:00:00Z",
        "reserved_at": "2026-06-01T12:00:00Z",
        "reflects_until": "2026-06-05T12:00:00Z",
        "below_minimum": False,
    }
    assert (second.json()["requested_amount"], second.json()["accepted_amount"]) == ("600.00", "500.00")
    shown = client(zoe).get(f"/api/v1/offers/{offer.pk}").json()
    assert (shown["committed_amount"], shown["remaining_amount"]) == ("1000.00", "0.00")

    assert refusal(invest(zoe, offer, "100.00")) == (409, "offer-full")
    assert wallet(zoe) == (10000, 0) and not OfferInvestment.objects.owned_by(zoe).exists()
    waiting = invest(zoe, offer, "700.00", join_waiting_list=True).json()
    assert (waiting["status"], waiting["accepted_amount"], waiting["operation_id"]) == ("waiting", "0.00", None)

    taken = client(ana).post(f"/api/v1/offer-investments/{row.pk}/withdraw")
    assert (taken.status_code, taken.json()["status"]) == (200, "withdrawn")
    given = client(zoe).get("/api/v1/offer-investments").json()["results"][0]
    assert (given["id"], given["status"], given["accepted_amount"]) == (waiting["id"], "reserved", "500.00")
    assert (wallet(ana), wallet(zoe), committed(offer)) == ((10000, 0), (9500, 500), 1000)
    assert broken() == []


def test_the_same_key_twice_is_one_investment(world: World, offer: Offer) -> None:
    ana = world.investor("Ana", offer)
    first, again = (invest(ana, offer, "500.00", key="once") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "Idempotent-Replayed" not in first and again["Idempotent-Replayed"] == "true"
    assert refusal(invest(ana, offer, "400.00", key="once")) == (422, "idempotency-key-reused")
    assert OfferInvestment.objects.count() == 1 and wallet(ana) == (9500, 500) and committed(offer) == 500


def test_the_row_remembers_its_key_for_ever(world: World, offer: Offer, clock: Any) -> None:
    """When the kept answer is gone, the same content is answered with the row as it now stands."""
    ana = world.investor("Ana", offer)
    first = invest(ana, offer, "500.00", key="once").json()
    clock.shift(timedelta(hours=25))
    client(ana).post(f"/api/v1/offer-investments/{first['id']}/withdraw")
    again = invest(ana, offer, "500.00", key="once")
    assert again["Idempotent-Replayed"] == "true" and again.json() == {**first, "status": "withdrawn"}
    assert refusal(invest(ana, offer, "400.00", key="once")) == (422, "idempotency-key-reused")
    assert OfferInvestment.objects.count() == 1 and committed(offer) == 0


def test_the_same_key_at_once_is_one_investment(world: World, offer: Offer) -> None:
    ana = world.investor("Ana", offer)
    answers: list[Any] = at_once([partial(invest, ana, offer, "300.00", key="once")] * 4)
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"request-in-progress"}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert OfferInvestment.objects.count() == 1 and wallet(ana) == (9700, 300) and committed(offer) == 300


def test_a_refused_request_may_be_sent_again_under_its_key(world: World, offer: Offer) -> None:
    ana = world.investor("Ana", offer, "100")
    assert refusal(invest(ana, offer, "500.00", key="once")) == (422, "insufficient-balance")
    world.pay_in(ana, "400")
    assert invest(ana, offer, "500.00", key="once").status_code == 201
    assert wallet(ana) == (0, 500)


REFUSALS = [
    ({"currency": "USD"}, 422, "offer-currency-mismatch"),
    ({"amount": "99.99"}, 422, "below-ticket"),
    ({"amount": "800.01"}, 422, "above-ticket"),
    ({"disclosure_version": "2025-01"}, 422, "disclosure-outdated"),
    ({"amount": "10.005"}, 400, "invalid"),
    ({"join_waiting_list": "perhaps"}, 400, "invalid"),
    ({"priority": True}, 400, "invalid"),
]


@pytest.mark.parametrize(("asked", "status", "code"), REFUSALS)
def test_refusals(world: World, asked: dict[str, Any], status: int, code: str) -> None:
    offer = world.offer(maximum_ticket=Decimal(800))
    ana = world.investor("Ana", offer)
    answer = invest(ana, offer, **{"amount": "500.00", **asked})
    assert refusal(answer) == (status, code)
    if status == 400:
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{name}" for name in asked]
    assert wallet(ana) == (10000, 0) and committed(offer) == 0 and not OfferInvestment.objects.exists()


def test_a_key_is_needed(world: World, offer: Offer) -> None:
    ana = world.investor("Ana", offer)
    body = {"amount": "500.00", "currency": "AED", "disclosure_version": "2026-06"}
    answer = client(ana).post(f"/api/v1/offers/{offer.pk}/invest", body, format="json")
    assert refusal(answer) == (400, "idempotency-key-missing")
    assert not OfferInvestment.objects.exists()


def test_who_has_not_been_told_of_the_risks_is_refused(world: World, offer: Offer) -> None:
    eve = make_investor("Eve", kyc_level=1)
    world.pay_in(eve, "1000")
    assert refusal(invest(eve, offer, "500.00")) == (409, "disclosure-not-accepted")
    assert wallet(eve) == (1000, 0) and committed(offer) == 0


def test_a_level_too_low(world: World) -> None:
    offer = world.offer(kyc_level=2)
    assert refusal(invest(world.investor("Ana", offer), offer, "500.00")) == (422, "kyc-level-required")
    assert committed(offer) == 0


def test_a_draft_is_as_unknown_as_an_offer_that_is_not_there(world: World) -> None:
    draft, ana = world.draft(), make_investor("Ana", kyc_level=1)
    missing = Offer(pk=uuid4())
    ways: list[Callable[[Offer], Any]] = [
        lambda offer: client(ana).get(f"/api/v1/offers/{offer.pk}"),
        lambda offer: client(ana).get(f"/api/v1/offers/{offer.pk}/waiting-list"),
        lambda offer: client(ana).delete(f"/api/v1/offers/{offer.pk}/waiting-list"),
        lambda offer: invest(ana, offer, "500.00"),
    ]
    for way in ways:
        found, nothing = way(draft), way(missing)
        assert refusal(found) == refusal(nothing) == (404, "offer-not-found")
        assert {**found.json(), "instance": ""} == {**nothing.json(), "instance": ""}
    assert client(ana).get("/api/v1/offers").json()["results"] == []
    assert not OfferInvestment.objects.exists()


@pytest.mark.parametrize("ended", [False, True])
def test_what_is_not_live_takes_no_money(world: World, offer: Offer, clock: Any, ended: bool) -> None:
    """Paused, or past its last day although nobody has closed it yet; who is in it sees it all the same."""
    ana, kofi = world.investor("Ana", offer), world.investor("Kofi", offer)
    invest(ana, offer, "500.00")
    if ended:
        clock.shift(timedelta(days=30, hours=13))
    else:
        services.pause_offer(offer.pk, by=world.officers[0], reason="a question", now=world.now)
    assert refusal(invest(kofi, offer, "100.00")) == (409, "offer-not-live")
    assert client(ana).get(f"/api/v1/offers/{offer.pk}").status_code == 200
    assert client(kofi).get(f"/api/v1/offers/{offer.pk}").status_code == (200 if ended else 404)
    assert client(kofi).get("/api/v1/offers?currency=AED").json()["results"] == []
    assert wallet(kofi) == (10000, 0) and committed(offer) == 500


def test_the_list_is_of_one_currency(world: World, offer: Offer, settings: Any) -> None:
    settings.PLATFORM_CURRENCY = "AED"
    world.offer(code="mill", currency="USD", deadline=date(2026, 6, 20))
    world.offer(code="quay")
    ana = client(make_investor("Ana"))
    codes = lambda query="": [row["code"] for row in ana.get(f"/api/v1/offers{query}").json()["results"]]  # noqa: E731
    assert codes() == ["quay", "harbour"], "the platform's currency, newest first"
    assert codes("?currency=USD") == ["mill"]
    assert codes("?currency=XOF") == []
    assert codes("?ordering=id") == ["harbour", "quay"]
    settings.PLATFORM_CURRENCY = "USD"
    assert codes() == ["mill"]
    shown = ana.get("/api/v1/offers?currency=AED").json()["results"][0]
    assert shown["disclosure"] and shown["expected_return"] == "0.08" and shown["target"] == "500.00"
    assert "metadata" not in shown


@pytest.mark.parametrize(
    "path",
    [
        *("/offers?status=live", "/offers?currency=EURO", "/offers?ordering=name", "/offers?limit=0"),
        *("/offers?cursor=x", "/offer-investments?status=gone", "/offer-investments?currency=AED"),
        "/offer-investments?ordering=status",
    ],
)
def test_an_unknown_filter_is_refused(world: World, path: str) -> None:
    answer = client(make_investor("Ana")).get(f"/api/v1{path}")
    name = path.partition("?")[2].partition("=")[0]
    assert answer.status_code == 400 and [error["pointer"] for error in answer.json()["errors"]] == [f"/{name}"]


def test_my_investments_by_status(world: World, offer: Offer) -> None:
    ana, eve = world.investor("Ana", offer), world.investor("Eve", offer)
    ids = [invest(ana, offer, amount).json()["id"] for amount in ("600.00", "400.00")]
    waiting = invest(ana, offer, "100.00", join_waiting_list=True).json()["id"]
    listed = lambda person, query="": [  # noqa: E731
        row["id"] for row in client(person).get(f"/api/v1/offer-investments{query}").json()["results"]
    ]
    assert listed(ana) == [waiting, *reversed(ids)]
    assert listed(ana, "?status=waiting") == [waiting] and listed(ana, "?status=reserved&ordering=id") == ids
    assert listed(eve) == []
    page = client(ana).get("/api/v1/offer-investments?limit=2").json()
    assert [row["id"] for row in client(ana).get(page["next"]).json()["results"]] == [ids[0]]


def test_my_place_in_the_line(world: World, offer: Offer) -> None:
    ana, zoe, musa = (world.investor(name, offer) for name in ("Ana", "Zoe", "Musa"))
    invest(ana, offer, "1000.00")
    for person, amount in ((zoe, "300.00"), (musa, "200.00")):
        assert invest(person, offer, amount, join_waiting_list=True).status_code == 201
    path = f"/api/v1/offers/{offer.pk}/waiting-list"
    assert client(musa).get(path).json() == {
        "place": 2,
        "currency": "AED",
        "requested_amount": "200.00",
        "asked_at": "2026-06-01T12:00:00Z",
    }
    assert refusal(invest(zoe, offer, "100.00", join_waiting_list=True)) == (409, "already-waiting")
    assert client(zoe).delete(path).status_code == 204
    assert client(musa).get(path).json()["place"] == 1
    for way in (client(zoe).get, client(zoe).delete, client(ana).get):
        assert refusal(way(path)) == (404, "not-waiting")
    assert list(offer.investments.order_by("id").values_list("status", flat=True)) == ["reserved", "lapsed", "waiting"]


def test_taking_back_ends_with_the_reflection(world: World, offer: Offer, clock: Any) -> None:
    ana, eve = world.investor("Ana", offer), world.investor("Eve", offer)
    path = f"/api/v1/offer-investments/{invest(ana, offer, '500.00').json()['id']}/withdraw"
    assert refusal(client(eve).post(path)) == (404, "not-found")
    clock.shift(timedelta(days=4))
    assert refusal(client(ana).post(path)) == (409, "reflection-over")
    assert wallet(ana) == (9500, 500) and committed(offer) == 500


def test_taking_back_twice(world: World, offer: Offer) -> None:
    ana = world.investor("Ana", offer)
    path = f"/api/v1/offer-investments/{invest(ana, offer, '500.00').json()['id']}/withdraw"
    assert client(ana).post(path).status_code == 200
    assert refusal(client(ana).post(path)) == (409, "illegal-move")
    assert wallet(ana) == (10000, 0) and Transaction.objects.filter(kind="offer_release").count() == 1


def test_a_remainder_below_the_minimum_is_said(world: World, offer: Offer) -> None:
    ana, kofi = world.investor("Ana", offer), world.investor("Kofi", offer)
    invest(ana, offer, "950.00")
    last = invest(kofi, offer, "100.00").json()
    assert (last["accepted_amount"], last["below_minimum"]) == ("50.00", True)


def test_lists_ask_no_more_for_many_rows_than_for_one(world: World, offer: Offer) -> None:
    ana = world.investor("Ana", offer)
    invest(ana, offer, "100.00")
    caller = client(ana)
    paths = ("/api/v1/offers?currency=AED", "/api/v1/offer-investments")
    one = [queries(partial(caller.get, path)) for path in paths]
    for number in range(5):
        another = world.offer(code=f"quay-{number}")
        world.make_ready(ana)
        invest(ana, another, "100.00")
    assert [queries(partial(caller.get, path)) for path in paths] == one == [2, 1]
