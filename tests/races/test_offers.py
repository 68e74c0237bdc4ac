"""Races over an offer: every verb that changes what is committed, or who is in it, locks the offer's row first.

Each lock has its control beside it: the same race with the lock taken out, seen to go wrong.
"""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import psycopg
import pytest
from django.db import connections

from core.errors import IllegalMove
from ledger.models import Transaction
from offers import services
from offers.models import Offer, OfferDeed, OfferInvestment
from offers.services import closing, deeds, investing, waiting
from offers.tests.worlds import LATE, World, broken, committed, wallet
from oversight import services as oversight
from oversight.models import AuditEvent
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
from treasury import services as treasury
from treasury.models import Asset
from treasury.services import Counterparty, Paper

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

THREADS, INVESTORS, PURSE = 200, 40, 100


@pytest.fixture
def world(transactional_db: None, kept: Any) -> World:
    made: World = kept.of(World)
    return made


class TestTwoHundredInvest:
    """Two hundred at once want more than there is, more than their wallets hold: the cap stands, and all agrees."""

    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_committed_is_what_was_accepted_and_never_above_the_cap(self, world: World, seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311
        offer = world.offer(minimum_ticket=Decimal(1))
        people = [world.investor(f"Ana {number}", offer, str(PURSE)) for number in range(INVESTORS)]
        asked = [(dice.choice(people), dice.randint(1, 60)) for _ in range(THREADS)]
        outcomes = at_once([partial(world.invest, person, offer, str(amount)) for person, amount in asked])
        assert set(said(outcomes)) <= {"OfferInvestment", "offer-full", "insufficient-balance"}, said(outcomes)
        held: dict[Any, Decimal] = defaultdict(Decimal)
        for (person, amount), outcome in zip(asked, outcomes, strict=True):
            if isinstance(outcome, OfferInvestment):
                assert 0 < outcome.accepted_amount <= amount == outcome.requested_amount
                held[person.pk] += outcome.accepted_amount
        assert committed(offer) == accepted(offer) == sum(held.values()) == 1000
        assert [wallet(person) for person in people] == [(PURSE - held[one.pk], held[one.pk]) for one in people]
        assert broken() == []


class TestTheLastOfAnOffer:
    """Two want 600 each of 1,000: the one gets it, the other what is left."""

    @pytest.fixture
    def works(self, world: World, function: Edit) -> tuple[Offer, list[Any]]:
        offer = world.offer()
        people = [world.investor(name, offer) for name in ("Ana", "Kofi")]
        slowed_function(function)
        return offer, [partial(world.invest, person, offer, "600") for person in people]

    def test_the_cap_stands(self, works: tuple[Offer, list[Any]]) -> None:
        offer, both = works
        outcomes: list[Any] = at_once(both)
        assert sorted(row.accepted_amount for row in outcomes) == [400, 600]
        assert committed(offer) == accepted(offer) == 1000 and broken() == []

    def test_without_the_lock_who_comes_second_gets_nothing(
        self, works: tuple[Offer, list[Any]], function: Edit
    ) -> None:
        """Both take 600: the row's CHECK is what still refuses it."""
        offer, both = works
        unlocked_function(function)
        assert said(at_once(both)) == ["IntegrityError", "OfferInvestment"]
        assert committed(offer) == accepted(offer) == 600


class TestTheLargestTicket:
    """One investor's two investments at once: together they are no more than one may hold."""

    @pytest.fixture
    def works(self, world: World, function: Edit) -> tuple[Offer, list[Any]]:
        offer = world.offer(maximum_ticket=Decimal(500))
        ana = world.investor("Ana", offer)
        slowed_function(function)
        return offer, [partial(world.invest, ana, offer, "300")] * 2

    def test_the_second_is_refused(self, works: tuple[Offer, list[Any]]) -> None:
        offer, both = works
        assert said(at_once(both)) == ["OfferInvestment", "above-ticket"]
        assert accepted(offer) == 300

    def test_without_the_lock_both_are_taken(self, works: tuple[Offer, list[Any]], function: Edit) -> None:
        offer, both = works
        unlocked_function(function)
        assert said(at_once(both)) == ["OfferInvestment"] * 2
        assert accepted(offer) == 600


class TestWithdrawAndClose:
    """Ana takes back in the last second of her reflection while an officer, whose clock is on, closes the offer."""

    @pytest.fixture
    def works(self, world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[Any]]:
        offer, other = world.offer(), world.offer(code="mill")
        ana = world.investor("Ana", offer)
        world.make_ready(ana)
        mine = world.invest(ana, offer, "400")
        world.invest(ana, other, "400")
        world.invest(world.investor("Kofi", offer), offer, "600")
        world.later(timedelta(days=4))
        slowed(monkeypatch, investing.accounts, "wallet")
        last_second = world.now - timedelta(seconds=1)
        take_back = partial(services.withdraw, mine.pk, investor=ana, now=last_second)
        return mine, [take_back, after(0.1, steer(services.close_offer, offer, world))]

    def test_who_is_first_wins(self, works: tuple[Any, list[Any]]) -> None:
        mine, both = works
        assert said(at_once(both)) == ["Offer", "OfferInvestment"]
        assert (status_of(mine), status_of(mine.offer), committed(mine.offer)) == ("withdrawn", "closed", 600)
        assert wallet(mine.investor) == (9600, 400) and broken() == []

    def test_without_the_lock_principal_would_be_given_back(
        self, works: tuple[Any, list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It was paid out of what Ana has locked for another offer; the row's CHECK is what still refuses it."""
        mine, both = works
        unlocked(monkeypatch)
        assert said(at_once(both)) == ["IntegrityError", "Offer"]
        assert status_of(mine) == "committed"


class TestInvestAndClose:
    """Zoe invests while an officer closes: the offer doesn't close over a reflection."""

    @pytest.fixture
    def works(self, world: World, function: Edit) -> tuple[Offer, list[Any]]:
        offer = world.offer()
        zoe = world.investor("Zoe", offer)
        world.invest(world.investor("Ana", offer), offer, "600")
        world.later(LATE)
        slowed_function(function)
        return offer, [partial(world.invest, zoe, offer, "300"), after(0.1, steer(services.close_offer, offer, world))]

    def test_the_close_waits_and_is_told(self, works: tuple[Offer, list[Any]]) -> None:
        offer, both = works
        assert said(at_once(both)) == ["OfferInvestment", "reflection-running"]
        assert status_of(offer) == "live" and broken() == []

    def test_without_the_lock_somebody_reflects_in_a_closed_offer(
        self, works: tuple[Offer, list[Any]], function: Edit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        offer, both = works
        unlocked_function(function)
        unlocked(monkeypatch)
        at_once(both)
        assert status_of(offer) == "closed" and offer.investments.filter(status="reserved").count() == 1


class TestTwoCloses:
    """Two officers close at once: one closes, the other is told that it is closed."""

    @pytest.fixture
    def works(self, world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Offer, list[Any]]:
        offer = world.offer()
        world.invest(world.investor("Ana", offer), offer, "600")
        world.later(LATE)
        slowed(monkeypatch, closing, "_close")
        return offer, [steer(services.close_offer, offer, world)] * 2

    def test_one_closes(self, works: tuple[Offer, list[Any]]) -> None:
        _, both = works
        assert said(at_once(both)) == ["Offer", "illegal-move"]
        assert Transaction.objects.filter(kind="offer_commit").count() == 1
        assert AuditEvent.objects.filter(action="offers.offer.closed").count() == 1 and broken() == []

    def test_without_the_lock_both_say_so(
        self, works: tuple[Offer, list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, both = works
        unlocked(monkeypatch)
        assert said(at_once(both)) == ["Offer", "Offer"]
        assert AuditEvent.objects.filter(action="offers.offer.closed").count() == 2


class TestTwoGive:
    """Six hundred are free, two wait for 300 each, two give a place on at once: each place goes to one of them."""

    @pytest.fixture
    def works(self, world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Offer, list[Any]]:
        offer = world.offer()
        for name, amount in (("Ana", "600"), ("Kofi", "400"), ("Zoe", "300"), ("Musa", "300")):
            world.invest(world.investor(name, offer), offer, amount, join_waiting_list=True)
        free_a_place(world, offer, monkeypatch)
        slowed(monkeypatch, waiting, "_refusal")
        return offer, [partial(services.give_place, offer.pk, now=world.now)] * 2

    def test_each_is_given_once(self, works: tuple[Offer, list[Any]]) -> None:
        offer, both = works
        assert said(at_once(both)) == ["OfferInvestment"] * 2
        assert not offer.investments.in_line().exists()
        assert committed(offer) == accepted(offer) == 1000 and broken() == []

    def test_without_the_lock_both_go_to_the_first(
        self, works: tuple[Offer, list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        offer, both = works
        unlocked(monkeypatch)
        at_once(both)
        assert [row.investor.first_name for row in offer.investments.in_line().select_related("investor")] == ["Musa"]
        assert committed(offer) == 700


class TestDistributeAndLose:
    """A distribution and a loss are approved at once: what is paid is what was approved, or nothing is.

    Of two cents the second goes to Ana while the principals are 300, 300 and 400, and to Kofi once five cents are lost.
    """

    @pytest.fixture
    def works(self, world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Offer, list[Any]]:
        offer = closed_offer(world)
        world.fill_pool(offer, "100")
        world.put_to_work(offer, "10")
        world.write_down(offer, "10")
        omar, lin, nia = world.officers
        share = partial(services.request_distribution, amount=Decimal("0.02"))
        lose = partial(services.request_loss, amount=Decimal("0.05"))
        asked = [verb(offer.pk, by=omar, reason="as the paper says", now=world.now) for verb in (share, lose)]
        slowed(monkeypatch, deeds, "_reserve_moves", 1.5)
        approve = [
            partial(oversight.approve, request.pk, by=by, now=world.now)
            for request, by in zip(asked, (lin, nia), strict=True)
        ]
        return offer, [approve[0], after(0.1, approve[1])]

    def paid_to(self) -> list[str]:
        shares = OfferDeed.objects.get(verb="distribute").shares.order_by("investment_id")
        return [share.investment.investor.first_name for share in shares.select_related("investment__investor")]

    def test_what_is_paid_was_approved(self, works: tuple[Offer, list[Any]]) -> None:
        _, both = works
        outcomes: list[Any] = at_once(both)
        assert said(outcomes)[0] == "ApprovalRequest"
        assert self.paid_to() == ["Ana", "Zoe"]
        assert broken() == []

    def test_without_the_lock_the_approved_distribution_fails(
        self, works: tuple[Offer, list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The loss comes between; what is written is compared with what was approved. An approval locks as well."""
        _, both = works
        unlocked(monkeypatch)
        monkeypatch.setattr(oversight, "_may_lock", lambda model: False)
        assert said(at_once(both)) == ["ApprovalRequest", "shares-changed"]
        assert not OfferDeed.objects.filter(verb="distribute").exists() and broken() == []


class TestMaturityAndTheTreasury:
    """An offer matures while another officer approves what the treasury asked for: no row of theirs is locked twice.

    Maturity has looked at the pool and what is at work, and is about to repay.
    """

    @pytest.fixture
    def closed(self, world: World, settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Offer:
        settings.MEDIA_ROOT = tmp_path
        offer = closed_offer(world)
        treasury.open_asset(scope=offer.scope, currency="AED", name="A store", by=world.officers[0], now=world.now)
        slowed(monkeypatch, closing, "_repay", 1.5)
        return offer

    def both(self, world: World, offer: Offer, request: Any, **more: Any) -> list[object]:
        """Let it mature, and approve meanwhile."""
        omar, lin, _ = world.officers
        paper = Paper(source="Bank", reference="P-1", name="paper.pdf", content=b"%PDF")
        party = Counterparty("Harbour Cold Store SA", "BJ", "unrelated")
        there = {"asset": Asset.objects.get().pk, "cash": "bank", "counterparty": party, **more}
        asked = request(amount=Decimal(40), paper=paper, reason="as it says", by=omar, now=world.now, **there)
        mature = partial(services.mature_offer, offer.pk, on=offer.maturity_date, now=world.now)
        return at_once([mature, after(0.3, partial(oversight.approve, asked.pk, by=lin, now=world.now))])

    def share(self, world: World, offer: Offer) -> None:
        given: Any = {"by": world.officers[0], "reason": "rent", "now": world.now}
        world.approve(services.request_distribution(offer.pk, amount=Decimal(40), **given))

    def test_income_that_comes_meanwhile_is_late_and_is_distributed(self, world: World, closed: Offer) -> None:
        outcomes = self.both(world, closed, treasury.request_record_income, income_basis="rent")
        assert said(outcomes) == ["ApprovalRequest", "bool"]
        assert status_of(closed) == "matured" and services.with_late_income().get() == closed
        self.share(world, closed)
        assert not services.with_late_income().exists() and broken() == []
        assert [wallet(row.investor)[0] for row in closed.investments.order_by("id")] == [10012, 10012, 10016]

    def test_if_only_closed_offers_shared_it_would_stay(
        self, world: World, closed: Offer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outcomes = self.both(world, closed, treasury.request_record_income, income_basis="rent")
        assert said(outcomes) == ["ApprovalRequest", "bool"]
        monkeypatch.setattr(Offer, "has_closed", property(lambda offer: offer.status == "closed"))
        with pytest.raises(IllegalMove):
            self.share(world, closed)
        assert services.with_late_income().get() == closed

    def test_what_goes_to_work_meanwhile_puts_the_end_off(self, world: World, closed: Offer) -> None:
        assert said(self.both(world, closed, treasury.request_deploy)) == ["ApprovalRequest", "fund-committed"]
        assert status_of(closed) == "closed" and broken() == []

    def test_without_the_funds_check_the_offer_ends_with_money_at_work(self, world: World, closed: Offer) -> None:
        check = "CHECK (principal >= deployed + shortfall)"
        with psycopg.connect(**connections["owner"].get_connection_params(), autocommit=True) as owner:
            owner.execute("ALTER TABLE ledger_fund DROP CONSTRAINT ledger_fund_covers")
            try:
                assert said(self.both(world, closed, treasury.request_deploy)) == ["ApprovalRequest", "bool"]
                assert status_of(closed) == "matured"
                assert "offer:harbour: its deployed holds 40 AED, but it has ended" in broken()
            finally:
                owner.execute("UPDATE ledger_fund SET deployed = 0")
                owner.execute(f"ALTER TABLE ledger_fund ADD CONSTRAINT ledger_fund_covers {check}")


def closed_offer(world: World) -> Offer:
    """A closed offer of 300, 300 and 400."""
    offer = world.offer()
    for name, amount in (("Ana", "300"), ("Kofi", "300"), ("Zoe", "400")):
        world.invest(world.investor(name, offer), offer, amount)
    world.later(LATE)
    return services.close_offer(offer.pk, by=world.officers[0], reason="full", now=world.now)


def test_a_distribution_that_two_approve_at_once_is_paid_once(world: World) -> None:
    """The lock is that of the request; its control is `tests/races/test_approvals.py`."""
    offer = closed_offer(world)
    world.fill_pool(offer, "100")
    asked = services.request_distribution(
        offer.pk, amount=Decimal(50), by=world.officers[0], reason="rent", now=world.now
    )
    outcomes = at_once([partial(oversight.approve, asked.pk, by=by, now=world.now) for by in world.officers[1:]])
    assert said(outcomes)[0] == "ApprovalRequest" and len(set(said(outcomes))) == 2, said(outcomes)
    assert OfferDeed.objects.get().amount == 50 and Transaction.objects.filter(kind="distribution").count() == 3
    assert broken() == []


def test_two_distributions_at_once_pay_no_more_than_the_pool_holds(world: World) -> None:
    """Each asks for 60 of 100: what refuses the second is that no account of the ledger goes below zero."""
    offer = closed_offer(world)
    world.fill_pool(offer, "100")
    ask = partial(services.request_distribution, offer.pk, by=world.officers[0], reason="rent", now=world.now)
    requests = [ask(amount=Decimal(60)) for _ in range(2)]
    approve = [
        partial(oversight.approve, request.pk, by=by, now=world.now)
        for request, by in zip(requests, world.officers[1:], strict=True)
    ]
    assert said(at_once(approve)) == ["ApprovalRequest", "insufficient-balance"]
    assert OfferDeed.objects.get().amount == 60 and broken() == []


def test_two_maturities_at_once_repay_once(world: World) -> None:
    offer = closed_offer(world)
    mature = partial(services.mature_offer, offer.pk, on=offer.maturity_date, now=world.now)
    assert sorted(at_once([mature] * 4), key=str) == [False, False, False, True]
    assert Transaction.objects.filter(kind="offer_repay").count() == 3
    assert [wallet(row.investor) for row in offer.investments.select_related("investor")] == [(10000, 0)] * 3
    assert broken() == []
