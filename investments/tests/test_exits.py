"""Withdrawals, cancellations, maturities, and the line in which they wait when the money is at work."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from core.errors import IllegalMove, NotFound
from investments import services
from investments.errors import (
    BelowMinimum,
    ExitWaiting,
    InsufficientPrincipal,
    LockedUntilMaturity,
    PrincipalHeld,
)
from investments.models import ExitRequest, Position, PositionEvent, ProductVersion
from investments.terms import TERMS
from investments.tests.worlds import available, principal, spans
from ledger.models import Account


def withdraw(world, position, owner, amount):
    return services.withdraw(position.pk, owner=owner, amount=Decimal(amount), now=world.now)


def line(position):
    return list(ExitRequest.objects.filter(position=position).values_list("kind", "amount", "status"))


def test_a_withdrawal_takes_effect_tomorrow(world, investor):
    position = world.open(investor, "basic", "250")
    world.next_day(9)
    position = withdraw(world, position, investor, "100")
    assert (position.principal, position.withdrawn, position.status) == (150, 100, "active")
    assert (available(investor), principal(position)) == (100, 150)
    assert spans(position) == [
        (date(2026, 6, 2), date(2026, 6, 11), 250, True),
        (date(2026, 6, 11), None, 150, True),
    ]


@pytest.mark.parametrize(("amount", "refusal"), [("151", BelowMinimum), ("250.01", InsufficientPrincipal)])
def test_what_would_leave_less_than_the_minimum_is_refused(world, investor, amount, refusal):
    position = world.open(investor, "basic", "250")
    with pytest.raises(refusal):
        withdraw(world, position, investor, amount)
    position.refresh_from_db()
    assert (position.principal, available(investor), principal(position)) == (250, 0, 250)
    assert spans(position) == [(date(2026, 6, 2), None, 250, True)]


def test_what_waits_already_counts_as_gone(world, investor):
    position = world.open(investor, "basic", "250")
    world.put_to_work("basic", "250")
    withdraw(world, position, investor, "100")
    with pytest.raises(BelowMinimum):
        withdraw(world, position, investor, "51")
    assert line(position) == [("withdrawal", 100, "waiting")]


def test_a_cancelled_position_earned_through_the_day_of_the_cancellation(world, investor):
    position = world.open(investor, "basic", "250")
    world.next_day(4)
    position = services.cancel(position.pk, owner=investor, now=world.now)
    assert (position.status, position.principal, position.last_on) == ("cancelled", 0, date(2026, 6, 5))
    assert (available(investor), principal(position)) == (250, 0)
    assert spans(position) == [(date(2026, 6, 2), date(2026, 6, 6), 250, True), (date(2026, 6, 6), None, 0, False)]


def test_an_unfunded_position_is_cancelled_without_a_posting(world, investor):
    position = world.open(investor, "basic")
    position = services.cancel(position.pk, owner=investor, now=world.now)
    assert (position.status, spans(position), available(investor)) == ("cancelled", [], 0)
    with pytest.raises(IllegalMove):
        services.cancel(position.pk, owner=investor, now=world.now)


def test_nothing_leaves_a_locked_plan_before_maturity(world, investor):
    position = world.open(investor, "stake-30", "80")
    for leave in (
        lambda: withdraw(world, position, investor, "10"),
        lambda: services.cancel(position.pk, owner=investor, now=world.now),
    ):
        with pytest.raises(LockedUntilMaturity):
            leave()
    position.refresh_from_db()
    assert (position.principal, position.status, available(investor, "USDT")) == (80, "active", 0)


def term_product(world, **terms):
    """A plan of 30 days that may be left early for 5 %."""
    product = world.product("stake-30")
    given = ProductVersion.objects.get(product=product)
    fields = {name: getattr(given, name) for name in TERMS}
    fields |= {"locked": False, "pausable": True, "early_exit_penalty": Decimal("0.05"), **terms}
    draft = services.draft_version(product.pk, fields, by=world.officers[0], now=world.now)
    request = services.request_activation(draft.pk, by=world.officers[0], reason="Leave early", now=world.now)
    world.approve(request)
    return product


def test_leaving_a_term_early_costs_the_penalty_rounded_down(world, investor):
    term_product(world)
    position = world.open(investor, "stake-30", "150.000019")
    world.next_day(3)
    withdraw(world, position, investor, "33.333339")
    # 5 % of 33.333339 is 1.66666695: 1.666666 USDT.
    assert available(investor, "USDT") == Decimal("31.666673")
    assert Account.objects.get(kind="penalties", currency="USDT").live_balance == Decimal("1.666666")
    event = PositionEvent.objects.get(verb="withdraw")
    assert (event.amount, event.penalty) == (Decimal("33.333339"), Decimal("1.666666"))
    position.refresh_from_db()
    assert position.principal == principal(position) == Decimal("116.66668")
    assert spans(position)[-2:] == [
        (date(2026, 6, 5), date(2026, 7, 2), Decimal("116.66668"), True),
        (date(2026, 7, 2), None, Decimal("116.66668"), False),
    ]


def test_maturity_lets_the_principal_go_without_a_penalty(world, investor):
    term_product(world)
    position = world.open(investor, "stake-30", "150")
    world.next_day(30)
    last_on = date(2026, 7, 1)
    assert world.day == last_on
    assert list(services.maturing(last_on)) == [position.pk]
    assert services.mature(position.pk, on=last_on, now=world.now)
    assert not services.mature(position.pk, on=last_on, now=world.now)
    position.refresh_from_db()
    assert (position.status, position.principal, position.last_on) == ("matured", 0, last_on)
    assert (available(investor, "USDT"), principal(position)) == (150, 0)
    assert spans(position) == [(date(2026, 6, 2), date(2026, 7, 2), 150, True), (date(2026, 7, 2), None, 0, False)]


def test_nothing_matures_before_its_last_day_is_over(world, investor):
    position = world.open(investor, "stake-30", "150")
    assert not services.mature(position.pk, on=date(2026, 6, 30), now=world.now)
    assert Position.objects.get(pk=position.pk).status == "active"


def test_a_suspended_position_matures_once_it_is_released(world, investor):
    position = world.open(investor, "stake-30", "150")
    officer = world.officers[0]
    services.suspend(position.pk, by=officer, reason="A question", now=world.now)
    world.next_day(30)
    assert not services.mature(position.pk, on=world.day, now=world.now)
    world.next_day(2)
    services.release(position.pk, by=officer, reason="Answered", now=world.now)
    assert services.mature(position.pk, on=world.day, now=world.now)
    position.refresh_from_db()
    assert (position.status, position.last_on, available(investor, "USDT")) == ("matured", date(2026, 7, 1), 150)


def test_exits_wait_in_line_while_the_money_is_at_work(world, investor, stranger):
    first, second = world.open(investor, "basic", "300"), world.open(stranger, "basic", "200")
    world.put_to_work("basic", "400")
    world.next_day()
    first = withdraw(world, first, investor, "150")
    assert (first.principal, line(first), available(investor)) == (300, [("withdrawal", 150, "waiting")], 0)
    # 100 is free and Eve's 50 would fit, but Ana stands before her.
    withdraw(world, second, stranger, "50")
    assert (line(second), available(stranger)) == ([("withdrawal", 50, "waiting")], 0)
    requests = list(ExitRequest.objects.order_by("asked_at", "id"))
    assert [services.place_in_line(request) for request in requests] == [1, 2]
    assert services.pay_exits(first.product_id, now=world.now) == 0
    assert spans(first) == [(date(2026, 6, 2), None, 300, True)]

    world.bring_back("basic", "60")
    world.next_day()
    assert services.pay_exits(first.product_id, now=world.now) == 1
    assert (available(investor), available(stranger)) == (150, 0)
    assert spans(first)[-1] == (date(2026, 6, 4), None, 150, True)
    world.bring_back("basic", "100")
    assert services.pay_exits(first.product_id, now=world.now) == 1
    assert (available(investor), available(stranger)) == (150, 50)
    assert not ExitRequest.objects.waiting().exists()


def test_a_cancellation_that_waits_goes_on_earning_and_takes_nothing_more(world, investor):
    position = world.open(investor, "basic", "300")
    world.put_to_work("basic", "300")
    withdraw(world, position, investor, "100")
    position = services.cancel(position.pk, owner=investor, now=world.now)
    assert position.status == "active"
    assert line(position) == [("withdrawal", 100, "waiting"), ("cancellation", 200, "waiting")]
    world.pay_in(investor, "10")
    for verb in (
        lambda: services.cancel(position.pk, owner=investor, now=world.now),
        lambda: services.fund_position(position.pk, owner=investor, amount=Decimal(10), now=world.now),
        lambda: withdraw(world, position, investor, "10"),
        lambda: services.withdraw_request(ExitRequest.objects.get(kind="withdrawal").pk, owner=investor, now=world.now),
    ):
        with pytest.raises(ExitWaiting):
            verb()
    world.next_day(2)
    world.bring_back("basic", "300")
    assert services.pay_exits(position.product_id, now=world.now) == 2
    position.refresh_from_db()
    assert (position.status, position.last_on, available(investor)) == ("cancelled", date(2026, 6, 3), 310)
    assert spans(position) == [(date(2026, 6, 2), date(2026, 6, 4), 300, True), (date(2026, 6, 4), None, 0, False)]


def test_a_matured_position_waits_without_earning(world, investor):
    position = world.open(investor, "stake-30", "150")
    world.put_to_work("stake-30", "150")
    world.next_day(30)
    services.mature(position.pk, on=world.day, now=world.now)
    position.refresh_from_db()
    assert (position.status, position.principal, line(position)) == (
        "matured",
        150,
        [("maturity", 150, "waiting")],
    )
    assert spans(position)[-1] == (date(2026, 7, 2), None, 150, False)
    world.bring_back("stake-30", "150")
    world.next_day()
    assert services.pay_exits(position.product_id, now=world.now) == 1
    position.refresh_from_db()
    assert (position.principal, available(investor, "USDT")) == (0, 150)
    assert spans(position)[-1] == (date(2026, 7, 3), None, 0, False)


def test_a_cancellation_that_waits_past_the_term_leaves_as_a_matured_position(world, investor):
    """Without a penalty, since its term is over; and it can't step out of the line any more."""
    term_product(world)
    position = world.open(investor, "stake-30", "150")
    world.put_to_work("stake-30", "150")
    services.cancel(position.pk, owner=investor, now=world.now)
    world.next_day(30)
    assert services.mature(position.pk, on=world.day, now=world.now)
    assert line(position) == [("cancellation", 150, "waiting")]
    with pytest.raises(NotFound):
        services.withdraw_request(ExitRequest.objects.get().pk, owner=investor, now=world.now)
    world.bring_back("stake-30", "150")
    assert services.pay_exits(position.product_id, now=world.now) == 1
    position.refresh_from_db()
    assert (position.status, position.principal, position.last_on) == ("matured", 0, date(2026, 7, 1))
    assert available(investor, "USDT") == 150


def test_an_investor_steps_out_of_the_line(world, investor, stranger):
    position = world.open(investor, "basic", "300")
    world.put_to_work("basic", "300")
    withdraw(world, position, investor, "100")
    request = ExitRequest.objects.get()
    with pytest.raises(NotFound):
        services.withdraw_request(request.pk, owner=stranger, now=world.now)
    services.withdraw_request(request.pk, owner=investor, now=world.now)
    assert line(position) == [("withdrawal", 100, "withdrawn")]


def test_what_is_held_keeps_its_place_and_holds_nobody_up(world, investor, stranger):
    held, other = world.open(investor, "basic", "300"), world.open(stranger, "basic", "300")
    world.put_to_work("basic", "600")
    withdraw(world, held, investor, "100")
    withdraw(world, other, stranger, "100")
    services.suspend(held.pk, by=world.officers[0], reason="A question", now=world.now)
    with pytest.raises(PrincipalHeld):
        withdraw(world, held, investor, "10")
    world.bring_back("basic", "600")
    assert services.pay_exits(held.product_id, now=world.now) == 1
    assert (available(investor), available(stranger)) == (0, 100)
    services.release(held.pk, by=world.officers[0], reason="Answered", now=world.now)
    assert services.pay_exits(held.product_id, now=world.now) == 1
    assert available(investor) == 100


def test_an_exit_paid_in_a_late_close_keeps_what_was_done_since(world, investor):
    """The close of 1 June pays on 2 June's morning; a top-up of that morning begins a day later."""
    position = world.open(investor, "basic", "300")
    world.put_to_work("basic", "300")
    withdraw(world, position, investor, "100")
    closing, world.day = world.day, date(2026, 6, 2)
    world.pay_in(investor, "40")
    services.fund_position(position.pk, owner=investor, amount=Decimal(40), now=world.now)
    world.bring_back("basic", "300")
    assert services.pay_exits(position.product_id, now=world.now, on=closing) == 1
    position.refresh_from_db()
    assert position.principal == principal(position) == 240
    assert spans(position) == [(date(2026, 6, 2), date(2026, 6, 3), 200, True), (date(2026, 6, 3), None, 240, True)]
