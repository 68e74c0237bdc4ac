"""What anyone may read of coverage, and what nobody is told."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from ledger import seals, verify
from tests.people import make_investor
from treasury import coverage, services
from treasury.models import CoverageDay
from treasury.tests.conftest import BASIC, MILL, PARENT, Desk
from treasury.tests.test_coverage import cover, worked_example

URL = "/api/v1/transparency/coverage"

BASIC_PRODUCT = {
    "product": "basic",
    "name": "Basic",
    "currency": "USD",
    "pool": "750.00",
    "reserved": "0.00",
    "covers_what_is_owed": True,
    "owed": "40.00",
    "accrued": "60.00",
    "mean_accrual": "25.00",
    "days_of_cover": "30.0",
    "withheld": None,
    "income_received": "150.00",
    "income_from_related": "0.00",
    "firm_capital_received": "600.00",
    "released": "0.00",
    "above_rate_ceiling": True,
    "yearly_rate": "3.000000",
}

OIL_MILL = {
    "name": "Oil mill loan",
    "product": "basic",
    "cost": "4500.00",
    "valued_on": "2026-06-01",
    "valuation": "4400.00",
    "counts": True,
    "confirmed": "4400.00",
    "unconfirmed": "100.00",
    "income_received": "150.00",
    "income_from_related": "0.00",
    "related_to_firm": False,
}


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    cache.clear()


@pytest.fixture
def anyone() -> APIClient:
    return APIClient()


def crowd(desk: Desk, people: int, *, funded: bool = True) -> None:
    """Let so many more people hold 10 USD each."""
    for number in range(people):
        person = make_investor(f"Investor {number}")
        desk.deposit("10", owner=person)
        if funded:
            desk.fund("10", owner=person)


def seal_of(desk: Desk, *covers: coverage.ProductCover) -> str:
    row = desk.cover(*covers)
    seal = seals.seal_day(row.day_id, coverage_sha256=coverage.digest(row.day_id))
    return bytes(seal.sha256).hex()


def test_below_twenty_investors_it_says_why_it_shows_nothing_but_the_seal(desk: Desk, anyone: APIClient) -> None:
    crowd(desk, 18)
    desk.deposit("5")
    seal = seal_of(desk, cover())
    answer = anyone.get(URL)
    assert answer.status_code == 200
    assert answer.json() == {
        "next": None,
        "previous": None,
        "results": [
            {
                "day": "2026-06-01",
                "published": False,
                "reason": "fewer-than-20-investors",
                "seal": seal,
                "digest": coverage.digest(CoverageDay.objects.get().pk).hex(),
                "rate_ceiling": "0.360000",
                "currencies": [],
                "products": [],
            }
        ],
    }


def test_from_twenty_investors_on_it_shows_every_figure(desk: Desk, anyone: APIClient) -> None:
    crowd(desk, 20)
    worked_example(desk)
    desk.state("6300")
    seal_of(desk, cover())
    (day,) = anyone.get(URL).json()["results"]
    assert (day["published"], day["reason"]) == (True, None)
    (row,) = day["currencies"]
    assert (row["currency"], row["published"]) == ("USD", True)
    figures = row["figures"]
    # The example of docs/rules/coverage.md with 200 more of claims, and as much in the bank.
    assert figures["coverage"] == "0.940639"
    assert figures["claims"] == {
        "total": "10200.00",
        "available": "2000.00",
        "locked": "0.00",
        "in_payout": "0.00",
        "principal": "8200.00",
        "suspense": "0.00",
    }
    assert figures["ring_fenced"]["total"] == figures["ring_fenced"]["returns_pool"] == "750.00"
    assert figures["own"] == {"total": "400.00", "capital": "400.00", "fees": "0.00", "penalties": "0.00"}
    assert figures["missing"] == {
        "total": "650.00",
        "receivable": "0.00",
        "shortfall": "520.00",
        "fx": "0.00",
        "unconfirmed_cash": "30.00",
        "unconfirmed_deployed": "100.00",
    }
    assert len(figures["notes"]) == 3
    assert figures["cash"] == [
        {
            "account": "bank",
            "book": "6330.00",
            "statement_on": "2026-06-01",
            "statement": "6300.00",
            "counts": True,
            "confirmed": "6300.00",
            "unconfirmed": "30.00",
        }
    ]
    (asset,) = figures["assets"]
    del asset["asset"]
    assert asset == OIL_MILL
    assert day["products"] == [BASIC_PRODUCT]


def test_the_counterpartys_name_stays_inside_only_its_relation_comes_out(desk: Desk, anyone: APIClient) -> None:
    crowd(desk, 20)
    asset = desk.asset()
    desk.do(services.request_deploy, asset=asset.pk, cash="bank", amount="50", counterparty=PARENT)
    desk.cover(cover())
    text = anyone.get(URL).content.decode()
    assert PARENT.name not in text
    (found,) = json.loads(text)["results"][0]["currencies"][0]["figures"]["assets"]
    assert found["related_to_firm"] is True


def test_what_few_people_hold_is_withheld_within_a_published_day(desk: Desk, anyone: APIClient) -> None:
    crowd(desk, 20, funded=False)
    desk.deposit("1000")
    desk.fund("1000")
    desk.deposit("3000", currency="XOF")
    desk.cover(cover(owed=Decimal("1.0001"), accrued=Decimal("7")))
    (day,) = anyone.get(URL).json()["results"]
    by_currency = {row["currency"]: row for row in day["currencies"]}
    assert by_currency["USD"]["published"]
    assert by_currency["XOF"] == {
        "currency": "XOF",
        "published": False,
        "reason": "fewer-than-20-investors",
        "figures": None,
    }
    (product,) = day["products"]
    assert product["withheld"] == "fewer-than-20-investors"
    hidden = ("owed", "accrued", "mean_accrual", "days_of_cover")
    assert [product[name] for name in hidden] == [None] * 4
    assert (product["pool"], product["covers_what_is_owed"]) == ("0.00", False)


def test_a_debt_is_rounded_up(desk: Desk, anyone: APIClient) -> None:
    crowd(desk, 20)
    desk.cover(cover(owed=Decimal("1.000000000000000001")))
    assert anyone.get(URL).json()["results"][0]["products"][0]["owed"] == "1.01"


def test_history_is_newest_first_with_each_days_seal(desk: Desk, anyone: APIClient) -> None:
    desk.deposit("10")
    published = {str(desk.day): seal_of(desk) for _ in range(5)}
    first = anyone.get(URL, {"limit": 2}).json()
    assert [row["day"] for row in first["results"]] == ["2026-06-05", "2026-06-04"]
    second = anyone.get(first["next"]).json()
    assert [row["day"] for row in second["results"]] == ["2026-06-03", "2026-06-02"]
    whole = anyone.get(URL).json()
    assert {row["day"]: row["seal"] for row in whole["results"]} == published
    assert verify.published_seals(whole) == published
    oldest = anyone.get(URL, {"ordering": "day"}).json()["results"]
    assert [row["day"] for row in oldest] == sorted(published)


def test_it_is_filtered_by_currency_and_date(desk: Desk, anyone: APIClient) -> None:
    crowd(desk, 20)
    desk.cover(cover())
    desk.deposit("3000", currency="XOF")
    for _ in range(3):
        desk.cover(cover())

    def days(**asked: str) -> list[str]:
        return [row["day"][-2:] for row in anyone.get(URL, asked).json()["results"]]

    assert days(day="2026-06-02") == ["02"]
    assert days(**{"from": "2026-06-02", "to": "2026-06-03"}) == ["03", "02"]
    assert days(currency="XOF") == ["04", "03", "02"]
    assert days(currency="EUR") == []
    only = anyone.get(URL, {"currency": "XOF"}).json()["results"][0]
    assert [row["currency"] for row in only["currencies"]] == ["XOF"]
    assert only["products"] == []


@pytest.mark.parametrize(
    "asked",
    [
        {"currency": "XXX"},
        {"currency": ""},
        {"currency": "usd"},
        {"currency": "U\x00D"},
        {"day": "yesterday"},
        {"day": "2026-02-30"},
        {"day": "20260601"},
        {"day": "٢٠٢٦-٠٦-٠١"},
        {"from": ""},
        {"from": "2026-06-02", "to": "2026-06-01"},
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "1e2"},
        {"ordering": "ratio"},
        {"investor": "ana"},
    ],
)
def test_what_is_asked_wrongly_is_refused_with_a_pointer(desk: Desk, anyone: APIClient, asked: dict[str, str]) -> None:
    answer = anyone.get(URL, asked)
    assert answer.status_code == 400
    pointers = [error["pointer"] for error in answer.json()["errors"]]
    assert pointers == [f"/{list(asked)[-1]}"]


def test_it_can_only_be_read(anyone: APIClient, db: None) -> None:
    for method in (anyone.post, anyone.put, anyone.patch, anyone.delete):
        assert method(URL).status_code == 405


def test_it_takes_the_same_queries_for_many_days_and_two_once_cached(
    desk: Desk, anyone: APIClient, django_assert_num_queries: Any
) -> None:
    crowd(desk, 20)
    asset = desk.asset()
    desk.do(services.request_deploy, asset=asset.pk, cash="bank", amount="50", counterparty=MILL)
    desk.cover(cover())
    with django_assert_num_queries(9):
        assert len(anyone.get(URL).json()["results"]) == 1
    for _ in range(4):
        desk.cover(cover())
    with django_assert_num_queries(9):
        assert len(anyone.get(URL).json()["results"]) == 5
    with django_assert_num_queries(2):
        assert len(anyone.get(URL).json()["results"]) == 5


def test_a_cached_answer_never_hides_a_new_day_or_seal(desk: Desk, anyone: APIClient) -> None:
    desk.deposit("10")
    desk.cover()
    first = anyone.get(URL)
    assert first["Cache-Control"] == "public, max-age=60"
    assert anyone.get(URL, headers={"if-none-match": first["ETag"]}).status_code == 304
    assert first.json()["results"][0]["seal"] is None
    closed = CoverageDay.objects.get().pk
    seals.seal_day(closed, coverage_sha256=coverage.digest(closed))
    again = anyone.get(URL, headers={"if-none-match": first["ETag"]})
    assert again.status_code == 200
    assert again.json()["results"][0]["seal"]
    desk.cover()
    assert len(anyone.get(URL).json()["results"]) == 2


def test_links_of_one_host_are_never_given_to_another(desk: Desk, anyone: APIClient) -> None:
    desk.deposit("10")
    for _ in range(2):
        desk.cover()
    for host in ("evil.example", "testserver"):
        assert anyone.get(URL, {"limit": 1}, headers={"host": host}).json()["next"].startswith(f"http://{host}/")


def test_who_is_logged_in_sees_what_anyone_sees(desk: Desk, anyone: APIClient, ana: Any) -> None:
    desk.deposit("10")
    desk.cover()
    open_to_all = anyone.get(URL).json()
    anyone.force_authenticate(ana)
    assert anyone.get(URL).json() == open_to_all
    assert BASIC
