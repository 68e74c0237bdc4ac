"""The waiting list after a commit: whatever frees a place has it given on, in order, to who may have it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.models import User
from core.errors import DomainError
from ledger import days
from ledger.models import Transaction
from offers import services
from offers.models import Offer, OfferInvestment
from offers.services import waiting
from offers.tests.worlds import World, broken, committed, wallet
from oversight.models import AuditEvent
from protection.models import LossSimulation
from protection.rules import Figures

pytestmark = pytest.mark.django_db(transaction=True)
Status = OfferInvestment.Status


@pytest.fixture
def full(world: World, offer: Offer) -> Offer:
    """An offer of 1,000 that Ana has filled, for 300 of which Zoe waits, then Musa for 700."""
    for name, amount in (("Ana", "1000"), ("Zoe", "300"), ("Musa", "700")):
        world.invest(world.investor(name, offer), offer, amount, join_waiting_list=True)
    return offer


def standing(offer: Offer) -> list[tuple[str, Decimal]]:
    """How each investment stands, in the order of asking, with what was accepted."""
    return list(offer.investments.order_by("id").values_list("status", "accepted_amount"))


def test_a_place_that_is_taken_back_is_given_on_at_once(world: World, full: Offer) -> None:
    first = full.investments.earliest("id")
    services.withdraw(first.pk, investor=first.investor, now=world.now)
    assert standing(full) == [("withdrawn", 1000), ("reserved", 300), ("reserved", 700)]
    assert committed(full) == 1000 and broken() == []


def test_a_higher_cap_is_for_those_who_wait(world: World, full: Offer) -> None:
    services.change_offer(full.pk, {"max_amount": Decimal(1400)}, by=world.officers[0], now=world.now)
    assert standing(full) == [("reserved", 1000), ("reserved", 300), ("reserved", 100)]
    assert committed(full) == 1400 and broken() == []


def test_what_was_freed_in_a_pause_is_given_on_when_it_ends(world: World, full: Offer) -> None:
    first = full.investments.earliest("id")
    services.pause_offer(full.pk, by=world.officers[0], reason="a question", now=world.now)
    services.change_offer(full.pk, {"max_amount": Decimal(1100)}, by=world.officers[0], now=world.now)
    services.withdraw(first.pk, investor=first.investor, now=world.now)
    assert standing(full) == [("withdrawn", 1000), ("waiting", 0), ("waiting", 0)] and committed(full) == 0
    services.resume_offer(full.pk, by=world.officers[0], reason="answered", now=world.now)
    assert standing(full) == [("withdrawn", 1000), ("reserved", 300), ("reserved", 700)]


def test_a_place_that_was_left_lying_is_found_by_the_next_in_line(
    world: World, full: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that freed it was killed before it gave it on."""
    first = full.investments.earliest("id")
    with monkeypatch.context() as killed:
        killed.setattr(waiting, "give_places", lambda *args, **kwargs: None)
        services.withdraw(first.pk, investor=first.investor, now=world.now)
    assert standing(full)[1:] == [("waiting", 0), ("waiting", 0)]
    kofi = world.investor("Kofi", full)
    world.invest(kofi, full, "200", join_waiting_list=True)
    assert standing(full)[1:] == [("reserved", 300), ("reserved", 700), ("waiting", 0)]


def lower_level(zoe: User, now: datetime) -> None:
    User.objects.filter(pk=zoe.pk).update(kyc_level=0)


def block(zoe: User, now: datetime) -> None:
    User.objects.filter(pk=zoe.pk).update(blocked_at=now)


def delete(zoe: User, now: datetime) -> None:
    User.objects.filter(pk=zoe.pk).update(deleted_at=now)


def declare_little(zoe: User, now: datetime) -> None:
    figures = Figures(Decimal(1000), Decimal(0), Decimal(0))
    LossSimulation.of(zoe, figures, currency="AED", at=timezone.now() + timedelta(hours=1)).save(force_insert=True)


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (lower_level, "kyc-level-required"),
        (block, "account-blocked"),
        (delete, "account-blocked"),
        (declare_little, "risk-warning-unconfirmed"),
    ],
)
def test_who_may_not_invest_any_more_lapses_and_the_next_is_served(
    world: World, full: Offer, happens: Callable[[User, datetime], None], code: str
) -> None:
    first, waiting = full.investments.order_by("id")[:2]
    zoe = waiting.investor
    happens(zoe, world.now)
    services.withdraw(first.pk, investor=first.investor, now=world.now)
    assert standing(full) == [("withdrawn", 1000), ("lapsed", 0), ("reserved", 700)]
    assert wallet(zoe) == (10000, 0) and committed(full) == 700
    assert AuditEvent.objects.get(target_id=str(waiting.pk), after__status="lapsed").reason == code


def test_what_is_wrong_with_the_platform_lapses_nobody(
    world: World, full: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = full.investments.earliest("id")

    def refuse(*args: object, **kwargs: object) -> None:
        raise days.NoOpenDay

    with monkeypatch.context() as broken_ledger:
        broken_ledger.setattr(waiting.reservations, "give", refuse)
        services.withdraw(first.pk, investor=first.investor, now=world.now)
        with pytest.raises(days.NoOpenDay):
            services.give_places(full.pk, now=world.now)
    assert standing(full) == [("withdrawn", 1000), ("waiting", 0), ("waiting", 0)]
    assert services.give_places(full.pk, now=world.now) == 2


def test_many_small_steps_are_warned_of_like_a_large_one(world: World, offer: Offer) -> None:
    """A net worth of 6,000, of which 300 is a twentieth: two investments of 200 are 400."""
    ana = world.investor("Ana", offer)
    means = Figures(Decimal(6000), Decimal(0), Decimal(0))
    LossSimulation.of(ana, means, currency="AED", at=timezone.now() + timedelta(hours=1)).save(force_insert=True)
    world.invest(ana, offer, "200")
    with pytest.raises(DomainError) as refused:
        world.invest(ana, offer, "200")
    assert refused.value.code == "risk-warning-unconfirmed"
    assert wallet(ana) == (9800, 200) and committed(offer) == 200
    assert Transaction.objects.filter(kind="offer_reserve").count() == 1
