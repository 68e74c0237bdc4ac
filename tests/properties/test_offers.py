"""Random sequences of everything that is done with an offer, against a model of it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DomainError
from ledger import accounts
from offers import rules, services
from offers.models import Offer, OfferInvestment
from offers.services import deeds
from offers.tests.worlds import World, broken, wallet
from tests.properties.sequences import named, sequences, undone

pytestmark = pytest.mark.slow

NAMES = ("Ana", "Kofi", "Zoe", "Musa")
PURSE, CAP, TICKET, TARGET = Decimal(1000), Decimal(1000), Decimal(100), Decimal(500)
UNIT = Decimal("0.01")


@pytest.fixture
def world(db: None) -> World:
    return World()


class Model:
    """An offer as it should be. `held` is what stands with it, by investment, `put` what did as it closed.

    `line` is who waits.
    """

    def __init__(self) -> None:
        self.status, self.pool, self.at_work = "live", Decimal(0), Decimal(0)
        self.purse = dict.fromkeys(NAMES, PURSE)
        self.held: dict[Any, tuple[str, Decimal]] = {}
        self.put: dict[Any, tuple[str, Decimal]] = {}
        self.line: list[tuple[Any, str, Decimal]] = []

    @property
    def sum(self) -> Decimal:
        return sum((amount for _, amount in self.held.values()), Decimal(0))

    def invest(self, row: Any, name: str, amount: Decimal, *, waits: bool) -> bool:
        covered = self.purse[name] >= min(amount, CAP - self.sum)
        if self.status != "live" or amount < TICKET or not covered:
            return False
        if self.sum < CAP and not self.line:
            return self.hold(row, name, min(amount, CAP - self.sum))
        may_wait = waits and name not in {one for _, one, _ in self.line}
        self.line += [(row, name, amount)] if may_wait else []
        return may_wait

    def hold(self, row: Any, name: str, amount: Decimal) -> bool:
        if amount <= self.purse[name]:
            self.purse[name] -= amount
            self.held[row] = (name, amount)
        return row in self.held

    def give(self) -> None:
        while self.status == "live" and self.line and self.sum < CAP:
            row, name, amount = self.line.pop(0)
            self.hold(row, name, min(amount, CAP - self.sum))

    def go_back(self, *rows: Any) -> None:
        for row in rows:
            name, amount = self.held.pop(row)
            self.purse[name] += amount

    @property
    def settled(self) -> bool:
        """Whether its money is in the bank and its income distributed: before that it doesn't end."""
        return not self.at_work and not self.pool

    def close(self) -> None:
        self.status, self.line = "closed", []
        self.put = dict(self.held)

    def share(self, amount: Decimal) -> list[Decimal]:
        parts = self.held if self.sum else self.put
        return rules.shares(amount, [part for _, part in parts.values()], exponent=2)

    def distribute(self, amount: Decimal) -> None:
        self.pool -= amount
        for (name, _), part in zip(self.put.values(), self.share(amount), strict=True):
            self.purse[name] += part

    def lose(self, amount: Decimal) -> None:
        parts = zip(self.held.items(), self.share(amount), strict=True)
        self.held = {row: (name, held - part) for (row, (name, held)), part in parts}


class Sequence:
    """The same verbs on the platform and on the model; what the one refuses, the other refuses."""

    def __init__(self, world: World, said: Counter[str]) -> None:
        self.world, self.said, self.model = world, said, Model()
        self.offer = world.offer(minimum_ticket=TICKET, target=TARGET)
        self.people = {name: world.investor(name, self.offer, str(PURSE)) for name in NAMES}

    def attempt(self, verb: str, act: Callable[[], Any], *, expected: bool) -> Any:
        try:
            done = act()
        except DomainError as refusal:
            assert not expected, (verb, refusal.code, refusal.facts)
            self.said[f"{verb} refused"] += 1
            return None
        assert expected, f"{verb} should have been refused"
        self.said[verb] += 1
        return done

    def steered(self, verb: str, act: Callable[..., Any], *, expected: bool) -> bool:
        given = {"by": self.world.officers[0], "reason": "as agreed", "now": self.world.now}
        return self.attempt(verb, lambda: act(self.offer.pk, **given), expected=expected) is not None

    def approved(self, verb: str, act: Callable[..., Any], *, expected: bool, **asked: Any) -> bool:
        """Ask and approve."""
        given = {"by": self.world.officers[0], "reason": "as agreed", "now": self.world.now, **asked}
        return bool(
            self.attempt(verb, lambda: self.world.approve(act(self.offer.pk, **given)), expected=expected) is not None
        )

    # Investors

    def invest(self, place: int, size: int) -> None:
        name, amount, waits = NAMES[place % 4], Decimal(size * 37), size % 3 > 0
        row = uuid4()
        expected = self.model.invest(row, name, amount, waits=waits)
        done = self.attempt(
            "invest",
            lambda: self.world.invest(self.people[name], self.offer, str(amount), join_waiting_list=waits),
            expected=expected,
        )
        if done is not None:
            self.model.held = {done.pk if key == row else key: value for key, value in self.model.held.items()}
            self.model.line = [(done.pk if key == row else key, who, much) for key, who, much in self.model.line]

    def withdraw(self, place: int, _: int) -> None:
        if not self.model.held:
            return
        row = OfferInvestment.objects.get(pk=list(self.model.held)[place % len(self.model.held)])
        assert row.reflects_until is not None
        may = self.model.status in ("live", "paused") and self.world.now < row.reflects_until
        take_back = lambda: services.withdraw(row.pk, investor=row.investor, now=self.world.now)  # noqa: E731
        if self.attempt("withdraw", take_back, expected=may):
            self.model.go_back(row.pk)

    def leave(self, place: int, size: int) -> None:
        """Mostly somebody who waits, if anybody does."""
        line = self.model.line
        name = line[place % len(line)][1] if line and size > 5 else NAMES[place % 4]
        waits = name in {one for _, one, _ in self.model.line}
        go = lambda: services.leave_line(self.offer.pk, investor=self.people[name], now=self.world.now)  # noqa: E731
        if self.attempt("leave", go, expected=waits):
            self.model.line = [one for one in self.model.line if one[1] != name]

    def give(self, *_: int) -> None:
        services.give_places(self.offer.pk, now=self.world.now)
        self.model.give()
        self.said["give"] += 1

    # Officers

    def pause(self, *_: int) -> None:
        if self.steered("pause", services.pause_offer, expected=self.model.status == "live"):
            self.model.status = "paused"

    def resume(self, *_: int) -> None:
        if self.steered("resume", services.resume_offer, expected=self.model.status == "paused"):
            self.model.status = "live"

    def close(self, *_: int) -> None:
        reflects = self.offer.investments.reflecting(self.world.now).exists()
        may = self.model.status in ("live", "paused") and not reflects and self.model.sum >= TARGET
        if self.steered("close", services.close_offer, expected=may):
            self.model.close()

    def fail(self, *_: int) -> None:
        may = self.model.status in ("live", "paused", "closed") and self.model.settled
        if self.approved("fail", services.request_failure, expected=may):
            self.end("failed")

    def mature(self, *_: int) -> None:
        closed, day = self.model.status == "closed", self.offer.maturity_date
        repay = lambda: services.mature_offer(self.offer.pk, on=day, now=self.world.now)  # noqa: E731
        if closed and not self.model.settled:
            self.attempt("mature", repay, expected=False)
            return
        assert self.attempt("mature", repay, expected=True) is closed
        if closed:
            self.end("matured")

    def end(self, status: str) -> None:
        self.model.go_back(*list(self.model.held))
        self.model.status, self.model.line = status, []

    def distribute(self, _: int, size: int) -> None:
        """Now and then all of it, as before an end."""
        amount = self.model.pool if size > 15 and self.model.pool else size * size * size * UNIT
        may = bool(self.model.put) and self.model.pool >= amount
        verb = "distribute" if self.model.status == "closed" else "distribute late"
        if self.approved(verb, services.request_distribution, expected=may, amount=amount):
            self.model.distribute(amount)

    def fill(self) -> None:
        """Let everybody invest, and close."""
        for place in range(4):
            self.invest(place, 8)
        self.wait(4, 0)
        self.close()

    # The treasury

    def earn(self, _: int, size: int) -> None:
        """Of an offer that has closed, and even after it has ended."""
        if not self.model.put:
            return
        self.world.fill_pool(self.offer, str(size))
        self.model.pool += size
        self.said["earn" if self.model.status == "closed" else "earn late"] += 1

    def work(self, _: int, size: int) -> None:
        amount = Decimal(size * 11) if size < 20 else self.model.sum - self.model.at_work
        may = amount > 0 and self.model.status == "closed" and self.model.at_work + amount <= self.model.sum
        if self.attempt("work", lambda: self.world.put_to_work(self.offer, str(amount)) or True, expected=may):
            self.model.at_work += amount

    def come_back(self, *_: int) -> None:
        if self.model.at_work:
            self.world.bring_back(self.offer, str(self.model.at_work))
            self.model.at_work = Decimal(0)
            self.said["come back"] += 1

    def lose(self, _: int, size: int) -> None:
        """Write down what is at work, or a part, and share the loss; more of it than there is can't be shared."""
        amount = min(size * size * UNIT, self.model.at_work) if size < 20 else self.model.at_work
        if amount:
            self.world.write_down(self.offer, str(amount))
            self.approved("lose", services.request_loss, expected=False, amount=amount + UNIT)
            self.approved("lose", services.request_loss, expected=True, amount=amount)
            self.model.lose(amount)
            self.model.at_work -= amount
            self.said["all lost"] += not self.model.sum

    # Time

    def wait(self, place: int, _: int) -> None:
        if self.world.day + timedelta(days=4) < self.offer.deadline:
            self.world.later(timedelta(days=place % 5))
            self.said["wait"] += 1

    def end_gathering(self, *_: int) -> None:
        """What the close of the last day does, unless somebody reflects."""
        reflects = self.offer.investments.reflecting(self.world.now).exists()
        gathers = self.model.status in ("live", "paused") and not reflects
        ended = services.end_gathering(self.offer.pk, on=self.offer.deadline, now=self.world.now)
        assert ended == (("closed" if self.model.sum >= TARGET else "failed") if gathers else None)
        if ended == "closed":
            self.model.close()
        elif ended == "failed":
            self.end("failed")
        self.said[f"end_gathering {ended}"] += 1

    def agrees(self) -> None:
        """Hold rows and ledger against the model."""
        offer, model = Offer.objects.get(pk=self.offer.pk), self.model
        line = list(offer.investments.in_line().values_list("pk", flat=True))
        assert (offer.status, line) == (model.status, [row for row, _, _ in model.line])
        is_principal = model.status == "closed"
        locked = dict.fromkeys(NAMES, Decimal(0))
        for name, amount in model.held.values():
            locked[name] += 0 if is_principal else amount
        purses = {name: wallet(person) for name, person in self.people.items()}
        assert purses == {name: (model.purse[name], locked[name]) for name in NAMES}
        principal = {row: amount for row, (_, amount) in model.held.items()} if is_principal else {}
        rows = dict(offer.investments.filter(principal__gt=0).values_list("pk", "principal"))
        assert rows == {row: amount for row, amount in principal.items() if amount}
        pool = accounts.open_account("returns_pool", "AED", scope=offer.scope)
        assert pool.live_balance == model.pool
        if offer.status in ("live", "paused"):
            assert offer.committed_amount == model.sum == offer.investments.holding().accepted()


GATHERING = ("invest", "invest", "invest", "withdraw", "leave", "give", "give", "pause", "resume", "wait", "wait")
VERBS = (
    *GATHERING,
    *GATHERING,
    "resume",
    "close",
    "close",
    "close",
    "end_gathering",
    "fail",
    "mature",
    "work",
    "lose",
    "come_back",
)
CLOSED = ("distribute", "distribute", "earn", "work", "lose", "come_back", "mature", "fail", "withdraw", "invest")
LATE = ("earn", "distribute", "distribute", "work", "mature", "fail")


def verb_for(sequence: Sequence, dice: random.Random) -> str:
    """Draw a verb; of an offer that has closed mostly those that are for it."""
    if sequence.model.status == "closed" and dice.random() < 0.9:
        return dice.choice(CLOSED[: 6 if dice.random() < 0.7 else None])
    if sequence.model.put and sequence.model.status != "closed":
        return dice.choice(LATE)
    return dice.choice(VERBS)


@pytest.mark.parametrize("begins", ["live", "closed"])
def test_any_sequence_agrees_with_the_model(world: World, begins: str) -> None:
    said: Counter[str] = Counter()
    noon = world.now

    @sequences(12)
    @given(seed=st.integers(0, 2**32))
    def play(seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311
        world.now = noon
        with undone(), named(f"seed {seed}"):
            sequence = Sequence(world, said)
            sequence.agrees()
            if begins == "closed":
                sequence.fill()
            for _ in range(40):
                verb = verb_for(sequence, dice)
                getattr(sequence, verb)(dice.randint(0, 30), dice.randint(1, 25))
                sequence.agrees()
            assert broken() == []

    play()
    done = {"invest", "withdraw", "leave", "give", "pause", "resume", "close", "fail", "mature", "distribute", "lose"}
    late = {"earn", "distribute", "lose", "mature", "earn late", "distribute late"}
    assert (done if begins == "live" else late) <= said.keys(), said


@pytest.mark.parametrize(("currency", "exponent"), [("XOF", 0), ("AED", 2), ("BTC", 8)])
def test_shares_are_what_the_rules_say(world: World, currency: str, exponent: int) -> None:
    """Of any principals and any amount: the database's arithmetic is that of `rules.shares`, to the unit."""
    unit = Decimal(1).scaleb(-exponent)
    offer = world.offer(currency=currency, max_amount=Decimal(10**9))
    ana = world.investor("Ana", offer, "0")

    @sequences(60)
    @given(
        principals=st.lists(st.integers(1, 10**12), min_size=1, max_size=30),
        amount=st.integers(1, 10**13),
        scale=st.integers(0, 12),
    )
    def play(principals: list[int], amount: int, scale: int) -> None:
        held = [(1 + principal // 10**scale) * unit for principal in principals]
        shared = (1 + amount // 10**scale) * unit
        with undone():
            put(offer, ana, held, world)
            _, given_to = deeds.shared_among(offer, shared, first=len(held))
            expected = rules.shares(shared, held, exponent=exponent)
            assert [row.amount for row in given_to] == expected
            assert sum(expected) == shared
            assert deeds.share(offer, shared).largest == max(expected)

    play()


def put(offer: Offer, investor: Any, principals: list[Decimal], world: World) -> None:
    """Write committed investments, past the services."""
    OfferInvestment.objects.bulk_create(
        OfferInvestment(
            offer=offer,
            investor=investor,
            status="committed",
            requested_amount=principal,
            accepted_amount=principal,
            principal=principal,
            disclosure_version="2026-06",
            operation_id=uuid4(),
            asked_at=world.now,
            reserved_at=world.now,
            reflects_until=world.now,
        )
        for principal in principals
    )
