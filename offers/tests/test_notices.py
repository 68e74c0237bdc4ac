"""What investors hear of an offer: all of them by one statement, each once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from notifications.models import Notification
from offers import services
from offers.models import Offer
from offers.services import waiting
from offers.tests.test_deeds import distribute, lose
from offers.tests.worlds import World

pytestmark = pytest.mark.django_db


def told(offer: Offer) -> list[tuple[str, str, str]]:
    """Who was told what of this offer, and the amount."""
    found = Notification.objects.filter(facts__offer=str(offer.pk)).select_related("user").order_by("kind", "pk")
    said = [(each.user.first_name, each.kind.removeprefix("offer_"), each.facts.get("amount", "")) for each in found]
    return sorted(said, key=lambda each: (each[1], each[0]))


@pytest.fixture
def held(world: World, offer: Offer) -> Offer:
    """Ana holds 200 and 400 of it, Kofi 400, and Zoe waits for 100."""
    ana, kofi = world.investor("Ana", offer), world.investor("Kofi", offer)
    for person, amount in ((ana, "200"), (ana, "400"), (kofi, "400")):
        world.invest(person, offer, amount)
    world.invest(world.investor("Zoe", offer), offer, "100", join_waiting_list=True)
    return offer


def close(world: World, offer: Offer) -> None:
    world.later()
    services.close_offer(offer.pk, by=world.officers[0], reason="full", now=world.now)


COMMITTED = [("Ana", "committed", "600"), ("Kofi", "committed", "400")]
LINE = [("Zoe", "line_ended", "")]


def test_an_offer_that_is_funded(world: World, held: Offer) -> None:
    assert told(held) == []
    close(world, held)
    assert told(held) == [*COMMITTED, *LINE]


def test_one_that_fails_before_it_closes(world: World, held: Offer) -> None:
    world.approve(services.request_failure(held.pk, by=world.officers[0], reason="the site is lost", now=world.now))
    assert told(held) == [*LINE, ("Ana", "released", "600"), ("Kofi", "released", "400")]


def test_one_that_matures(world: World, held: Offer) -> None:
    close(world, held)
    held.refresh_from_db()
    assert services.mature_offer(held.pk, on=held.maturity_date, now=world.now)
    assert not services.mature_offer(held.pk, on=held.maturity_date, now=world.now)
    assert told(held) == [*COMMITTED, *LINE, ("Ana", "repaid", "600"), ("Kofi", "repaid", "400")]


def test_income_and_loss_are_told_by_share(world: World, held: Offer) -> None:
    close(world, held)
    held.refresh_from_db()
    world.fill_pool(held, "20")
    distribute(world, held, "10")
    distribute(world, held, "10")
    world.put_to_work(held, "500")
    world.write_down(held, "100")
    lose(world, held, "100")
    assert [each for each in told(held) if each[1] in {"distributed", "lost"}] == [
        ("Ana", "distributed", "6"),
        ("Ana", "distributed", "6"),
        ("Kofi", "distributed", "4"),
        ("Kofi", "distributed", "4"),
        ("Ana", "lost", "60"),
        ("Kofi", "lost", "40"),
    ]
    assert sum(Decimal(each.facts["amount"]) for each in Notification.objects.filter(kind="offer_lost")) == 100


def test_who_waited_and_gets_a_place(world: World, held: Offer) -> None:
    mine = held.investments.filter(investor__referral_code__isnull=False).earliest("id")
    services.withdraw(mine.pk, investor=mine.investor, now=world.now)
    waiting.give_places(held.pk, now=world.now)
    waiting.give_places(held.pk, now=world.now)
    assert told(held) == [("Zoe", "place_given", "100")]
    until = Notification.objects.get(kind="offer_place_given").facts["until"]
    zoes = held.investments.get(
        status="reserved", investor__in=[Notification.objects.get(kind="offer_place_given").user]
    )
    assert until == zoes.reflects_until.isoformat()


def test_who_cant_take_the_place_hears_that_the_wait_is_over(world: World, held: Offer) -> None:
    zoe = held.investments.in_line().get().investor
    zoe.kyc_level = 0
    zoe.save(update_fields=["kyc_level"])
    mine = held.investments.earliest("id")
    services.withdraw(mine.pk, investor=mine.investor, now=world.now)
    waiting.give_places(held.pk, now=world.now)
    assert told(held) == LINE


def test_who_leaves_the_line_hears_nothing(world: World, held: Offer) -> None:
    zoe = held.investments.in_line().get().investor
    services.leave_line(held.pk, investor=zoe, now=world.now)
    world.later(timedelta(days=5))
    close(world, held)
    assert told(held) == COMMITTED
