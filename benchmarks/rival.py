"""django-hordak's `transfer_to`, in a process and a database of its own: neither its apps nor its tables are ours.

`python -m benchmarks.rival` migrates the database that RIVAL_DATABASE_URL names; then, for each line that names so
many seconds, and which way, it posts so long and answers with a line: how many a second. It posts as ours does, on one
connection of the same kind, each transfer in a transaction of its own. `plain` is `transfer_to` alone, which keeps no
balance, knows no key and lets every account be overdrawn; `covered` locks the account and asks its balance first, as
one has to who wants what ours promises.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from config.embedded.places import PROJECT

if TYPE_CHECKING:
    from benchmarks.server import Bench

DATABASE = "bench_hordak"
ADDRESS = "RIVAL_DATABASE_URL"
APPS = ("django.contrib.contenttypes", "django.contrib.auth", "mptt", "hordak")


@contextmanager
def running(bench: Bench) -> Iterator[Callable[[str, float], float]]:
    """Yield what posts `plain` or `covered` for so many seconds and returns how many transfers were posted a second."""
    from tests.database import drop

    with psycopg.connect(bench.postgres.url("admin", "postgres"), autocommit=True) as connection:
        drop(connection, DATABASE)
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER fiducia_owner").format(sql.Identifier(DATABASE)))
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.rival"],
        cwd=PROJECT,
        env=os.environ | {ADDRESS: bench.postgres.url("owner", DATABASE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        requests, answers = process.stdin, process.stdout

        def rate(way: str, lasting: float) -> float:
            print(way, lasting, file=requests, flush=True)
            answer = answers.readline()
            if not answer:
                raise SystemExit("fiducia: django-hordak can't be measured; `make bench` installs it")
            return float(answer)

        yield rate


def main() -> None:
    """Serve: a line with a way and seconds in, a line of transfers a second out."""
    ways = prepare(os.environ[ADDRESS])
    for line in sys.stdin:
        way, seconds = line.split()
        transfer, lasting, count, began = ways[way], float(seconds), 0, time.perf_counter()
        while time.perf_counter() - began < lasting:
            transfer(count)
            count += 1
        print(count / (time.perf_counter() - began), flush=True)


def prepare(address: str) -> dict[str, Callable[[int], object]]:
    """Set Django up for hordak alone and migrate; return the ways to post one transfer between two accounts."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    from config.environment import postgres_url

    options: dict[str, Any] = {"server_side_binding": True, "prepare_threshold": 5}
    settings.configure(
        DATABASES={"default": {**postgres_url(address), "ENGINE": "django.db.backends.postgresql", "OPTIONS": options}},
        INSTALLED_APPS=APPS,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DEFAULT_CURRENCY="USD",
        HORDAK_INTERNAL_CURRENCY="USD",
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    from django.db import transaction
    from hordak.models import Account
    from moneyed import Money

    due, wallet = (Account.objects.create(name=name, type="LI", currencies=["USD"]) for name in ("due", "wallet"))
    amount = Money("1.25", "USD")
    due.transfer_to(wallet, 10**9 * amount)

    def plain(count: int) -> None:
        wallet.transfer_to(due, amount, description=f"settlement:{count}")

    def covered(count: int) -> None:
        with transaction.atomic():
            held = Account.objects.select_for_update().get(pk=due.pk)
            if held.get_balance()["USD"] < amount:
                raise ValueError("the account doesn't cover this amount")
            wallet.transfer_to(held, amount, description=f"settlement:{count}")

    return {"plain": plain, "covered": covered}


if __name__ == "__main__":
    main()
