"""Races while an offer gathers: who publishes it, steers its cap, pauses it, waits in its line, takes back.

Each lock has its control beside it: the same race with the lock taken out, seen to go wrong.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from core.errors import DomainError
from offers import services
from offers.models import Offer, OfferInvestment
from offers.services import drafts, waiting
from offers.tests.worlds import World, broken, committed, wallet
from oversight import services as oversight
from oversight import states
from oversight.models import ApprovalRequestQuerySet, AuditEvent
from protection.models import Disclosure
from tests.races.offer_locks import (
    Edit,
    accepted,
    after,
    free_a_place,
    said,
    slowed,
    slowed_function,
    status_of,
    steer,
    unlocked,
    unlocked_function,
)
from tests.races.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(transactional_db: None, kept: Any) -> World:
    made: World = kept.of(World)
    return made


def cap(offer: Offer, amount: int, world: World) -> Any:
    return partial(
        services.change_offer, offer.pk, {"max_amount": Decimal(amount)}, by=world.officers[0], now=world.now
    )


class TestTwoPublish:
    """Lin and Nia give the last approval at once, each to a request of her own or both to one."""

    @pytest.fixture
    def works(self, world: World, monkeypatch: pytest.MonkeyPatch, requests: int) -> tuple[Offer, list[Any]]:
        offer = world.draft()
        ask = steer(services.request_publication, offer, world)
        asked: list[Any] = [ask() for _ in range(requests)]
        slowed(monkeypatch, drafts.protection, "publish")
        approvers = zip((asked[0], asked[-1]), world.officers[1:], strict=True)
        return offer, [partial(oversight.approve, request.pk, by=by, now=world.now) for request, by in approvers]

    def ends(self, works: list[Any]) -> list[str]:
        outcomes: list[Any] = at_once(works)
        return sorted(end.code if isinstance(end, DomainError) else end.status for end in outcomes)

    def published(self, offer: Offer) -> int:
        """How often the trail says that it went live."""
        return AuditEvent.objects.filter(action="offers.offer.live", target_id=offer.pk).count()

    @pytest.mark.parametrize(("requests", "ends"), [(2, ["approved", "void"]), (1, ["already-decided", "approved"])])
    def test_it_is_published_once(self, works: tuple[Offer, list[Any]], ends: list[str]) -> None:
        offer, both = works
        assert self.ends(both) == ends
        assert status_of(offer) == "live" and self.published(offer) == 1
        assert Disclosure.objects.filter(subject=offer.scope).count() == 1 and broken() == []

    @pytest.mark.parametrize("requests", [2])
    def test_without_the_lock_both_requests_publish_it(
        self, works: tuple[Offer, list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An approval locks its target as well: that lock is out, too."""
        offer, both = works
        unlocked(monkeypatch)
        monkeypatch.setattr(oversight, "_may_lock", lambda model: False)
        assert self.ends(both) == ["approved", "approved"]
        assert self.published(offer) == 2

    @pytest.mark.parametrize("requests", [1])
    def test_without_the_requests_lock_only_its_guard_refuses_the_second(
        self, works: tuple[Offer, list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        offer, both = works
        monkeypatch.setattr(ApprovalRequestQuerySet, "lock", lambda requests, pk: requests.get(pk=pk))
        assert self.ends(both) == ["approved", "database-refusal"]
        assert self.published(offer) == 1


class TestTheCapComesDown:
    """An officer lowers the cap to 600 while Zoe invests 700: she gets what the new cap leaves."""

    @pytest.fixture
    def works(self, world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Offer, list[Any]]:
        offer = world.offer()
        zoe = world.investor("Zoe", offer)
        slowed(monkeypatch, drafts, "_require_whole")
        return offer, [cap(offer, 600, world), after(0.1, partial(world.invest, zoe, offer, "700"))]

    def test_the_investment_waits_and_gets_what_is_left(self, works: tuple[Offer, list[Any]]) -> None:
        offer, both = works
        assert said(at_once(both)) == ["Offer", "OfferInvestment"]
        offer.refresh_from_db()
        assert offer.max_amount == committed(offer) == accepted(offer) == 600 and broken() == []

    def test_without_the_lock_the_cap_would_be_below_what_is_committed(
        self, works: tuple[Offer, list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Zoe gets 700; the row's CHECK is what still refuses the cap, though it was looked at."""
        offer, both = works
        unlocked(monkeypatch)
        assert said(at_once(both)) == ["IntegrityError", "OfferInvestment"]
        assert committed(offer) == accepted(offer) == 700


class TestTheCapGoesUp:
    """An officer raises the cap of a full offer while Zoe joins its line: the place that this frees is hers."""

    @pytest.fixture
    def works(self, world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Offer, list[Any]]:
        offer = world.offer()
        world.invest(world.investor("Ana", offer), offer, "1000")
        join = partial(world.invest, world.investor("Zoe", offer), offer, "200", join_waiting_list=True)
        slowed(monkeypatch, waiting, "insert")
        return offer, [join, after(0.1, cap(offer, 1200, world))]

    def test_who_joins_meanwhile_gets_the_place(self, works: tuple[Offer, list[Any]]) -> None:
        offer, both = works
        assert said(at_once(both)) == ["Offer", "OfferInvestment"]
        assert not offer.investments.in_line().exists()
        assert committed(offer) == accepted(offer) == 1200 and broken() == []

    def test_without_the_lock_she_waits_beside_a_free_place(
        self, works: tuple[Offer, list[Any]], function: Edit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither sees the other: the cap finds nobody in line, she finds no place."""
        offer, both = works
        unlocked_function(function)
        unlocked(monkeypatch)
        assert said(at_once(both)) == ["Offer", "OfferInvestment"]
        assert offer.investments.due_a_place().count() == 1 and committed(offer) == 1000


class TestInvestAndPause:
    """Zoe invests while an officer pauses the offer: once the pause has committed, nothing is accepted any more."""

    @pytest.fixture
    def works(self, world: World, function: Edit) -> tuple[Offer, list[Any]]:
        offer = world.offer()
        zoe = world.investor("Zoe", offer)
        slowed_function(function)

        def pause() -> Decimal:
            steer(services.pause_offer, offer, world)()
            return accepted(offer)

        return offer, [partial(world.invest, zoe, offer, "300"), after(0.1, pause)]

    def test_the_pause_waits(self, works: tuple[Offer, list[Any]]) -> None:
        offer, both = works
        outcomes = at_once(both)
        assert isinstance(outcomes[0], OfferInvestment) and outcomes[1] == accepted(offer) == 300
        assert status_of(offer) == "paused" and broken() == []

    def test_without_the_lock_money_is_taken_after_the_pause(
        self, works: tuple[Offer, list[Any]], function: Edit
    ) -> None:
        offer, both = works
        unlocked_function(function)
        outcomes = at_once(both)
        assert outcomes[1] == 0 and status_of(offer) == "paused"
        assert accepted(offer) == 300


class TestPauseAndInvest:
    """The pause is written and about to commit as Zoe invests, who has still seen a live offer."""

    @pytest.fixture
    def works(self, world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Offer, list[Any]]:
        offer = world.offer()
        zoe = world.investor("Zoe", offer)
        slowed(monkeypatch, states.audit, "record")
        return offer, [steer(services.pause_offer, offer, world), after(0.1, partial(world.invest, zoe, offer, "300"))]

    def test_the_investment_waits_and_is_refused(self, works: tuple[Offer, list[Any]]) -> None:
        offer, both = works
        assert said(at_once(both)) == ["Offer", "offer-not-live"]
        assert committed(offer) == accepted(offer) == 0 and broken() == []

    def test_without_the_lock_a_paused_offer_takes_it(self, works: tuple[Offer, list[Any]], function: Edit) -> None:
        offer, both = works
        unlocked_function(function)
        assert said(at_once(both)) == ["Offer", "OfferInvestment"]
        assert status_of(offer) == "paused" and accepted(offer) == 300


@pytest.fixture
def line(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Offer, Any, Any]:
    """An offer with a free place for which Zoe waits alone; who gives it to her; how she leaves."""
    offer = world.offer()
    zoe = world.investor("Zoe", offer)
    world.invest(world.investor("Ana", offer), offer, "1000")
    world.invest(zoe, offer, "300", join_waiting_list=True)
    free_a_place(world, offer, monkeypatch)
    give = partial(services.give_place, offer.pk, now=world.now)
    return offer, give, partial(services.leave_line, offer.pk, investor=zoe, now=world.now)


class TestGiveAndLeave:
    """Zoe leaves the line while she is being given the place: she has it, and is told so."""

    @pytest.fixture
    def works(self, line: tuple[Offer, Any, Any], monkeypatch: pytest.MonkeyPatch) -> tuple[Offer, list[Any]]:
        offer, give, leave = line
        slowed(monkeypatch, waiting, "_refusal")
        return offer, [give, after(0.1, leave)]

    def test_who_has_the_place_no_longer_waits(self, works: tuple[Offer, list[Any]]) -> None:
        offer, both = works
        assert said(at_once(both)) == ["OfferInvestment", "not-waiting"]
        assert committed(offer) == accepted(offer) == 300 and broken() == []

    def test_without_the_lock_who_has_left_is_charged(
        self, works: tuple[Offer, list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, both = works
        unlocked(monkeypatch)
        outcomes: list[Any] = at_once(both)
        left = outcomes[1]
        assert left.status == "lapsed" and status_of(left) == "reserved"
        assert wallet(left.investor) == (9700, 300)


class TestLeaveAndGive:
    """Zoe is leaving the line as the place is given on: nobody gets it."""

    @pytest.fixture
    def works(self, line: tuple[Offer, Any, Any], monkeypatch: pytest.MonkeyPatch) -> tuple[Offer, list[Any]]:
        offer, give, leave = line
        slowed(monkeypatch, waiting, "move_to")
        return offer, [leave, after(0.1, give)]

    def test_who_has_left_gets_no_place(self, works: tuple[Offer, list[Any]]) -> None:
        offer, both = works
        assert said(at_once(both)) == ["NoneType", "OfferInvestment"]
        assert committed(offer) == accepted(offer) == 0 and broken() == []

    def test_without_the_lock_who_leaves_first_is_charged(
        self, works: tuple[Offer, list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The place goes to her; the row's CHECK is what still keeps the money from lapsing with it."""
        offer, both = works
        unlocked(monkeypatch)
        assert said(at_once(both)) == ["IntegrityError", "OfferInvestment"]
        assert committed(offer) == accepted(offer) == 300


class TestTwoWithdraw:
    """Ana's two devices take the same 600 back at once: she gets it once, and Zoe, who is first in line, the place."""

    @pytest.fixture
    def works(self, world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[Any]]:
        offer = world.offer()
        for name, amount in (("Ana", "600"), ("Kofi", "400"), ("Zoe", "600"), ("Musa", "600")):
            world.invest(world.investor(name, offer), offer, amount, join_waiting_list=True)
        mine = offer.investments.select_related("offer", "investor").earliest("id")
        slowed(monkeypatch, OfferInvestment, "may_withdraw")
        take_back = partial(services.withdraw, mine.pk, investor=mine.investor, now=world.now)
        return mine, [take_back, after(0.2, take_back)]

    def test_the_second_is_told(self, works: tuple[Any, list[Any]]) -> None:
        mine, both = works
        assert said(at_once(both)) == ["OfferInvestment", "illegal-move"]
        assert wallet(mine.investor) == (10000, 0)
        assert [row.investor.first_name for row in mine.offer.investments.in_line()] == ["Musa"]
        assert committed(mine.offer) == accepted(mine.offer) == 1000 and broken() == []

    def test_without_the_lock_the_place_is_given_on_twice(
        self, works: tuple[Any, list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The second counts Ana's 600 off what Zoe holds by then; the ledger's key is what still pays Ana once."""
        mine, both = works
        unlocked(monkeypatch)
        assert said(at_once(both)) == ["OfferInvestment", "OfferInvestment"]
        assert wallet(mine.investor) == (10000, 0)
        assert (committed(mine.offer), accepted(mine.offer)) == (1000, 1600)


class TestWithdrawAndInvest:
    """Ana takes 400 back while Zoe invests 300: neither counts over what the other has counted."""

    @pytest.fixture
    def works(self, world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Offer, list[Any]]:
        offer = world.offer()
        ana, zoe = (world.investor(name, offer) for name in ("Ana", "Zoe"))
        mine = world.invest(ana, offer, "400")
        slowed(monkeypatch, OfferInvestment, "may_withdraw")
        take_back = partial(services.withdraw, mine.pk, investor=ana, now=world.now)
        return offer, [take_back, after(0.1, partial(world.invest, zoe, offer, "300"))]

    def test_both_count(self, works: tuple[Offer, list[Any]]) -> None:
        offer, both = works
        assert said(at_once(both)) == ["OfferInvestment", "OfferInvestment"]
        assert committed(offer) == accepted(offer) == 300 and broken() == []

    def test_without_the_lock_what_was_invested_isnt_counted(
        self, works: tuple[Offer, list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        offer, both = works
        unlocked(monkeypatch)
        assert said(at_once(both)) == ["OfferInvestment", "OfferInvestment"]
        assert (committed(offer), accepted(offer)) == (0, 300)
