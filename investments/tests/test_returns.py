"""What an investor sees of his returns over the closes: accrued, then owed while the pool is short, then paid."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from rest_framework.test import APIClient

from backoffice import covers
from investments import adjustments
from investments.tests.closing import close, fill_pool
from investments.tests.worlds import available
from treasury import coverage


@pytest.fixture
def client(investor):
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(investor)
    return client


def shown(client, position, path=""):
    answer = client.get(f"/api/v1/investment/accounts/{position.pk}{path}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def figures(client, position):
    body = shown(client, position)
    return body["accrued"], body["owed"], body["paid"], body["next_payout_on"]


def test_a_short_pool_leaves_june_owed_until_it_is_filled(world, investor, client):
    position = world.open(investor, "basic", "100")
    fill_pool(world, "basic", "20")
    with time_machine.travel(world.now, tick=False):
        close(world, 29)
        # 28 days of June so far, a thirtieth of 25 each.
        assert figures(client, position) == ("23.333333333333333324", "0.00", "0.00", "2026-06-30")
        close(world)
        assert figures(client, position) == ("0.006666666666666657", "24.16", "0.00", "2026-07-31")
        month = shown(client, position, "/returns?period=monthly&status=owed")["results"]
        assert [(line["days"], line["amount"], line["term"] is not None) for line in month] == [
            (29, "24.166666666666666657", True)
        ]
        assert available(investor) == 0

        fill_pool(world, "basic", "10")
        close(world)
        accrued, owed, paid, _ = figures(client, position)
        assert (owed, paid, available(investor)) == ("0.00", "24.16", Decimal("24.16"))
        # What is below a cent stays owed to June's account, beside the first of July: 25 / 31.
        assert Decimal(accrued) == Decimal("0.006666666666666657") + Decimal("0.806451612903225806")
        days = shown(client, position, "/returns?limit=200")["results"]
        assert [line["status"] for line in days] == ["accrued", *["paid"] * 29]
        year = shown(client, position, "/returns?period=annual&status=paid")["results"]
        assert [(line["period"], line["days"]) for line in year] == [("2026-01-01", 29)]


def test_an_adjustment_is_a_line_of_its_own(world, investor, client):
    position = world.open(investor, "basic", "100")
    fill_pool(world, "basic", "100")
    with time_machine.travel(world.now, tick=False):
        close(world, 5)
        request = adjustments.request_adjustment(
            position.pk,
            principal_by=Decimal(30),
            from_on=world.day - timedelta(days=2),
            until=world.day - timedelta(days=1),
            by=world.officers[0],
            reason="It was there two days earlier",
            now=world.now,
        )
        world.approve(request)
        before = Decimal(shown(client, position)["accrued"])
        close(world)
        lines = shown(client, position, "/returns?period=monthly")["results"]
        correction = next(line for line in lines if line["booked_on"])
        assert (correction["from_on"], correction["to_on"], correction["days"]) == ("2026-06-04", "2026-06-05", 2)
        assert (correction["amount"], correction["rate"], correction["status"]) == ("0.5", None, "accrued")
        assert correction["reason"] == "It was there two days earlier"
        assert Decimal(shown(client, position)["accrued"]) == before + Decimal("0.5") + Decimal("0.833333333333333333")


def test_the_forecast_stands_beside_the_products_coverage(world, investor, client):
    position = world.open(investor, "basic", "100")
    fill_pool(world, "basic", "20")
    day = world.day
    with time_machine.travel(world.now, tick=False):
        close(world)
        coverage.compute_and_store(day, covers.covers_of(day), world.now)
        body = shown(client, position, "/forecast?days=2")
    beside = body["coverage"]
    assert (beside["day"], beside["pool"], beside["owed"], beside["is_covered"]) == (
        "2026-06-01",
        "20.00",
        "0.00",
        True,
    )
    assert [line["amount"] for line in body["days"]] == ["0.833333333333333333"] * 2
    assert body["total"] == "1.666666666666666666"
