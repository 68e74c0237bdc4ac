"""`invest_1`, `invest_16`: investing in one capped offer. `distribute_100k`: sharing income among its investors."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import psycopg
from uuid_utils.compat import uuid7

from benchmarks import crowd, limits
from benchmarks.cases.day import PLENTY
from benchmarks.figures import Figure, interleave, keyed_rate, seconds, short
from benchmarks.server import Bench

SECONDS = {"small": 1.0, "full": 10.0}
INVESTORS = {"small": 10_000, "full": 100_000}
ELSEWHERE = 10_000  # investments in another offer: plans and indexes are those of a platform that has been running
CONNECTIONS = 16
PEOPLE = 320  # the connections act for all of them in turn, each for its own
AMOUNT = Decimal(100)
CAP = Decimal(10) ** 9
SHARED = Decimal("123456.78")
SHARINGS = 7  # one takes seconds, and differs from the next by half in a bad hour

Invest = Callable[[int, str], Decimal]
"""Invests for this investor, by this key; returns what was accepted."""


def measure(bench: Bench, size: str) -> Iterator[Figure]:
    yield from _investing(bench, SECONDS[size])
    yield _distributing(bench, INVESTORS[size])


def _investing(bench: Bench, lasting: float) -> Iterator[Figure]:
    from offers.models import Offer, OfferInvestment
    from offers.tests.worlds import World

    bench.renew()
    world = World()
    offer = world.offer(max_amount=CAP)
    people = [world.investor(f"Ana {number}", offer, "1000000000") for number in range(PEOPLE)]
    with bench.admin() as admin:
        crowd.invest(admin, world.offer(code="mill", max_amount=CAP), ELSEWHERE)
        admin.execute(limits.whole("invest"))
        admin.execute("VACUUM (ANALYZE)")
    ours, bare = _ours(world, offer, people), _bare(world, offer, people)
    for connections in (1, CONNECTIONS):
        pair = interleave(partial(_rate, ours, connections, lasting), partial(_rate, bare, connections, lasting))
        committed = Offer.objects.get(pk=offer.pk).committed_amount
        accepted = OfferInvestment.objects.of(offer).holding().accepted()
        if not accepted == committed <= CAP:
            raise SystemExit(f"fiducia: {committed} are committed, {accepted} were accepted, {CAP} is the cap")
        yield Figure(
            f"invest_{connections}", pair.ours, "investments/s", pair.limit, pair.ratio, 0.5, at_most=False,
            beside="what is committed was compared with what was accepted",
        )  # fmt: skip


class _Key:
    """What a request's key leaves on the row that it makes."""

    def __init__(self, key: str) -> None:
        self.key = key

    def columns(self) -> dict[str, Any]:
        return {
            "request_method": "POST",
            "request_path": "/invest",
            "request_key": self.key,
            "request_fingerprint": bytes(32),
        }


def _ours(world: Any, offer: Any, people: list[Any]) -> Invest:
    def invest(who: int, key: str) -> Decimal:
        row = world.invest(people[who], offer, "100", key=_Key(key))
        accepted: Decimal = row.accepted_amount
        return accepted

    return invest


def _bare(world: Any, offer: Any, people: list[Any]) -> Invest:
    from django.db import connection, transaction

    from ledger import accounts

    wallets = [accounts.wallet(person, offer.currency) for person in people]
    call = f"SELECT bare_invest({', '.join(['%s'] * 12)})"

    def invest(who: int, key: str) -> Decimal:
        wallet, person = wallets[who], people[who]
        given = [
            uuid7(),
            offer.pk,
            person.pk,
            AMOUNT,
            wallet.available.pk,
            wallet.locked.pk,
            offer.currency,
            world.day,
            world.now,
            world.now + timedelta(days=4),
            offer.disclosure_version,
            key,
        ]
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute(call, given)
            (accepted,) = cursor.fetchone()
        return Decimal(accepted)

    return invest


def _rate(invest: Invest, connections: int, lasting: float) -> float:
    """Invest from so many threads for so many seconds; return how many investments were made a second."""
    turns = [itertools.cycle(range(place, PEOPLE, connections)) for place in range(connections)]

    def invest_next(place: int, key: str) -> None:
        if invest(next(turns[place]), key) != AMOUNT:
            raise SystemExit("fiducia: an offer with plenty left accepted less than was asked for")

    return keyed_rate(invest_next, clients=connections, lasting=lasting)


def _distributing(bench: Bench, investors: int) -> Figure:
    from offers import services
    from offers.models import Offer
    from offers.services import accounts
    from offers.tests.worlds import World

    bench.renew()
    world = World()
    offer = world.offer(max_amount=CAP)
    world.invest(world.investor("Ana", offer), offer, "1000")
    world.later()
    offer = services.close_offer(offer.pk, by=world.officers[0], reason="full", now=world.now)
    world.fill_pool(offer, "1")
    pool, due = accounts.pool(offer), accounts.due(offer)
    with bench.admin() as admin:
        crowd.invest(admin, offer, investors - 1)
    with bench.admin() as admin:
        admin.execute("UPDATE ledger_account SET credits = %s WHERE id = %s", [PLENTY, pool.pk])
        bare = limits.parts("distribute")
        for statement in filter(str.strip, bare["setup"].split(";")):
            admin.execute(statement)
        admin.execute(bare["function"])
        admin.execute("UPDATE bare_account SET credits = %s WHERE id IN (%s, %s)", [PLENTY, pool.pk, due.pk])
        admin.execute("VACUUM (ANALYZE)")
        given = {
            "offer": offer.pk,
            "amount": SHARED,
            "unit": Decimal("0.01"),
            "currency": offer.currency,
            "pool": pool.pk,
            "due": due.pk,
            "day": world.day,
        }

        def distribute() -> float:
            asked = services.request_distribution(
                offer.pk, amount=SHARED, by=world.officers[0], reason="rent", now=world.now
            )
            return seconds(lambda: world.approve(asked))

        def share() -> float:
            return seconds(lambda: _execute(admin, bare["share"], {**given, "deed": uuid7()}))

        pair = interleave(distribute, share, runs=SHARINGS)
    assert Offer.objects.get(pk=offer.pk).deeds.count() == SHARINGS
    return Figure(
        f"distribute_{short(investors)}", pair.ours, "s", pair.limit, pair.ratio, 1.6, at_most=True,
        beside="from the approval to the last wallet",
    )  # fmt: skip


def _execute(admin: psycopg.Connection, statement: str, given: dict[str, Any]) -> None:
    admin.execute(statement, given)
