"""A funding or withdrawal taken back: the mirror in the ledger, and rows that agree with it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from investments import services
from investments.errors import NotReversible
from investments.models import PositionEvent
from investments.tests.worlds import available, principal, spans
from ledger.posting import InsufficientBalance
from oversight import services as oversight


def reverse(world, event):
    request = services.request_reversal(event.pk, by=world.officers[0], reason="Booked by mistake", now=world.now)
    return world.approve(request)


def test_a_reversed_funding_gives_the_money_back_and_ends_the_position(world, investor):
    position = world.open(investor, "basic", "100")
    world.next_day(2)
    assert reverse(world, position.events.get(verb="fund")).status == "approved"
    position.refresh_from_db()
    assert (position.status, position.principal, position.deposited) == ("cancelled", 0, 0)
    assert (available(investor), principal(position)) == (100, 0)
    assert spans(position) == [(date(2026, 6, 2), date(2026, 6, 4), 100, True), (date(2026, 6, 4), None, 0, False)]
    with pytest.raises(NotReversible):
        services.request_reversal(
            position.events.get(verb="fund").pk, by=world.officers[0], reason="Again", now=world.now
        )


def test_a_reversed_top_up_leaves_the_rest(world, investor):
    position = world.open(investor, "basic", "100")
    world.pay_in(investor, "50")
    services.fund_position(position.pk, owner=investor, amount=Decimal(50), now=world.now)
    reverse(world, position.events.get(verb="top_up"))
    position.refresh_from_db()
    assert (position.status, position.principal, position.deposited, available(investor)) == ("active", 100, 100, 50)
    assert spans(position) == [(date(2026, 6, 2), None, 100, True)]


def test_a_reversed_withdrawal_puts_the_principal_back(world, investor):
    position = world.open(investor, "basic", "250")
    services.withdraw(position.pk, owner=investor, amount=Decimal(100), now=world.now)
    world.next_day()
    reverse(world, position.events.get(verb="withdraw"))
    position.refresh_from_db()
    assert (position.principal, position.withdrawn, available(investor)) == (250, 0, 0)
    assert spans(position)[-1] == (date(2026, 6, 3), None, 250, True)


def test_money_that_was_spent_since_keeps_the_request_open(world, investor):
    position = world.open(investor, "basic", "250")
    services.withdraw(position.pk, owner=investor, amount=Decimal(100), now=world.now)
    world.open(investor, "basic", "100", pay_in=False)
    request = services.request_reversal(
        position.events.get(verb="withdraw").pk, by=world.officers[0], reason="Mistake", now=world.now
    )
    with pytest.raises(InsufficientBalance):
        oversight.approve(request.pk, by=world.officers[1], now=world.now)
    request.refresh_from_db()
    position.refresh_from_db()
    assert (request.status, position.principal, position.withdrawn) == ("requested", 150, 100)
    assert not PositionEvent.objects.filter(verb="reverse").exists()


def test_what_ended_or_moved_no_money_is_not_reversed(world, investor):
    position = world.open(investor, "basic", "250")
    opened = position.events.get(verb="open")
    services.cancel(position.pk, owner=investor, now=world.now)
    for verb in ("open", "fund", "cancel"):
        with pytest.raises(NotReversible):
            services.request_reversal(
                position.events.get(verb=verb).pk, by=world.officers[0], reason="Mistake", now=world.now
            )
    assert opened.transaction is None


def test_a_request_is_void_once_the_principal_has_changed(world, investor):
    position = world.open(investor, "basic", "250")
    request = services.request_reversal(
        position.events.get(verb="fund").pk, by=world.officers[0], reason="Mistake", now=world.now
    )
    services.withdraw(position.pk, owner=investor, amount=Decimal(50), now=world.now)
    assert oversight.approve(request.pk, by=world.officers[1], now=world.now).status == "void"
    position.refresh_from_db()
    assert position.principal == 200


def test_a_funding_of_which_all_the_rest_waits_in_line_is_not_reversed(world, investor, stranger):
    """An active position without principal would be left, which nobody could cancel."""
    position = world.open(investor, "basic", "100")
    world.pay_in(investor, "200")
    services.fund_position(position.pk, owner=investor, amount=Decimal(200), now=world.now)
    other = world.open(stranger, "basic", "1000")
    world.put_to_work("basic", "1150")
    services.cancel(other.pk, owner=stranger, now=world.now)
    services.withdraw(position.pk, owner=investor, amount=Decimal(200), now=world.now)
    with pytest.raises(NotReversible):
        reverse(world, position.events.get(verb="fund"))
    position.refresh_from_db()
    assert (position.principal, principal(position)) == (300, 300)


def test_a_withdrawal_is_not_reversed_while_the_position_waits_to_leave_whole(world, investor):
    """What came back would be left over when the cancellation is paid, and hold up the whole line."""
    position = world.open(investor, "basic", "300")
    services.withdraw(position.pk, owner=investor, amount=Decimal(100), now=world.now)
    world.put_to_work("basic", "200")
    services.cancel(position.pk, owner=investor, now=world.now)
    with pytest.raises(NotReversible):
        reverse(world, position.events.get(verb="withdraw"))
    world.bring_back("basic", "200")
    assert services.pay_exits(position.product_id, now=world.now) == 1
    position.refresh_from_db()
    assert (position.status, position.principal, available(investor)) == ("cancelled", 0, 300)
