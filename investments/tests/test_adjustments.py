"""Corrections by addition: what is previewed is what is booked, and what settlement makes of it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from investments import adjustments, services, settlement
from investments.models import AccrualAdjustment, Correction, Settlement, SettlementReversal
from investments.tests.closing import close, close_until, fill_pool, latest, paid, pool, returns_due
from investments.tests.worlds import available
from ledger.posting import InsufficientBalance
from oversight import services as oversight

JUNE = [date(2026, 6, day) for day in range(1, 31)]


@pytest.fixture
def month(world, investor):
    """Ana's 100 in Basic since 1 June, with a pool that pays it."""
    world.position = world.open(investor, "basic", "100")
    fill_pool(world, "basic", "1000")
    return world


def top_up(world, investor, amount: str):
    world.pay_in(investor, amount)
    position = services.fund_position(world.position.pk, owner=investor, amount=Decimal(amount), now=world.now)
    return position.events.get(verb="top_up")


def test_late_money_counts_from_its_value_date(month, investor):
    """30 more arrived on the 4th and were booked on the 8th: 0.25 a day for the 5th to the 8th, 1.00 in all."""
    close_until(month, JUNE[6])
    event = top_up(month, investor, "30")
    preview = adjustments.preview_late(event, value_on=JUNE[3])
    assert [(line.corrects_on.day, line.amount) for line in preview] == [(day, Decimal("0.25")) for day in (5, 6, 7, 8)]
    request = adjustments.request_late_adjustment(
        event.pk, value_on=JUNE[3], by=month.officers[0], reason="the bank's slip", now=month.now
    )
    assert request.approvals == 1
    month.approve(request)
    correction = Correction.objects.get()
    assert (correction.status, AccrualAdjustment.objects.count()) == ("waiting", 0)
    close(month)
    rows = AccrualAdjustment.objects.order_by("corrects_on").values_list("corrects_on__day", "amount", "booked_on__day")
    assert list(rows) == [(line.corrects_on.day, line.amount, 8) for line in preview]
    close_until(month, JUNE[29])
    # 29 days of 100, 22 of 30 more, and the four late ones: (2,900 + 780) / 120.
    assert paid(month.position) == Decimal("30.66")
    assert latest(month.position).earned == latest(month.position).accrued_to_date


def test_more_than_five_days_take_two_approvers(month, investor):
    close_until(month, JUNE[9])
    event = top_up(month, investor, "30")
    request = adjustments.request_late_adjustment(
        event.pk, value_on=JUNE[4], by=month.officers[0], reason="late", now=month.now
    )
    assert request.approvals == 2
    oversight.approve(request.pk, by=month.officers[1], now=month.now)
    assert not Correction.objects.exists()
    oversight.approve(request.pk, by=month.officers[2], now=month.now)
    assert Correction.objects.get().lines == request.payload["lines"]


def test_who_asks_never_approves(month, investor):
    close_until(month, JUNE[4])
    event = top_up(month, investor, "30")
    request = adjustments.request_late_adjustment(
        event.pk, value_on=JUNE[3], by=month.officers[0], reason="late", now=month.now
    )
    with pytest.raises(oversight.OwnRequest):
        oversight.approve(request.pk, by=month.officers[0], now=month.now)
    assert not Correction.objects.exists()


def test_one_fact_is_adjusted_once(month, investor):
    close_until(month, JUNE[4])
    event = top_up(month, investor, "30")
    ask = {"value_on": JUNE[3], "by": month.officers[0], "reason": "late", "now": month.now}
    first = adjustments.request_late_adjustment(event.pk, **ask)
    second = adjustments.request_late_adjustment(event.pk, **ask)
    month.approve(first)
    with pytest.raises(adjustments.AlreadyAdjusted):
        month.approve(second)
    with pytest.raises(adjustments.AlreadyAdjusted):
        adjustments.request_late_adjustment(event.pk, **ask)
    assert Correction.objects.count() == 1


def test_days_that_a_pause_took_stay_without(month, investor):
    close_until(month, JUNE[3])
    services.pause(month.position.pk, owner=investor, now=month.now)
    close_until(month, JUNE[6])
    lines = adjustments.preview(month.position, by=Decimal(30), from_on=JUNE[2], until=JUNE[6])
    assert [line.corrects_on.day for line in lines] == [3, 4, 5]
    with pytest.raises(adjustments.NotAdjustable):
        adjustments.preview(month.position, by=Decimal(-101), from_on=JUNE[2], until=JUNE[3])
    with pytest.raises(adjustments.NothingToAdjust):
        adjustments.preview(month.position, by=Decimal(1), from_on=JUNE[6], until=JUNE[6])


@pytest.fixture
def vip(world, investor):
    """Ana's 1,000,000 XOF in VIP3, 280 francs a day, paid for the 2nd and the 3rd."""
    world.position = world.open(investor, "vip3", "1000000")
    fill_pool(world, "vip3", "10000")
    close_until(world, JUNE[2])
    return world


def correct(world, amount: str, from_on: date, until: date) -> None:
    world.approve(
        adjustments.request_adjustment(
            world.position.pk,
            principal_by=Decimal(amount),
            from_on=from_on,
            until=until,
            by=world.officers[0],
            reason="half of it never arrived",
            now=world.now,
        )
    )


def test_what_was_paid_too_much_is_netted_and_never_taken(vip, investor):
    """Half of the principal was never there on two paid days: 280 too much, which the next two days make good."""
    correct(vip, "-500000", JUNE[1], JUNE[2])
    assert paid(vip.position) == 560
    close(vip)
    row = latest(vip.position)
    assert (row.earned, row.accrued_to_date, row.amount, row.overpaid) == (0, 560, 0, 0)
    close(vip)
    assert (paid(vip.position), latest(vip.position).amount) == (840, 280)


def test_overpaid_stands_on_the_row_until_it_is_earned(vip, investor):
    correct(vip, "-1000000", JUNE[1], JUNE[2])
    close(vip)
    row = latest(vip.position)
    assert (row.accrued_to_date, row.paid_to_date, row.amount, row.overpaid) == (280, 560, 0, 280)
    assert available(investor, "XOF") == 560
    close(vip)
    assert (latest(vip.position).overpaid, latest(vip.position).amount) == (0, 0)
    close(vip)
    assert paid(vip.position) == 840


def reverse(world, day: date):
    return world.approve(
        settlement.request_settlement_reversal(
            world.position.pk, due_on=day, by=world.officers[0], reason="paid by mistake", now=world.now
        )
    )


def test_a_settlement_is_taken_back_into_the_pool_once(vip, investor):
    product = vip.position.product
    reverse(vip, JUNE[2])
    assert (available(investor, "XOF"), pool(product), returns_due(product)) == (280, 9720, 0)
    assert SettlementReversal.objects.get().amount == 280
    with pytest.raises(settlement.NothingPaid):
        reverse(vip, JUNE[2])
    # Nothing was adjusted, so it is still earned: the next run pays it again with its own day.
    close(vip)
    row = latest(vip.position)
    assert (row.accrued_to_date, row.paid_to_date, row.amount) == (840, 840, 560)
    assert available(investor, "XOF") == 840


def test_with_the_adjustment_it_stays_taken_back(vip, investor):
    correct(vip, "-1000000", JUNE[2], JUNE[2])
    reverse(vip, JUNE[2])
    close(vip)
    row = latest(vip.position)
    assert (row.accrued_to_date, row.paid_to_date, row.amount, row.overpaid) == (560, 560, 280, 0)
    assert available(investor, "XOF") == 560


def test_a_wallet_that_does_not_cover_it_keeps_what_it_has(vip, investor):
    services.fund_position(vip.position.pk, owner=investor, amount=Decimal(500), now=vip.now)
    with pytest.raises(InsufficientBalance):
        reverse(vip, JUNE[2])
    assert (available(investor, "XOF"), SettlementReversal.objects.count()) == (60, 0)


def test_nothing_is_taken_back_while_a_run_is_unfinished(vip, investor):
    request = settlement.request_settlement_reversal(
        vip.position.pk, due_on=JUNE[2], by=vip.officers[0], reason="by mistake", now=vip.now
    )
    settlement.open_runs(JUNE[3])
    with pytest.raises(settlement.SettlementUnfinished):
        vip.approve(request)
    assert (SettlementReversal.objects.count(), Settlement.objects.count()) == (0, 2)
    assert available(investor, "XOF") == 560
