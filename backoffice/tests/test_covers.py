"""What the treasury is told of products, against figures worked by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from backoffice import covers
from backoffice.tests.conftest import Platform

D = Decimal
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def _of(code: str, day: date) -> tuple[Decimal, Decimal, Decimal]:
    cover = next(each for each in covers.covers_of(day) if each.scope == f"product:{code}")
    return cover.owed, cover.accrued, cover.mean_accrual


def test_a_daily_product_owes_its_unpaid_days(platform: Platform) -> None:
    """1,000,000 XOF at 0.028 % a day is 280 a day; the pool of 500 pays one day of three."""
    platform.investor("Awa", code="vip3", amount="1000000", currency="XOF")
    platform.fill("vip3", "500")
    platform.close_until(date(2026, 6, 4))
    assert platform.pool("vip3") == D(220)
    assert _of("vip3", date(2026, 6, 4)) == (D(560), D(0), D(280))
    platform.fill("vip3", "340")
    platform.close()
    assert _of("vip3", date(2026, 6, 5)) == (D(280), D(0), D(280))  # 560 pay two of three days
    assert platform.pool("vip3") == D(0)


def test_a_plan_owes_nothing_before_it_matures(platform: Platform) -> None:
    """1,000 USDT at 0.015 % a day for 30 days: 0.15 a day, all due on the last."""
    from accounts.models import User
    from core.money import Money

    person: User = platform.ready("Kofi")
    platform.fill("stake-30", "1")
    platform.desk.deposit_token(person, Money(D(1000), "USDT"))
    platform.desk.open(person, platform.product("stake-30"), amount=D(1000))
    platform.close_until(date(2026, 6, 30))
    assert _of("stake-30", date(2026, 6, 30)) == (D(0), D("4.35"), D("0.15"))
    platform.close()  # the first of July is its thirtieth day; the pool of 1 doesn't cover 4.50
    assert _of("stake-30", date(2026, 7, 1)) == (D("4.5"), D(0), D("0.15"))
    assert platform.wallet(person, "USDT") == D(1000)  # the principal is back all the same
    platform.fill("stake-30", "3.5")
    platform.close()
    assert _of("stake-30", date(2026, 7, 2))[:2] == (D(0), D(0))
    assert platform.wallet(person, "USDT") == D("1004.5")


def test_a_product_that_nobody_holds_is_covered_too(platform: Platform) -> None:
    assert _of("basic", date(2026, 6, 1)) == (D(0), D(0), D(0))
    named = {cover.scope: cover.above_ceiling for cover in covers.covers_of(date(2026, 6, 1))}
    assert named["product:basic"] and named["product:investor"] and not named["product:vip0"]
    assert len(named) == 12
