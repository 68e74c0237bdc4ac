"""Invest, take back, wait: the worked example and every refusal."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import User
from core.errors import IllegalMove, NotFound
from ledger.posting import InsufficientBalance
from offers import errors, services
from offers.models import Offer, OfferInvestment
from offers.tests.worlds import World, ask_otherwise, committed, wallet
from protection.errors import DisclosureNotAccepted
from protection.models import Acceptance
from tests.people import make_investor

Status = OfferInvestment.Status


def test_the_worked_example(world: World, offer: Offer) -> None:
    """1,000: of 500 all, of 600 what is left, of the next nothing; a place taken back goes to who waits first."""
    ana, kofi, zoe, musa = (world.investor(name, offer) for name in ("Ana", "Kofi", "Zoe", "Musa"))
    first = world.invest(ana, offer, "500")
    second = world.invest(kofi, offer, "600")
    assert (first.accepted_amount, second.accepted_amount) == (500, 500)
    assert second.requested_amount == 600 and committed(offer) == 1000
    assert wallet(ana) == (9500, 500) and wallet(kofi) == (9500, 500)
    with pytest.raises(errors.OfferFull):
        world.invest(zoe, offer, "100")
    assert wallet(zoe) == (10000, 0) and not OfferInvestment.objects.owned_by(zoe).exists()

    waiting = world.invest(zoe, offer, "300", join_waiting_list=True)
    later = world.invest(musa, offer, "700", join_waiting_list=True)
    assert (waiting.status, waiting.accepted_amount, waiting.operation_id) == (Status.WAITING, 0, None)
    assert services.place_in_line(offer.pk, musa)[1] == 2

    world.later(timedelta(days=3))
    services.withdraw(first.pk, investor=ana, now=world.now)
    services.give_places(offer.pk, now=world.now)
    waiting.refresh_from_db()
    later.refresh_from_db()
    assert wallet(ana) == (10000, 0)
    assert (waiting.status, waiting.accepted_amount) == (Status.RESERVED, 300)
    assert (later.status, later.accepted_amount) == (Status.RESERVED, 200), "what the first left of the place"
    assert waiting.reflects_until == world.now + timedelta(days=4), "a reflection of its own"
    assert committed(offer) == 1000


@pytest.mark.parametrize("days", [0, 14])
def test_reflection_is_as_long_as_the_jurisdiction_says(world: World, offer: Offer, days: int) -> None:
    """For whom invests and for whom is given a place; the others keep their four days."""
    ask_otherwise("CI", reflection_days=days)
    ana, zoe = (world.investor(name, offer) for name in ("Ana", "Zoe"))
    User.objects.filter(pk=zoe.pk).update(country="CI")
    zoe.refresh_from_db()
    filled = world.invest(ana, offer, "900")
    mine = world.invest(zoe, offer, "100")
    waiting = world.invest(zoe, offer, "300", join_waiting_list=True)
    assert filled.reflects_until == world.now + timedelta(days=4)
    assert mine.reflects_until == world.now + timedelta(days=days)
    services.withdraw(filled.pk, investor=ana, now=world.now)
    services.give_places(offer.pk, now=world.now)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.reflects_until) == (Status.RESERVED, world.now + timedelta(days=days))


def test_a_newcomer_does_not_pass_those_who_wait(world: World, offer: Offer) -> None:
    ana, zoe, musa = (world.investor(name, offer) for name in ("Ana", "Zoe", "Musa"))
    taken = world.invest(ana, offer, "1000")
    world.invest(zoe, offer, "300", join_waiting_list=True)
    services.withdraw(taken.pk, investor=ana, now=world.now)  # Nobody has given the place on yet.
    with pytest.raises(errors.OfferFull):
        world.invest(musa, offer, "300")
    assert services.give_places(offer.pk, now=world.now) == 1
    assert world.invest(musa, offer, "900").accepted_amount == 700


def test_who_is_not_covered_lapses_and_the_next_takes_the_place(world: World, offer: Offer) -> None:
    ana, zoe, musa = (world.investor(name, offer) for name in ("Ana", "Zoe", "Musa"))
    taken = world.invest(ana, offer, "1000")
    poor = world.invest(zoe, offer, "10000", join_waiting_list=True)
    rich = world.invest(musa, offer, "1000", join_waiting_list=True)
    other = world.offer(code="mill", max_amount=Decimal(100000))
    world.make_ready(zoe)
    world.invest(zoe, other, "9500")
    services.withdraw(taken.pk, investor=ana, now=world.now)
    assert services.give_places(offer.pk, now=world.now) == 1
    poor.refresh_from_db()
    rich.refresh_from_db()
    assert poor.status == Status.LAPSED and wallet(zoe) == (500, 9500)
    assert (rich.status, rich.accepted_amount) == (Status.RESERVED, 1000)


def test_a_remainder_below_the_minimum_is_accepted_and_said(world: World, offer: Offer) -> None:
    ana, kofi = world.investor("Ana", offer), world.investor("Kofi", offer)
    world.invest(ana, offer, "950")
    last = world.invest(kofi, offer, "100")
    assert last.accepted_amount == 50 and last.below_minimum


def test_after_the_deadline_nothing_is_given_on(world: World, offer: Offer) -> None:
    ana, zoe = world.investor("Ana", offer), world.investor("Zoe", offer)
    world.later(timedelta(days=29))
    taken = world.invest(ana, offer, "1000")
    waiting = world.invest(zoe, offer, "300", join_waiting_list=True)
    world.later(timedelta(days=2))
    services.withdraw(taken.pk, investor=ana, now=world.now)
    assert services.give_places(offer.pk, now=world.now) == 0
    waiting.refresh_from_db()
    assert waiting.status == Status.WAITING and committed(offer) == 0


def test_reflection_ends(world: World, offer: Offer) -> None:
    ana = world.investor("Ana", offer)
    taken = world.invest(ana, offer, "500")
    world.later(timedelta(days=4))
    with pytest.raises(errors.ReflectionOver):
        services.withdraw(taken.pk, investor=ana, now=world.now)
    assert wallet(ana) == (9500, 500) and committed(offer) == 500


def test_taken_back_once(world: World, offer: Offer) -> None:
    ana = world.investor("Ana", offer)
    taken = world.invest(ana, offer, "500")
    services.withdraw(taken.pk, investor=ana, now=world.now)
    with pytest.raises(IllegalMove):
        services.withdraw(taken.pk, investor=ana, now=world.now)
    assert wallet(ana) == (10000, 0) and committed(offer) == 0


def test_an_investment_of_somebody_else_is_unknown(world: World, offer: Offer) -> None:
    ana, eve = world.investor("Ana", offer), world.investor("Eve", offer)
    taken = world.invest(ana, offer, "500")
    with pytest.raises(NotFound):
        services.withdraw(taken.pk, investor=eve, now=world.now)
    assert wallet(ana) == (9500, 500)


def test_leaving_the_line(world: World, offer: Offer) -> None:
    ana, zoe = world.investor("Ana", offer), world.investor("Zoe", offer)
    world.invest(ana, offer, "1000")
    world.invest(zoe, offer, "300", join_waiting_list=True)
    with pytest.raises(errors.AlreadyWaiting):
        world.invest(zoe, offer, "300", join_waiting_list=True)
    assert services.leave_line(offer.pk, investor=zoe, now=world.now).status == Status.LAPSED
    with pytest.raises(errors.NotWaiting):
        services.leave_line(offer.pk, investor=zoe, now=world.now)


REFUSALS: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"currency": "USD"}, errors.OfferCurrencyMismatch),
    ({"amount": Decimal(99)}, errors.BelowTicket),
    ({"amount": Decimal(801)}, errors.AboveTicket),
    ({"disclosure_version": "2025-01"}, errors.DisclosureOutdated),
]


@pytest.mark.parametrize(("asked", "refusal"), REFUSALS)
def test_refusals(world: World, asked: dict[str, Any], refusal: type[Exception]) -> None:
    offer = world.offer(maximum_ticket=Decimal(800))
    ana = world.investor("Ana", offer)
    given = {"amount": Decimal(500), "currency": "AED", "disclosure_version": "2026-06", **asked}
    with pytest.raises(refusal):
        services.invest(ana, offer=offer.pk, now=world.now, **given)
    assert wallet(ana) == (10000, 0) and committed(offer) == 0 and not OfferInvestment.objects.exists()


def test_the_largest_ticket_counts_what_is_held(world: World) -> None:
    offer = world.offer(maximum_ticket=Decimal(800))
    ana = world.investor("Ana", offer)
    world.invest(ana, offer, "500")
    with pytest.raises(errors.AboveTicket):
        world.invest(ana, offer, "301")
    assert world.invest(ana, offer, "300").accepted_amount == 300


def test_a_wallet_that_does_not_cover_it(world: World, offer: Offer) -> None:
    ana = world.investor("Ana", offer, "499")
    with pytest.raises(InsufficientBalance):
        world.invest(ana, offer, "500")
    assert wallet(ana) == (499, 0) and committed(offer) == 0


def test_what_protection_refuses(world: World, offer: Offer) -> None:
    eve = make_investor("Eve", kyc_level=1)
    world.pay_in(eve, "1000")
    with pytest.raises(DisclosureNotAccepted):
        world.invest(eve, offer, "500")
    assert not Acceptance.objects.filter(investor=eve).exists() and wallet(eve) == (1000, 0)


def test_the_level_that_it_needs(world: World) -> None:
    offer = world.offer(kyc_level=2)
    ana = world.investor("Ana", offer)
    with pytest.raises(errors.KycLevelRequired):
        world.invest(ana, offer, "500")
    assert wallet(ana) == (10000, 0)


@pytest.mark.parametrize("status", ["draft", "paused", "closed", "failed"])
def test_what_is_not_live(world: World, status: str) -> None:
    if status == "draft":
        draft = world.draft()
        with pytest.raises(errors.OfferNotFound):
            world.invest(make_investor("Ana", kyc_level=1), draft, "500")
        return
    offer = world.offer()
    ana, kofi = world.investor("Ana", offer), world.investor("Kofi", offer)
    if status == "paused":
        services.pause_offer(offer.pk, by=world.officers[0], reason="a question", now=world.now)
    else:
        if status == "closed":
            world.invest(kofi, offer, "600")
        world.later(timedelta(days=31))
        assert services.end_gathering(offer.pk, on=world.day, now=world.now) == status
    with pytest.raises(errors.OfferNotLive):
        world.invest(ana, offer, "500")
    assert wallet(ana) == (10000, 0)
