"""The investing API: what it shows, what it does once, and everything that can be wrong with a request."""

from __future__ import annotations

import itertools
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from investments import services
from investments.api.shapes import ExitOut, HeldProductOut, PositionOut
from investments.models import Position, PositionEvent, ProductVersion
from investments.tests.worlds import available
from tests.people import make_investor, make_ready

HOSTILE = json.loads((Path(__file__).parent / "data/hostile_amounts.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def fresh_cache():
    cache.clear()


@pytest.fixture
def client(clock, investor) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(investor)
    return client


@pytest.fixture
def eve(clock, stranger) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(stranger)
    return client


def get(client, path):
    return client.get(f"/api/v1/investment{path}")


def post(client, path, body=None, key=None):
    headers = {"HTTP_IDEMPOTENCY_KEY": key or uuid4().hex}
    return client.post(f"/api/v1/investment{path}", body if body is not None else {}, format="json", **headers)


def pointers(answer):
    assert answer.status_code == 400, answer.content
    return [error["pointer"] for error in answer.json()["errors"]]


# Opening and funding


def opened(world, client, code="basic", **body):
    product = world.product(code)
    content = {"product": str(product.pk), "disclosure_version": world.version(code).disclosure_version, **body}
    return post(client, "/accounts", content)


def test_open_and_fund_at_once(world, client, investor):
    world.pay_in(investor, "150")
    answer = opened(world, client, amount="100.00")
    assert answer.status_code == 201, answer.content
    body = answer.json()
    figures = {name: body[name] for name in ("status", "currency", "principal", "accrued", "owed", "paid", "exits")}
    assert figures == {
        "status": "active",
        "currency": "USD",
        "principal": "100.00",
        "accrued": "0.00",
        "owed": "0.00",
        "paid": "0.00",
        "exits": [],
    }
    assert (body["funded_on"], body["next_payout_on"]) == ("2026-06-01", "2026-06-30")
    assert body["product"]["above_rate_ceiling"] is True
    assert available(investor) == 50


def test_a_number_is_taken_exactly(world, client, investor):
    world.pay_in(investor, "150")
    assert opened(world, client, amount=100).json()["principal"] == "100.00"


def test_the_same_key_gives_the_first_answer_again(world, client, investor):
    world.pay_in(investor, "300")
    position = opened(world, client, amount="100").json()["id"]
    first = post(client, f"/accounts/{position}/fund", {"amount": "50"}, key="k1")
    again = post(client, f"/accounts/{position}/fund", {"amount": "50"}, key="k1")
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.json() == again.json()
    other = post(client, f"/accounts/{position}/fund", {"amount": "51"}, key="k1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert (available(investor), Position.objects.get().principal) == (150, 150)


def test_a_repeat_is_answered_before_anything_is_looked_at(world, client, investor):
    """API.md: replay, then work. The product was on offer when the request first came."""
    first = opened_with_key(world, client, "k")
    ProductVersion.objects.filter(product__code="basic").update(status="retired", retired_at=world.now)
    second = opened_with_key(world, client, "k", version=first.json()["disclosure_version"])
    assert (second.status_code, second.get("Idempotent-Replayed"), second.json()) == (201, "true", first.json())


def opened_with_key(world, client, key, version=""):
    disclosure = version or world.version("basic").disclosure_version
    return post(client, "/accounts", {"product": str(world.product("basic").pk), "disclosure_version": disclosure}, key)


def test_after_a_day_the_key_still_answers_with_the_row_as_it_stands(world, client, clock, investor):
    world.pay_in(investor, "300")
    body = {"product": str(world.product("basic").pk), "disclosure_version": "tiers-2026-11", "amount": "100"}
    first = post(client, "/accounts", body, key="open")
    post(client, f"/accounts/{first.json()['id']}/fund", {"amount": "50"})
    world.next_day(2)
    clock.move_to(world.now)
    again = post(client, "/accounts", body, key="open")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert (again.json()["id"], again.json()["principal"]) == (first.json()["id"], "150.00")
    assert Position.objects.count() == 1


def test_a_verb_without_a_key_is_refused(world, client, investor):
    world.pay_in(investor, "300")
    position = world.open(investor, "basic", "100")
    for verb in ("fund", "withdraw", "pause", "resume", "cancel"):
        answer = client.post(f"/api/v1/investment/accounts/{position.pk}/{verb}", {"amount": "1"}, format="json")
        assert answer.status_code == 400, (verb, answer.content)
    assert PositionEvent.objects.filter(position=position).count() == 2


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"product": str(uuid4())}, "/product"),
        ({"product": "basic"}, "/product"),
        ({"product": None}, "/product"),
        ({"product": ["x"]}, "/product"),
        ({"disclosure_version": None}, "/disclosure_version"),
        ({"disclosure_version": 7}, "/disclosure_version"),
        ({"disclosure_version": "x" * 41}, "/disclosure_version"),
        ({"colour": "red"}, "/colour"),
        ({"amount": "0.00"}, "/amount"),
    ],
)
def test_what_is_wrong_with_an_opening_is_pointed_at(world, client, change, pointer):
    answer = opened(world, client, **change)
    assert pointer in pointers(answer)
    assert not Position.objects.exists()


def test_bodies_that_are_no_object_are_refused(world, client):
    for body in ([], "x", 5, [{"product": "x"}], {"disclosure_version": "a\x00b"}):
        assert post(client, "/accounts", body).status_code == 400
    assert not Position.objects.exists()


@pytest.mark.parametrize(("code", "also"), [("basic", '"100.005"'), ("vip0", '"3000.0"')])
def test_hostile_amounts_change_nothing(world, client, investor, code, also):
    position = world.open(investor, code)
    currency = position.product.currency
    world.pay_in(investor, "1000000", currency)
    for raw in [*HOSTILE, also]:
        for verb in ("fund", "withdraw"):
            answer = client.generic(
                "POST",
                f"/api/v1/investment/accounts/{position.pk}/{verb}",
                f'{{"amount": {raw}}}',
                content_type="application/json",
                HTTP_IDEMPOTENCY_KEY=uuid4().hex,
            )
            assert answer.status_code == 400, (raw[:60], verb, answer.content)
    assert available(investor, currency) == Decimal(1000000)
    assert Position.objects.get().status == "pending_funding"


def test_refusals_are_problems_with_their_facts(world, client, investor):
    position = world.open(investor, "basic")
    world.pay_in(investor, "150")
    answer = post(client, f"/accounts/{position.pk}/fund", {"amount": "99.99"})
    assert (answer.status_code, answer.json()["code"], answer.json()["minimum"]) == (422, "below-minimum", "100")
    answer = post(client, f"/accounts/{position.pk}/fund", {"amount": "151"})
    assert (answer.status_code, answer.json()["code"]) == (422, "insufficient-balance")
    answer = post(client, f"/accounts/{position.pk}/pause")
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal-move")
    assert available(investor) == 150


def test_without_the_kyc_level_a_position_is_opened_but_not_funded(world, clock):
    ben = make_investor("Ben", kyc_level=0)
    make_ready(ben, at=world.now)
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(ben)
    world.pay_in(ben, "100")
    assert opened(world, client).json()["status"] == "pending_kyc"
    answer = opened(world, client, amount="100")
    assert (answer.status_code, answer.json()["code"]) == (422, "kyc-level-required")
    assert (available(ben), Position.objects.count()) == (100, 1)


# Verbs, and what is shown


def test_a_life_through_the_api(world, client, clock, investor):
    position = world.open(investor, "basic", "250").pk
    assert post(client, f"/accounts/{position}/pause").json()["status"] == "paused"
    world.next_day()
    clock.move_to(world.now)
    assert post(client, f"/accounts/{position}/resume").json()["status"] == "active"
    answer = post(client, f"/accounts/{position}/withdraw", {"amount": "50.50"})
    assert (answer.status_code, answer.json()["principal"], answer.json()["withdrawn"]) == (200, "199.50", "50.50")
    body = post(client, f"/accounts/{position}/cancel").json()
    assert (body["status"], body["last_on"], body["next_payout_on"]) == ("cancelled", "2026-06-02", None)
    assert available(investor) == 250


def test_who_waits_sees_the_place(world, client, investor, stranger):
    world.open(stranger, "basic", "300")
    position = world.open(investor, "basic", "300")
    world.put_to_work("basic", "600")
    other = Position.objects.exclude(pk=position.pk).get()
    services.withdraw(other.pk, owner=stranger, amount=Decimal(100), now=world.now)
    body = post(client, f"/accounts/{position.pk}/withdraw", {"amount": "100"}).json()
    assert body["principal"] == "300.00"
    assert [(row["kind"], row["amount"], row["place"]) for row in body["exits"]] == [("withdrawal", "100.00", 2)]


def test_the_list_takes_a_fixed_number_of_queries(world, client, investor, django_assert_num_queries):
    world.open(investor, "basic", "300")
    with django_assert_num_queries(2):
        assert len(get(client, "/accounts").json()["results"]) == 1
    for _ in range(29):
        world.open(investor, "vip0", "3000")
    with django_assert_num_queries(2):
        assert len(get(client, "/accounts").json()["results"]) == 30
    assert len(get(client, "/accounts?currency=XOF&status=active").json()["results"]) == 29


@pytest.mark.parametrize("leaving", [1, 4])
def test_those_who_leave_take_one_query_more(world, client, investor, django_assert_num_queries, leaving):
    opened = [world.open(investor, "basic", "300") for _ in range(5)]
    world.put_to_work("basic", "1500")
    for position in opened[:leaving]:
        services.withdraw(position.pk, owner=investor, amount=Decimal(100), now=world.now)
    with django_assert_num_queries(3):
        rows = get(client, "/accounts").json()["results"]
    assert [[waiting["place"] for waiting in row["exits"]] for row in reversed(rows)] == [
        *([place] for place in range(1, leaving + 1)),
        *([] for _ in opened[leaving:]),
    ]


@pytest.mark.parametrize("ordering", ["id", "-id"])
def test_pages_lead_there_and_back(world, client, investor, ordering):
    for _ in range(5):
        world.open(investor, "basic", "300")
    pages, url = [], f"/api/v1/investment/accounts?limit=2&ordering={ordering}"
    while url:
        pages.append(client.get(url).json())
        url = pages[-1]["next"]
    shown = [row["id"] for page in pages for row in page["results"]]
    assert shown == [str(pk) for pk in Position.objects.order_by(ordering).values_list("pk", flat=True)]
    for page, before in itertools.pairwise(reversed(pages)):
        assert client.get(page["previous"]).json()["results"] == before["results"]


def test_a_list_and_a_detail_write_what_the_document_describes(world, client, investor):
    """Both are written by hand: every declared field in its order, and nothing else."""
    position = world.open(investor, "basic", "300")
    world.put_to_work("basic", "300")
    services.withdraw(position.pk, owner=investor, amount=Decimal(100), now=world.now)
    row = get(client, "/accounts").json()["results"][0]
    assert row == get(client, f"/accounts/{position.pk}").json()
    for shown, described in ((row, PositionOut), (row["product"], HeldProductOut), (row["exits"][0], ExitOut)):
        assert list(shown) == list(described().fields)
    terms = HeldProductOut(position.version)
    terms.fields.pop("above_rate_ceiling")
    assert terms.data == {name: value for name, value in row["product"].items() if name != "above_rate_ceiling"}


def test_eve_gets_404_for_everything_of_anas(world, eve, investor):
    position = world.open(investor, "basic", "250")
    for path in ("", "/returns", "/forecast"):
        assert get(eve, f"/accounts/{position.pk}{path}").status_code == 404
    for verb in ("fund", "withdraw", "pause", "resume", "cancel"):
        answer = post(eve, f"/accounts/{position.pk}/{verb}", {"amount": "1.00"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert get(eve, "/accounts").json()["results"] == []
    position.refresh_from_db()
    assert (position.status, position.principal) == ("active", 250)


def test_nobody_gets_in_without_a_token(clock):
    anyone = APIClient()
    assert anyone.get("/api/v1/investment/accounts").status_code == 401
    assert anyone.post("/api/v1/investment/accounts", {}, format="json").status_code == 401


# Returns and forecast


def test_projected_returns_explain_themselves(world, client, investor):
    position = world.open(investor, "basic", "100")
    answer = get(client, f"/accounts/{position.pk}/returns?status=projected&period=monthly&limit=200")
    lines = answer.json()["results"]
    june = lines[-1]
    assert (june["period"], june["from_on"], june["to_on"], june["days"]) == (
        "2026-06-01",
        "2026-06-02",
        "2026-06-30",
        29,
    )
    assert (june["principal"], june["rate"], june["numerator"], june["denominator"]) == ("100.00", "0.25", 29, 30)
    assert june["amount"] == "24.166666666666666657"
    assert june["term"] == position.terms.get().pk
    july = lines[-2]
    assert Decimal(july["amount"]).quantize(Decimal("1e-8")) == 25


def test_nothing_is_recorded_before_the_first_close(world, client, investor):
    position = world.open(investor, "basic", "100")
    for period in ("daily", "monthly", "annual"):
        assert get(client, f"/accounts/{position.pk}/returns?period={period}").json()["results"] == []


def test_projected_days_page_by_cursor(world, client, investor):
    position = world.open(investor, "stake-30", "100")
    first = get(client, f"/accounts/{position.pk}/returns?status=projected&limit=20").json()
    second = client.get(first["next"]).json()
    assert [len(first["results"]), len(second["results"]), second["next"]] == [20, 10, None]
    assert (first["results"][0]["from_on"], second["results"][-1]["from_on"]) == ("2026-07-01", "2026-06-02")
    assert client.get(second["previous"]).json()["results"] == first["results"]


@pytest.mark.parametrize(
    "query", ["period=weekly", "status=lost", "limit=0", "limit=900", "cursor=abc", "cursor=", "from=2026-01-01"]
)
def test_a_wrong_question_about_returns_is_a_400(world, client, investor, query):
    position = world.open(investor, "basic", "100")
    assert get(client, f"/accounts/{position.pk}/returns?{query}").status_code == 400


def test_the_forecast_follows_the_terms_day_by_day(world, client, investor):
    position = world.open(investor, "stake-30", "100")
    body = get(client, f"/accounts/{position.pk}/forecast?days=366").json()
    assert (body["from_on"], body["to_on"], len(body["days"])) == ("2026-06-02", "2026-07-01", 30)
    assert (body["total"], body["next_payout_on"], body["coverage"]) == ("0.450000", "2026-07-01", None)
    assert body["days"][0]["amount"] == "0.015000"
    assert (body["above_rate_ceiling"], bool(body["risk_warning"])) == (False, True)


def test_the_forecast_of_an_unfunded_position_is_empty(world, client, investor):
    position = world.open(investor, "basic")
    body = get(client, f"/accounts/{position.pk}/forecast").json()
    assert (body["days"], body["total"], body["from_on"]) == ([], "0.00", None)


@pytest.mark.parametrize("days", ["0", "367", "-1", "x", "1e2", "١"])
def test_a_wrong_horizon_is_a_400(world, client, investor, days):
    position = world.open(investor, "basic", "100")
    assert get(client, f"/accounts/{position.pk}/forecast?days={days}").status_code == 400


def test_recorded_returns_come_from_accruals(world, client, investor):
    from investments import partitions
    from investments.models import Accrual
    from investments.rules import forecast

    position = world.open(investor, "basic", "100")
    partitions.make_partitions(world.day)
    world.next_day(4)
    for day in forecast(Decimal(100), position.version.terms, from_on=date(2026, 6, 2), until=date(2026, 6, 4)):
        Accrual.objects.create(
            day=day.day,
            position=position,
            principal=day.principal,
            rate=day.rate,
            numerator=day.fraction.numerator,
            denominator=day.fraction.denominator,
            amount=day.amount,
        )
    body = get(client, f"/accounts/{position.pk}").json()
    assert (body["accrued"], body["owed"], body["paid"]) == ("2.499999999999999999", "0.00", "0.00")
    lines = get(client, f"/accounts/{position.pk}/returns").json()["results"]
    assert [(line["from_on"], line["status"], line["amount"]) for line in lines] == [
        ("2026-06-04", "accrued", "0.833333333333333333"),
        ("2026-06-03", "accrued", "0.833333333333333333"),
        ("2026-06-02", "accrued", "0.833333333333333333"),
    ]
    month = get(client, f"/accounts/{position.pk}/returns?period=monthly&status=accrued").json()["results"]
    assert [(line["days"], line["numerator"], line["denominator"], line["amount"]) for line in month] == [
        (3, 3, 30, "2.499999999999999999")
    ]
    assert get(client, f"/accounts/{position.pk}/returns?status=paid").json()["results"] == []
    assert isinstance(datetime.fromisoformat(body["opened_at"]), datetime)
