"""Opening and funding positions: what moves, what it earns by, and what is refused."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from core.errors import NotFound
from investments import services
from investments.errors import (
    AboveMaximum,
    BelowMinimum,
    DisclosureOutdated,
    KycLevelRequired,
    NotOpenForFunding,
    NotToppedUp,
    ProductRetired,
)
from investments.models import Position, PositionEvent
from investments.tests.worlds import available, principal, spans
from ledger.posting import InsufficientBalance
from tests.people import make_investor


def test_a_funded_position_earns_from_the_day_after(world, investor):
    position = world.open(investor, "basic", "100")
    position.refresh_from_db()
    assert (position.status, position.principal, position.initial_principal) == ("active", 100, 100)
    assert (position.funded_on, position.last_on) == (date(2026, 6, 1), None)
    assert spans(position) == [(date(2026, 6, 2), None, 100, True)]
    assert (available(investor), principal(position)) == (0, 100)
    assert list(position.events.values_list("verb", flat=True)) == ["fund", "open"]
    assert position.number > 0


def test_a_plan_with_a_term_stops_after_its_last_day(world, investor):
    position = world.open(investor, "stake-30", "50")
    assert position.last_on == date(2026, 7, 1)
    assert spans(position) == [
        (date(2026, 6, 2), date(2026, 7, 2), 50, True),
        (date(2026, 7, 2), None, 50, False),
    ]


def test_a_top_up_closes_one_row_and_opens_the_next(world, investor):
    position = world.open(investor, "basic", "100")
    world.next_day(4)
    world.pay_in(investor, "50")
    position = services.fund_position(position.pk, owner=investor, amount=Decimal(50), now=world.now)
    assert (position.principal, position.deposited, position.initial_principal) == (150, 150, 100)
    assert spans(position) == [
        (date(2026, 6, 2), date(2026, 6, 6), 100, True),
        (date(2026, 6, 6), None, 150, True),
    ]


def test_a_second_top_up_on_one_day_rewrites_the_row_of_tomorrow(world, investor):
    position = world.open(investor, "basic", "100")
    world.pay_in(investor, "50")
    services.fund_position(position.pk, owner=investor, amount=Decimal(20), now=world.now)
    services.fund_position(position.pk, owner=investor, amount=Decimal(30), now=world.now)
    assert spans(position) == [(date(2026, 6, 2), None, 150, True)]


def nothing_changed(position: Position, before: Position, investor: object, wallet: str) -> None:
    after = Position.objects.get(pk=position.pk)
    assert {name: getattr(after, name) for name in COLUMNS} == {name: getattr(before, name) for name in COLUMNS}
    assert available(investor, after.product.currency) == Decimal(wallet)
    assert principal(after) == after.principal


COLUMNS = ("status", "principal", "deposited", "withdrawn", "funded_on", "last_on")


@pytest.mark.parametrize(
    ("code", "held", "amount", "refusal"),
    [
        ("basic", None, "99.99", BelowMinimum),
        ("vip0", None, "30000", AboveMaximum),
        ("vip0", "29000", "1000", AboveMaximum),
        ("stake-30", "50", "10", NotToppedUp),
    ],
)
def test_bounds_and_terms_refuse(world, investor, code, held, amount, refusal):  # noqa: PLR0917
    position = world.open(investor, code, held)
    before = Position.objects.get(pk=position.pk)
    currency = position.product.currency
    world.pay_in(investor, "40000", currency)
    with pytest.raises(refusal):
        services.fund_position(position.pk, owner=investor, amount=Decimal(amount), now=world.now)
    nothing_changed(position, before, investor, "40000")


def test_an_empty_wallet_refuses_and_leaves_nothing(world, investor):
    with pytest.raises(InsufficientBalance):
        world.open(investor, "basic", "100", pay_in=False)
    assert not Position.objects.exists()
    assert not PositionEvent.objects.exists()


def test_a_stranger_does_not_find_it(world, investor, stranger):
    position = world.open(investor, "basic")
    world.pay_in(stranger, "100")
    with pytest.raises(NotFound):
        services.fund_position(position.pk, owner=stranger, amount=Decimal(100), now=world.now)
    assert available(stranger) == 100


def test_without_the_kyc_level_it_waits_and_takes_no_money(world):
    ben = make_investor("Ben", kyc_level=0)
    position = world.open(ben, "basic")
    assert position.status == "pending_kyc"
    world.pay_in(ben, "100")
    with pytest.raises(KycLevelRequired):
        services.fund_position(position.pk, owner=ben, amount=Decimal(100), now=world.now)
    assert (available(ben), Position.objects.get().status) == (100, "pending_kyc")

    ben.kyc_level = 1
    ben.save(update_fields=["kyc_level"])
    services.fund_position(position.pk, owner=ben, amount=Decimal(100), now=world.now)
    assert (available(ben), Position.objects.get().status) == (0, "active")


def test_another_disclosure_than_the_present_one_is_refused(world, investor):
    with pytest.raises(DisclosureOutdated):
        services.open_position(
            investor, product=world.product("basic").pk, disclosure_version="tiers-2025-01", now=world.now
        )
    assert not Position.objects.exists()


def test_a_retired_product_takes_no_money_and_opens_no_position(world, investor):
    position = world.open(investor, "basic", "100")
    world.pay_in(investor, "100")
    asks = world.officers[0]
    world.approve(services.request_retirement(position.product_id, by=asks, reason="Enough", now=world.now))
    with pytest.raises(ProductRetired):
        services.fund_position(position.pk, owner=investor, amount=Decimal(100), now=world.now)
    with pytest.raises(NotFound):
        services.open_position(investor, product=position.product_id, disclosure_version="tiers-2026-11", now=world.now)
    assert available(investor) == 100


def test_what_nobody_funds_for_thirty_days_is_cancelled(world, investor):
    position = world.open(investor, "basic")
    later = world.now + timedelta(days=29, hours=23)
    assert services.unfunded(later) == [] and not services.cancel_unfunded(position.pk, now=later)
    assert services.unfunded(world.now + timedelta(days=30)) == [position.pk]
    assert services.cancel_unfunded(position.pk, now=world.now + timedelta(days=30))
    assert services.unfunded(world.now + timedelta(days=31)) == []
    assert Position.objects.get(pk=position.pk).status == "cancelled"
    with pytest.raises(NotOpenForFunding):
        services.fund_position(position.pk, owner=investor, amount=Decimal(100), now=world.now)
