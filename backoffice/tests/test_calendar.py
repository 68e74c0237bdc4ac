"""Days that calendars make odd, and lives that begin, stop and change on one day, through the whole close."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from backoffice import end_of_day
from backoffice.tests.conftest import Platform
from core.errors import NotFound
from core.money import Money
from investments import services as investing
from investments.errors import ProductRetired
from investments.models import Accrual
from investments.rules import ONE_DAY
from investments.terms import TERMS
from investments.tests.worlds import spans
from ledger import days, verify

pytestmark = pytest.mark.slow

PLACES = Decimal("1e-18")


@pytest.mark.parametrize(
    ("zone", "first", "days_a_month"),
    [
        ("UTC", date(2028, 2, 25), {2: 29, 3: 31}),
        ("Europe/Paris", date(2026, 3, 26), {3: 31, 4: 30}),
        ("Europe/Paris", date(2026, 10, 22), {10: 31}),
    ],
)
def test_a_week_that_nobody_closed(
    transactional_db: None, settings: Any, zone: str, first: date, days_a_month: dict[int, int]
) -> None:
    """Over a leap day, and over both changes of the clock: one accrual a day, each of its month's fraction."""
    settings.PLATFORM_TIME_ZONE = zone
    platform = Platform(first)
    platform.investor("Ana", amount="300")
    platform.fill("basic", "1000")
    for _ in range(8):
        platform.pass_day()
    closing = end_of_day.close_days(now=platform.noon)
    assert closing.is_complete and [run.day for run in closing.runs] == [first + n * ONE_DAY for n in range(8)]
    expected = [(first + n * ONE_DAY) for n in range(1, 8)]
    assert list(Accrual.objects.order_by("day").values_list("day", "amount")) == [
        (day, (Decimal(75) / days_a_month[day.month]).quantize(PLACES)) for day in expected
    ]
    assert verify.run() == []


@pytest.mark.parametrize(
    ("day", "over_at_utc"),
    [
        (date(2026, 3, 28), (28, 23)),
        (date(2026, 3, 29), (29, 22)),
        (date(2026, 10, 24), (24, 22)),
        (date(2026, 10, 25), (25, 23)),
    ],
)
def test_a_day_of_23_or_25_hours_is_over_at_its_own_midnight(
    settings: Any, day: date, over_at_utc: tuple[int, int]
) -> None:
    settings.PLATFORM_TIME_ZONE = "Europe/Paris"
    midnight = datetime(day.year, day.month, *over_at_utc, tzinfo=UTC)
    assert days.is_over(day, now=midnight)
    assert not days.is_over(day, now=midnight - timedelta(seconds=1))


def test_a_new_version_has_its_rate_and_a_day_of_pause_and_resume_changes_nothing(late: Platform) -> None:
    """Ana keeps 25 % a month, Eve comes by the next version at 20 %; both pause and resume on their first day."""
    ana = late.investor("Ana", amount="300")
    product = late.product("basic")
    terms = {name: getattr(product.versions.active().get(), name) for name in TERMS}
    draft = investing.draft_version(product.pk, {**terms, "rate": Decimal("0.20")}, by=late.omar, now=late.noon)
    late.desk.approve(
        investing.request_activation(
            draft.pk, by=late.omar, reason="A lower rate", now=late.noon, justification="Lower than before"
        )
    )
    eve = late.investor("Eve", amount="300")
    for position in (ana, eve):
        investing.pause(position.pk, owner=position.owner, now=late.noon)
        investing.resume(position.pk, owner=position.owner, now=late.noon)
        assert spans(position) == [(date(2026, 6, 27), None, 300, True)]
    late.fill("basic", "1000")
    late.close_until(date(2026, 6, 30))
    assert (late.wallet(ana.owner), late.wallet(eve.owner)) == (Decimal("10.00"), Decimal("8.00"))
    assert verify.run() == []


def test_a_product_that_is_retired_without_a_successor(late: Platform) -> None:
    """Who is in goes on earning, is paid, may pause and leave; nobody comes in, and nothing more is put in."""
    ana, eve = late.investor("Ana", amount="300"), late.investor("Eve", amount="300")
    late.fill("basic", "1000")
    late.close_until(date(2026, 6, 27))
    product = late.product("basic")
    late.desk.approve(investing.request_retirement(product.pk, by=late.omar, reason="Offered no more", now=late.noon))
    late.desk.deposit(ana.owner, Money(Decimal(300), "USD"))
    with pytest.raises(ProductRetired):
        investing.fund_position(ana.pk, owner=ana.owner, amount=Decimal(10), now=late.noon)
    with pytest.raises(NotFound):
        investing.open_position(
            ana.owner,
            product=product.pk,
            disclosure_version=ana.disclosure_version,
            amount=Decimal(300),
            now=late.noon,
        )
    investing.cancel(eve.pk, owner=eve.owner, now=late.noon)
    late.close_until(date(2026, 6, 28))
    assert late.wallet(eve.owner) == Decimal("305.00"), "her principal, and two days of 2.50"
    investing.pause(ana.pk, owner=ana.owner, now=late.noon)
    late.close_until(date(2026, 6, 30))
    investing.resume(ana.pk, owner=ana.owner, now=late.noon)
    assert late.wallet(ana.owner) == 300 + Decimal("2.50") * 3, "the 30th gave nothing"
    late.close_until(date(2026, 7, 2))
    days_earned = Accrual.objects.filter(position=ana).order_by("day").values_list("day__day", flat=True)
    assert list(days_earned) == [27, 28, 29, 2]
    ana.refresh_from_db()
    eve.refresh_from_db()
    assert (ana.status, eve.status) == ("active", "closed")
    assert verify.run() == []


def test_a_pool_that_runs_dry_in_the_month_and_is_refilled(platform: Platform) -> None:
    """280 francs a day, a pool of 700: two days are paid, three wait whole, and come with the refill."""
    vera = platform.investor("Vera", code="vip3", amount="1000000", currency="XOF")
    platform.fill("vip3", "700")
    platform.close_until(date(2026, 6, 6))
    assert (platform.wallet(vera.owner, "XOF"), platform.pool("vip3")) == (560, 140)
    platform.fill("vip3", "700")
    assert platform.close().is_complete
    # Four days are owed with the seventh; the 840 cover three of them.
    assert (platform.wallet(vera.owner, "XOF"), platform.pool("vip3")) == (1400, 0)
    platform.fill("vip3", "10000")
    assert platform.close().is_complete
    assert (platform.wallet(vera.owner, "XOF"), platform.pool("vip3")) == (7 * 280, 9_440)
    assert verify.run() == []
