"""Races over positions: each verb locks the position, each exit its product's line first.

Each lock has its control beside it: the same race with the lock taken out, seen to go wrong.
"""

from __future__ import annotations

import random
import time
from datetime import timedelta
from decimal import Decimal
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.db import transaction

from core.errors import DomainError
from investments import services
from investments.models import ExitRequest, Position, PositionTerm, Product
from investments.services import events, exits, funding, listeners, states
from investments.tests.test_readiness import accept, declare, open_position
from investments.tests.worlds import World, available, principal, spans
from ledger import posting
from protection import services as protection
from protection.tests.conftest import take_test
from tests.people import make_investor
from tests.races.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(transactional_db: None, kept: Any) -> World:
    made: World = kept.of(World)
    return made


@pytest.fixture
def ana():
    return make_investor("Ana", kyc_level=1)


def slowed(monkeypatch, owner, name: str) -> None:
    """Leave the other threads time between reading and writing."""
    before = getattr(owner, name)

    def slowly(*args, **kwargs):
        time.sleep(0.15)
        return before(*args, **kwargs)

    monkeypatch.setattr(owner, name, slowly)


def unlocked(monkeypatch, model) -> None:
    """Take the lock out: read the row, and hold nobody up."""
    together = ("version__product", "product", "owner") if model is Position else ()

    def look(self, key):
        return self.select_related(*together).get(pk=key)

    monkeypatch.setattr(model._default_manager._queryset_class, "lock", look)
    monkeypatch.setattr(type(model._default_manager), "lock", look)


def kinds(outcomes: list[object]) -> list[str]:
    return sorted(type(outcome).__name__ for outcome in outcomes)


def agrees(position: Position) -> bool:
    """Say whether the row, its last terms and the ledger hold one principal."""
    position.refresh_from_db()
    return position.principal == principal(position) == spans(position)[-1][2]


class TestTwoFundings:
    """Two top-ups at once: both count, in row, terms and ledger."""

    @pytest.fixture
    def works(self, world, ana, monkeypatch):
        position = world.open(ana, "basic", "100")
        world.pay_in(ana, "60")
        slowed(monkeypatch, events, "funding_moves")
        fund = partial(services.fund_position, position.pk, owner=ana, now=world.now)
        return position, [partial(fund, amount=Decimal(20)), partial(fund, amount=Decimal(30))]

    def test_both_count(self, works, ana):
        position, both = works
        assert kinds(at_once(both)) == ["Position", "Position"]
        assert agrees(position)
        assert (position.principal, position.deposited, available(ana)) == (150, 150, 10)

    def test_without_the_lock_one_is_lost(self, works, monkeypatch):
        position, both = works
        unlocked(monkeypatch, Position)
        at_once(both)
        assert not agrees(position)


class TestFirstFundings:
    """Two first fundings at once: one starts the position, the other tops it up."""

    def test_a_position_starts_once(self, world, ana, monkeypatch):
        position = world.open(ana, "basic")
        world.pay_in(ana, "200")
        slowed(monkeypatch, events, "funding_moves")
        fund = partial(services.fund_position, position.pk, owner=ana, amount=Decimal(100), now=world.now)
        assert kinds(at_once([fund, fund])) == ["Position", "Position"]
        assert agrees(position)
        assert (position.principal, position.initial_principal) == (200, 100)
        assert sorted(position.events.values_list("verb", flat=True)) == ["fund", "open", "top_up"]


class TestTheGate:
    """Money for one product from several sides at once is counted together. Source: docs/rules/protection.md §1.

    Of the 100,000 that were declared a twentieth needs no warning: any two of the amounts are more. The lock is that of
    the wallet, which `posting.enter` takes before the gate: its controls are the same works with it taken out.
    """

    @pytest.fixture(params=range(3))
    def dice(self, request):
        return random.Random(request.param)  # noqa: S311

    @pytest.fixture
    def ready(self, world, ana, monkeypatch):
        make_bounded(world, ana)
        slowed(monkeypatch, protection, "require_ready")
        return ana

    @pytest.fixture
    def openings(self, world, ready, dice):
        return [partial(open_position, world, ready, amount=str(dice.randint(2_501, 5_000))) for _ in range(8)]

    @pytest.fixture
    def fundings(self, world, ready, dice):
        """Two top-ups, a first funding, and an opening beside them."""
        held = [open_position(world, ready, amount=amount) for amount in ("100", "100", None)]
        money = [Decimal(dice.randint(2_501, 4_800)) for _ in held]
        works = [
            partial(services.fund_position, one.pk, owner=ready, amount=amount, now=world.now)
            for one, amount in zip(held, money, strict=True)
        ]
        works.append(partial(open_position, world, ready, amount=str(dice.randint(2_501, 4_800))))
        dice.shuffle(works)
        return works

    def test_openings_at_once_are_counted_together(self, openings, ready):
        assert kinds(at_once(openings)) == ["Position"] + ["RiskWarningUnconfirmed"] * 7
        assert 0 < in_product(ready) <= 5_000 and Position.objects.count() == 1

    def test_positions_funded_at_once_are_counted_together(self, fundings, ready):
        assert kinds(at_once(fundings)) == ["Position"] + ["RiskWarningUnconfirmed"] * 3
        assert 2_500 < in_product(ready) <= 5_000

    def test_without_the_lock_openings_are_not(self, openings, ready, monkeypatch):
        monkeypatch.setattr(posting, "enter", lambda moves: None)
        assert kinds(at_once(openings)) == ["Position"] * 8
        assert in_product(ready) > 8 * 2_500

    def test_without_the_lock_positions_are_not(self, fundings, ready, monkeypatch):
        monkeypatch.setattr(posting, "enter", lambda moves: None)
        assert kinds(at_once(fundings)) == ["Position"] * 4
        assert in_product(ready) > 4 * 2_500

    def test_two_people_are_judged_side_by_side(self, world, ana, monkeypatch):
        """Each waits in the gate until the other has come to it."""
        both, judge = Barrier(2), protection.require_ready
        eve = make_investor("Eve", kyc_level=1)
        for person in (ana, eve):
            make_bounded(world, person)

        def together(*args, **arguments):
            both.wait(timeout=20)
            return judge(*args, **arguments)

        monkeypatch.setattr(protection, "require_ready", together)
        works = [partial(open_position, world, person, amount="5000") for person in (ana, eve)]
        assert kinds(at_once(works)) == ["Position", "Position"]
        assert (in_product(ana), in_product(eve)) == (5_000, 5_000)


def make_bounded(world, person) -> None:
    """Let somebody invest who needs a warning above 5,000, with more than that in the wallet."""
    with transaction.atomic():
        accept(world, person)
        take_test(person, now=world.now)
        declare(world, person)
    world.pay_in(person, "50000")


def in_product(person) -> Decimal:
    """What somebody has in positions, as the ledger has it: all that has left the wallet."""
    held = sum(principal(position) for position in Position.objects.owned_by(person))
    assert (
        held == 50_000 - available(person) == sum(Position.objects.owned_by(person).values_list("principal", flat=True))
    )
    return held


class TestTwoWithdrawals:
    """Two withdrawals of all that may leave: one goes, the other is told that too little would stay."""

    @pytest.fixture
    def works(self, world, ana, monkeypatch):
        position = world.open(ana, "basic", "200")
        slowed(monkeypatch, events, "exit_moves")
        return position, [partial(services.withdraw, position.pk, owner=ana, amount=Decimal(100), now=world.now)] * 2

    def test_one_goes(self, works, ana):
        position, both = works
        assert kinds(at_once(both)) == ["BelowMinimum", "Position"]
        assert agrees(position)
        assert (position.principal, available(ana)) == (100, 100)

    def test_without_the_locks_both_would_go(self, works, monkeypatch):
        position, both = works
        unlocked(monkeypatch, Position)
        unlocked(monkeypatch, Product)
        at_once(both)
        assert principal(position) == 0


class TestWithdrawAndPause:
    """A withdrawal and a pause at once: both are in the row that begins tomorrow."""

    @pytest.fixture
    def works(self, world, ana, monkeypatch):
        position = world.open(ana, "basic", "300")
        world.next_day(3)
        slowed(monkeypatch, PositionTerm, "save")
        return position, [
            partial(services.withdraw, position.pk, owner=ana, amount=Decimal(100), now=world.now),
            partial(services.pause, position.pk, owner=ana, now=world.now),
        ]

    def test_both_are_in_tomorrows_row(self, works):
        position, both = works
        assert kinds(at_once(both)) == ["Position", "Position"]
        assert agrees(position)
        assert [(held, earns) for _, _, held, earns in spans(position)] == [(300, True), (200, False)]


class TestTwoPauses:
    """Two pauses at once: one pauses, the other is told that it is paused."""

    @pytest.fixture
    def works(self, world, ana, monkeypatch):
        position = world.open(ana, "basic", "300")
        slowed(monkeypatch, states, "require_move")
        return position, [partial(services.pause, position.pk, owner=ana, now=world.now)] * 2

    def test_one_pauses(self, works):
        position, both = works
        assert kinds(at_once(both)) == ["IllegalMove", "Position"]
        assert position.events.filter(verb="pause").count() == 1

    def test_without_the_lock_both_would(self, works, monkeypatch):
        position, both = works
        unlocked(monkeypatch, Position)
        assert kinds(at_once(both)) == ["Position", "Position"]
        assert position.events.filter(verb="pause").count() == 2


class TestLastMoneyOfALine:
    """Two investors want the last free money: one gets it, the other waits; nobody overtakes."""

    @pytest.fixture
    def works(self, world, ana, monkeypatch):
        eve = make_investor("Eve", kyc_level=1)
        mine, hers = world.open(ana, "basic", "300"), world.open(eve, "basic", "300")
        world.put_to_work("basic", "500")
        slowed(monkeypatch, events, "exit_moves")
        return [
            partial(services.withdraw, mine.pk, owner=ana, amount=Decimal(100), now=world.now),
            partial(services.withdraw, hers.pk, owner=eve, amount=Decimal(100), now=world.now),
        ]

    def test_one_goes_one_waits(self, works):
        assert kinds(at_once(works)) == ["Position", "Position"]
        assert sorted(Position.objects.values_list("principal", flat=True)) == [200, 300]
        assert ExitRequest.objects.waiting().count() == 1

    def test_paying_the_line_twice_at_once_pays_each_once(self, world, works):
        at_once(works)
        world.bring_back("basic", "500")
        product = world.product("basic")
        pay = partial(services.pay_exits, product.pk, now=world.now)
        assert sorted(at_once([pay, pay])) == [0, 1]
        assert sorted(Position.objects.values_list("principal", flat=True)) == [200, 200]


class TestOvertaking:
    """Ana begins to wait while Eve asks for less: Eve's smaller sum would fit, and may not overtake."""

    @pytest.fixture
    def works(self, world, ana, monkeypatch):
        eve = make_investor("Eve", kyc_level=1)
        mine, hers = world.open(ana, "basic", "300"), world.open(eve, "basic", "300")
        world.put_to_work("basic", "550")
        before = exits._leave

        def slowly(position, **arguments):
            left = before(position, **arguments)
            if position.pk == mine.pk:
                time.sleep(0.4)
            return left

        monkeypatch.setattr(exits, "_leave", slowly)

        def after_ana():
            time.sleep(0.15)
            return services.withdraw(hers.pk, owner=eve, amount=Decimal(50), now=world.now)

        return [partial(services.withdraw, mine.pk, owner=ana, amount=Decimal(100), now=world.now), after_ana]

    def test_nobody_overtakes(self, works):
        at_once(works)
        assert list(ExitRequest.objects.waiting().values_list("amount", flat=True)) == [100, 50]

    def test_without_the_lock_on_the_line_she_would(self, works, monkeypatch):
        unlocked(monkeypatch, Product)
        at_once(works)
        assert list(ExitRequest.objects.waiting().values_list("amount", flat=True)) == [100]


class TestCancelAndMature:
    """A cancellation by the investor and the thirty-day sweep at once: the position is cancelled once."""

    def test_an_unfunded_position_is_cancelled_once(self, world, ana, monkeypatch):
        position = world.open(ana, "basic")
        slowed(monkeypatch, funding, "move_to")
        late = world.now + funding.timedelta(days=31)
        outcomes = at_once(
            [
                partial(services.cancel, position.pk, owner=ana, now=late),
                partial(services.cancel_unfunded, position.pk, now=late),
            ]
        )
        refusals = [outcome for outcome in outcomes if isinstance(outcome, DomainError)]
        assert len(refusals) + [False in outcomes].count(True) == 1
        assert Position.objects.get().status == "cancelled"


class TestDeployWhileSomebodyBeginsToWait:
    """The treasury asks whether anybody waits while an exit is being put into the line: it hears of it."""

    @pytest.fixture
    def works(self, world, ana, monkeypatch):
        from django.db import transaction

        position = world.open(ana, "basic", "300")
        world.put_to_work("basic", "250")
        before = exits._leave

        def slowly(*args, **arguments):
            left = before(*args, **arguments)
            time.sleep(0.4)
            return left

        monkeypatch.setattr(exits, "_leave", slowly)

        def ask():
            time.sleep(0.15)
            with transaction.atomic():
                return listeners.exits_waiting(world.product("basic").scope, "USD")

        return [partial(services.withdraw, position.pk, owner=ana, amount=Decimal(100), now=world.now), ask]

    def test_the_treasury_hears_of_it(self, works):
        assert at_once(works)[1] is True

    def test_without_the_lock_it_would_not(self, works, monkeypatch):
        unlocked(monkeypatch, Product)
        assert at_once(works)[1] is False


def test_terms_that_two_write_past_all_locks_do_not_overlap(world, ana):
    """Seen to fail: with the constraint investments_term_no_overlap dropped, both stand, and a day earns twice."""
    position = world.open(ana, "basic")

    def write(days: int) -> None:
        from_on = world.day + timedelta(days=days)
        with transaction.atomic():
            PositionTerm.objects.create(
                position=position, from_on=from_on, principal=Decimal(100), rate=position.version.rate, earns=True
            )
            time.sleep(0.15)

    assert kinds(at_once([partial(write, 1), partial(write, 2)])) == ["IntegrityError", "NoneType"]
    assert PositionTerm.objects.filter(position=position).count() == 1
