"""Pause, resume, suspend, release: what still earns, and who may."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from core.errors import Forbidden, IllegalMove, NotFound
from investments import services
from investments.errors import NotPausable
from investments.models import PositionTerm
from investments.tests.worlds import spans
from oversight.services import ReasonMissing


def days_that_earn(position, until):
    rows = PositionTerm.objects.filter(position=position, earns=True)
    return sum(((row.to_on or until) - row.from_on).days for row in rows)


def test_the_day_of_the_pause_earns_the_day_of_the_resume_does_not(world, investor):
    position = world.open(investor, "basic", "100")
    world.next_day(4)
    assert services.pause(position.pk, owner=investor, now=world.now).status == "paused"
    world.next_day(3)
    assert services.resume(position.pk, owner=investor, now=world.now).status == "active"
    assert spans(position) == [
        (date(2026, 6, 2), date(2026, 6, 6), 100, True),
        (date(2026, 6, 6), date(2026, 6, 9), 100, False),
        (date(2026, 6, 9), None, 100, True),
    ]


def test_pause_and_resume_on_one_day_change_nothing(world, investor):
    position = world.open(investor, "basic", "100")
    world.next_day(4)
    until = date(2026, 7, 1)
    before = days_that_earn(position, until)
    services.pause(position.pk, owner=investor, now=world.now)
    services.resume(position.pk, owner=investor, now=world.now)
    assert days_that_earn(position, until) == before == 29


def test_a_pause_does_not_extend_the_term(world, investor):
    from investments.tests.test_exits import term_product

    term_product(world)
    position = world.open(investor, "stake-30", "100")
    services.pause(position.pk, owner=investor, now=world.now)
    world.next_day(10)
    services.resume(position.pk, owner=investor, now=world.now)
    assert spans(position) == [
        (date(2026, 6, 2), date(2026, 6, 12), 100, False),
        (date(2026, 6, 12), date(2026, 7, 2), 100, True),
        (date(2026, 7, 2), None, 100, False),
    ]


def test_a_plan_that_cannot_be_paused_says_so(world, investor):
    position = world.open(investor, "stake-30", "100")
    with pytest.raises(NotPausable):
        services.pause(position.pk, owner=investor, now=world.now)
    position.refresh_from_db()
    assert position.status == "active"


def test_illegal_moves_change_nothing(world, investor, stranger):
    position = world.open(investor, "basic", "100")
    with pytest.raises(IllegalMove):
        services.resume(position.pk, owner=investor, now=world.now)
    with pytest.raises(NotFound):
        services.pause(position.pk, owner=stranger, now=world.now)
    services.suspend(position.pk, by=world.officers[0], reason="A question", now=world.now)
    with pytest.raises(IllegalMove):
        services.pause(position.pk, owner=investor, now=world.now)
    position.refresh_from_db()
    assert (position.status, spans(position)) == ("suspended", [(date(2026, 6, 2), None, 100, True)])


def test_a_suspended_position_returns_to_the_state_it_came_from(world, investor):
    position = world.open(investor, "basic", "100")
    services.pause(position.pk, owner=investor, now=world.now)
    services.suspend(position.pk, by=world.officers[0], reason="A question", now=world.now)
    released = services.release(position.pk, by=world.officers[1], reason="Answered", now=world.now)
    assert (released.status, released.suspended_from) == ("paused", "")


def test_only_officers_suspend_and_only_with_a_reason(world, investor):
    position = world.open(investor, "basic", "100")
    with pytest.raises(Forbidden):
        services.suspend(position.pk, by=investor, reason="Mine", now=world.now)
    with pytest.raises(ReasonMissing):
        services.suspend(position.pk, by=world.officers[0], reason=" ", now=world.now)
    own = world.open(world.officers[0], "basic") if world.officers[0].kyc_level else None
    assert own is None
    position.refresh_from_db()
    assert (position.status, position.principal) == ("active", Decimal(100))
