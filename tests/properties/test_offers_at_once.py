"""Random sequences of what is done with an offer, from several threads: whatever the order, it adds up."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db.models import Sum

from core.errors import DomainError
from offers import services
from offers.models import Offer
from offers.tests.worlds import World, ask_otherwise, broken, committed, wallet
from tests.races.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = ("Ana", "Kofi", "Zoe", "Musa")
PURSE, CAP, TICKET, TARGET = Decimal(1000), Decimal(1000), Decimal(100), Decimal(500)
GATHERING = {"live", "paused"}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_several_at_once_keep_what_they_began_with(seed: int) -> None:
    """Six threads invest, wait, leave, withdraw, pause and resume; four approvals then distribute and lose at once.

    Whatever the order: what doesn't go is a refusal, and each purse and what it holds are what it began with.
    """
    world = World()
    offer = world.offer(minimum_ticket=TICKET, target=TARGET)
    people = [world.investor(name, offer, str(PURSE)) for name in NAMES]
    world.invest(people[0], offer, "300")  # an early pause may let nobody else in
    said: Counter[str] = Counter()
    outcomes = at_once([turns(world, offer, people, said, seed * 100 + number) for number in range(6)])
    assert outcomes == [None] * 6
    agree(offer, people, status=GATHERING)
    close(world, offer, people[0])
    world.fill_pool(offer, "90")
    world.put_to_work(offer, "60")
    world.write_down(offer, "60")
    asked = [ask(world, offer, verb, "29.99") for verb in (services.request_distribution, services.request_loss) * 2]
    decided = at_once([lambda request=request: settle(world, request, said) for request in asked])  # type: ignore[misc]
    assert decided == [None] * 4
    lost = said["lose"] * Decimal("29.99")
    paid = said["distribute"] * Decimal("29.99")
    assert said["distribute"] + said["lose"] >= 1
    held = sum((sum(wallet(person)) for person in people), Decimal(0))
    principal = offer.investments.aggregate(sum=Sum("principal"))["sum"]
    assert held + principal == PURSE * len(people) + paid - lost
    assert broken() == []


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("ends", "days"), [(["close"] * 2, 0), (["fail"] * 2, 4), (["close", "close", "fail"], 0)])
def test_several_at_once_come_to_one_end(seed: int, ends: Sequence[str], days: int) -> None:
    """Six threads go on as above while officers close the offer, or let it fail: each end comes once, and all agrees.

    Nobody reflects where it closes; where it only fails they take back meanwhile. Seen to fail with the offer's lock
    taken out, every one of them: two officers end the same offer, or what is written is what a CHECK refuses.
    """
    world = World()
    ask_otherwise("BJ", reflection_days=days)
    offer = world.offer(minimum_ticket=TICKET, target=TARGET)
    people = [world.investor(name, offer, str(PURSE)) for name in NAMES]
    for person in people[:2]:
        world.invest(person, offer, "300")
    said: Counter[str] = Counter()
    works = [turns(world, offer, people, said, seed * 100 + number, ends=ends) for number in range(6)]
    assert at_once(works) == [None] * 6
    assert said["close"] + said["fail"] >= 1 and max(said["close"], said["fail"]) == 1, said
    agree(offer, people, status={"failed" if said["fail"] else "closed"})


def turns(
    world: World, offer: Offer, people: list[Any], said: Counter[str], seed: int, *, ends: Sequence[str] = ()
) -> Callable[[], None]:
    """Eight turns of one thread, the later ones maybe to end the offer; a refusal is an answer, anything else fails."""
    dice = random.Random(seed)  # noqa: S311
    officer = {"by": world.officers[seed % 2], "reason": "as agreed", "now": world.now}

    def invest(person: Any) -> None:
        world.invest(person, offer, str(dice.randint(100, 500)), join_waiting_list=dice.random() < 0.5)

    def withdraw(person: Any) -> None:
        row = offer.investments.filter(status="reserved").owned_by(person).first()
        if row is not None:
            services.withdraw(row.pk, investor=person, now=world.now)

    def fail() -> None:
        """Ask and approve, and ask again where a pause that came between has made it void."""
        ask = partial(services.request_failure, offer.pk, **{**officer, "by": world.officers[0]})
        while world.approve(ask()).status == "void":
            pass

    verbs: dict[str, Callable[[Any], object]] = {
        "invest": invest,
        "withdraw": withdraw,
        "leave": lambda person: services.leave_line(offer.pk, investor=person, now=world.now),
        "give": lambda person: services.give_places(offer.pk, now=world.now),
        "pause": lambda person: services.pause_offer(offer.pk, **officer),
        "resume": lambda person: services.resume_offer(offer.pk, **officer),
    }
    often = ["invest", "invest", "withdraw", "resume", *verbs]
    verbs |= {"close": lambda person: services.close_offer(offer.pk, **officer), "fail": lambda person: fail()}

    def work() -> None:
        for turn in range(8):
            verb, person = dice.choice([*often, *ends] if turn > 2 else often), dice.choice(people)
            try:
                verbs[verb](person)
                said[verb] += 1
            except DomainError as refusal:
                said[refusal.code] += 1

    return work


def agree(offer: Offer, people: list[Any], *, status: set[str]) -> None:
    """What is committed is the sum of the places, below the cap; what each holds has left that purse and no other.

    It is locked while the offer gathers, principal once it has closed, and theirs again where it failed.
    """
    offer.refresh_from_db()
    places = offer.investments.filter(status__in=["reserved", "committed", "repaid"])
    assert offer.status in status and offer.committed_amount == places.accepted() <= CAP
    gathers = offer.status in GATHERING
    assert gathers or not offer.investments.in_line().exists()
    for person in people:
        holding = offer.investments.holding().owned_by(person)
        held, principal = holding.accepted(), holding.aggregate(sum=Sum("principal"))["sum"] or 0
        assert wallet(person) == (PURSE - held, held if gathers else 0)
        assert principal == (0 if gathers else held)
    assert broken() == []


def close(world: World, offer: Offer, ana: Any) -> None:
    """See to it that enough has come, and close."""
    officer = {"by": world.officers[0], "reason": "as agreed", "now": world.now}
    if offer.status == "paused":
        services.resume_offer(offer.pk, **officer)
    if committed(offer) < TARGET:
        for waiting in offer.investments.in_line().select_related("investor"):
            services.leave_line(offer.pk, investor=waiting.investor, now=world.now)
        missing = TARGET - committed(offer)
        world.invest(ana, offer, str(max(missing, TICKET)))
    world.later()
    services.close_offer(offer.pk, by=world.officers[0], reason="full", now=world.now)


def ask(world: World, offer: Offer, verb: Any, amount: str) -> Any:
    return verb(offer.pk, amount=Decimal(amount), by=world.officers[0], reason="as the paper says", now=world.now)


def settle(world: World, request: Any, said: Counter[str]) -> None:
    """Approve; shares that have changed meanwhile are refused, and so is more than there is."""
    try:
        world.approve(request)
        said[request.verb.partition(".")[2]] += 1
    except DomainError as refusal:
        assert refusal.code in {"shares-changed", "insufficient-balance", "deed-refused"}, refusal.code
        said[refusal.code] += 1
