"""What is on offer, as anyone sees it."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient


@pytest.fixture(autouse=True)
def fresh_cache():
    cache.clear()


def test_the_tiers_show_their_exact_figures_to_anyone(clock):
    answer = APIClient().get("/api/v1/investment/tiers")
    assert answer.status_code == 200
    shown = [
        (
            tier["name"],
            tier["minimum_deposit"],
            tier["currency"],
            tier["monthly_return_percentage"],
            tier["annual_roi_percentage"],
            tier["above_rate_ceiling"],
            tier["is_active"],
        )
        for tier in answer.json()["results"]
    ]
    assert shown == [
        ("basic", "100.00", "USD", "25", "300", True, True),
        ("premium", "300.00", "USD", "50", "600", True, True),
        ("professional", "1000.00", "USD", "60", "720", True, True),
        ("investor", "10000.00", "USD", "75", "900", True, True),
    ]
    assert all(tier["risk_warning"] and tier["features"] for tier in answer.json()["results"])


def test_the_other_kinds_have_lists_of_their_own(clock):
    anyone = APIClient()
    vip = anyone.get("/api/v1/investment/vip-packages").json()["results"]
    figures = [(package["name"], package["minimum_deposit"], package["daily_return_percentage"]) for package in vip]
    assert figures[0] == ("vip0", "3000", "0.02")
    plans = anyone.get("/api/v1/investment/staking-plans").json()["results"]
    assert [plan["term_days"] for plan in plans] == [30, 90, 180, 365]
    assert {plan["locked"] for plan in plans} == {True}
    everything = anyone.get("/api/v1/investment/products?limit=200").json()["results"]
    assert len(everything) == 12
    usd = anyone.get("/api/v1/investment/products?kind=tier&currency=USD").json()["results"]
    assert [product["name"] for product in usd] == ["basic", "premium", "professional", "investor"]


def test_lists_page_by_cursor(clock):
    anyone = APIClient()
    first = anyone.get("/api/v1/investment/tiers?limit=3").json()
    second = anyone.get(first["next"]).json()
    assert [len(first["results"]), len(second["results"]), second["next"]] == [3, 1, None]


@pytest.mark.parametrize(
    "query",
    [
        "kind=bank",
        "currency=usd",
        "currency=GBP",
        "colour=red",
        "limit=0",
        "limit=201",
        "limit=x",
        "ordering=rate",
        "cursor=nonsense%00",
    ],
)
def test_a_list_refuses_what_it_does_not_know(clock, query):
    answer = APIClient().get(f"/api/v1/investment/products?{query}")
    assert answer.status_code in (400, 404), answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_tier_is_found_by_its_id_and_a_plan_is_no_tier(world, clock):
    anyone = APIClient()
    tier, plan = world.product("basic"), world.product("stake-30")
    assert anyone.get(f"/api/v1/investment/tiers/{tier.pk}").json()["display_name"] == "Basic"
    assert anyone.get(f"/api/v1/investment/tiers/{plan.pk}").status_code == 404
    assert anyone.get(f"/api/v1/investment/products/{plan.pk}").status_code == 200
    assert anyone.get(f"/api/v1/investment/products/{uuid4()}").status_code == 404
    assert anyone.get("/api/v1/investment/products/xyz").status_code == 404


def test_the_lists_take_a_fixed_number_of_queries(clock, django_assert_num_queries):
    with django_assert_num_queries(3):
        APIClient().get("/api/v1/investment/products?limit=200")
