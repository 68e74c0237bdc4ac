"""`post_1`, `post_8`, `post_vs_hordak`, `hot_cash_8`: single postings, each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import psycopg

from benchmarks import limits, rival
from benchmarks.figures import Figure, interleave, keyed_rate
from benchmarks.server import DATABASE, Bench

DAY = date(2026, 6, 1)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
AMOUNT = Decimal("1.25")
CONNECTIONS = 8
SECONDS = {"small": 3.0, "full": 4.0}


def measure(bench: Bench, size: str) -> Iterator[Figure]:
    bench.renew()
    accounts = _open_accounts()
    with bench.admin() as admin:
        admin.execute("UPDATE ledger_account SET credits = 1000000000")
        admin.execute(limits.whole("post"))
        admin.execute("VACUUM (ANALYZE)")
    ours, bare = partial(_post, accounts), partial(_bare, accounts)
    lasting = SECONDS[size]
    for connections, target in ((1, 0.65), (CONNECTIONS, 0.6)):
        measured = partial(keyed_rate, clients=connections, lasting=lasting)
        pair = interleave(partial(measured, ours), partial(measured, bare))
        plain = _plain_rate(bench, accounts, connections, lasting)
        yield Figure(
            name=f"post_{connections}",
            value=pair.ours,
            unit="postings/s",
            limit=pair.limit,
            ratio=pair.ratio,
            target=target,
            at_most=False,
            beside=f"the bare function from plain psycopg: {plain:.0f}/s",
        )
    yield _beside_hordak(bench, accounts, lasting)
    yield _hot_cash(lasting)


def _open_accounts() -> list[tuple[Any, Any]]:
    """A shard of `returns_due` and a wallet for each connection."""
    from django.db import transaction

    from ledger import accounts, days
    from tests.people import make_investor

    with transaction.atomic():
        days.open_ledger(DAY)
        shards = accounts.returns_due("product:bench", "USD")
        people = [make_investor(f"Ana{n}", kyc_level=1) for n in range(CONNECTIONS)]
        return [(shards[n], accounts.wallet(person, "USD").available) for n, person in enumerate(people)]


def _post(accounts: Sequence[tuple[Any, Any]], place: int, key: str) -> None:
    from django.db import transaction

    with transaction.atomic(durable=True):
        _post_alone(accounts, place, key)


def _post_alone(accounts: Sequence[tuple[Any, Any]], place: int, key: str) -> None:
    """Post in no other transaction, as `transfer_to` is called: a posting is one statement, so it is its own."""
    from ledger import posting

    debit, credit = accounts[place]
    posting.post("settlement", [posting.Move(debit, credit, AMOUNT)], key=key, now=NOON)


_CALL = "SELECT bare_post(%s, %s, %s, %s, %s, %s, %s, %s)"


def _bare(accounts: Sequence[tuple[Any, Any]], place: int, key: str) -> None:
    from django.db import connection, transaction

    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_CALL, _bare_arguments(*accounts[place], key))
        cursor.fetchone()


def _bare_arguments(debit: Any, credit: Any, key: str) -> list[Any]:
    return ["settlement", key, bytes(32), DAY, debit.pk, credit.pk, "USD", AMOUNT]


def _plain_rate(bench: Bench, accounts: Sequence[tuple[Any, Any]], connections: int, lasting: float) -> float:
    address = bench.postgres.url("app", DATABASE)
    opened = [psycopg.connect(address, autocommit=True, prepare_threshold=1) for _ in range(connections)]

    def post(place: int, key: str) -> None:
        with opened[place].transaction():
            opened[place].execute(_CALL, _bare_arguments(*accounts[place], key)).fetchone()

    try:
        return keyed_rate(post, clients=connections, lasting=lasting)
    finally:
        for connection in opened:
            connection.close()


def _beside_hordak(bench: Bench, accounts: Sequence[tuple[Any, Any]], lasting: float) -> Figure:
    with rival.running(bench) as hordak:
        measured = partial(keyed_rate, clients=1, lasting=lasting)
        alone = partial(_post_alone, accounts)
        pair = interleave(lambda: measured(alone), lambda: hordak("plain", lasting))
        within = measured(partial(_post, accounts))
        covered = hordak("covered", lasting)
    return Figure(
        name="post_vs_hordak",
        value=pair.ours,
        unit="postings/s",
        limit=pair.limit,
        ratio=pair.ratio,
        target=2,
        at_most=False,
        beside=f"the limit is transfer_to, {covered:.0f}/s if asked whether the account covers it;"
        f" ours {within:.0f}/s between BEGIN and COMMIT",
    )


def _hot_cash(lasting: float) -> Figure:
    """Eight connections crediting wallets of their own from one provider's account, over eight from eight."""
    from django.db import transaction

    from ledger import accounts, posting
    from tests.people import make_investor

    with transaction.atomic():
        wallets = [accounts.wallet(make_investor(f"Kofi{n}"), "USD").available for n in range(CONNECTIONS)]
        cash = [accounts.open_account("cash", "USD", scope=f"bank{n}") for n in range(CONNECTIONS)]

    def deposit(hot: bool, place: int, key: str) -> None:
        with transaction.atomic(durable=True):
            posting.post(
                "deposit",
                [posting.Move(cash[0 if hot else place], wallets[place], AMOUNT)],
                key=key,
                now=NOON,
                evidence=_evidence(key),
            )

    measured = partial(keyed_rate, clients=CONNECTIONS, lasting=lasting)
    pair = interleave(partial(measured, partial(deposit, True)), partial(measured, partial(deposit, False)))
    return Figure(
        name="hot_cash_8",
        value=pair.ours,
        unit="deposits/s",
        limit=pair.limit,
        ratio=pair.ratio,
        target=0.7,
        at_most=False,
        beside="the limit posts into eight accounts",
    )


def _evidence(reference: str) -> Any:
    from ledger import evidence

    return evidence.record(type="provider_event", source="bench", reference=reference, at=NOON)
