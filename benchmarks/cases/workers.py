"""`close_day_two_workers`: the whole close of a day of many positions in ten products, two workers beside one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg

from benchmarks import crowd
from benchmarks.cases.day import PLENTY
from benchmarks.figures import Figure, interleave, seconds
from benchmarks.server import Bench
from config.embedded.places import PROJECT

PRODUCTS = 10
POSITIONS = {"small": 100_000, "full": 1_000_000}

# Copies of a product that pays every day, and of its active version.
_PRODUCT = """
INSERT INTO investments_product
SELECT (jsonb_populate_record(p, jsonb_build_object('id', uuidv7(), 'code', p.code || '-' || n))).*
FROM investments_product p CROSS JOIN generate_series(1, %(copies)s) AS n WHERE p.id = %(product)s
"""
_VERSION = """
INSERT INTO investments_productversion
SELECT (jsonb_populate_record(v, jsonb_build_object('id', uuidv7(), 'product_id', p.id))).*
FROM investments_productversion v JOIN investments_product p ON p.code LIKE %(code)s || '-%%'
WHERE v.id = %(version)s
"""


# What the bank holds: as much as the books owe, so that coverage adds up.
_CASH = """
WITH posted AS (
    INSERT INTO ledger_transaction (kind, key, fingerprint, moves, effective_on, memo)
    VALUES ('deposit', 'bench:cash', sha256(''), 1, %(day)s::date, '') RETURNING id
)
INSERT INTO ledger_transfer (transaction_id, line, debit_account_id, credit_account_id, currency_id, amount, booked_on)
SELECT posted.id, 1, %(cash)s::uuid, (SELECT id FROM ledger_account WHERE kind = 'returns_pool' LIMIT 1),
       %(currency)s::text, (SELECT sum(credits - debits) FROM ledger_account WHERE currency_id = %(currency)s::text),
       %(day)s::date
FROM posted
"""


def measure(bench: Bench, size: str) -> Iterator[Figure]:
    positions = POSITIONS[size]
    platform = _Platform(bench, positions)
    with _worker(2):
        platform.close_day()  # the first settlement finds nobody's row of the day before
    pair = interleave(lambda: platform.timed(2), lambda: platform.timed(1))
    yield Figure(
        "close_day_two_workers", pair.ours, "s", pair.limit, pair.ratio, 0.7, at_most=True,
        beside=f"{positions:,} positions in {PRODUCTS} products; the limit is one worker",
        judged=size == "full",
    )  # fmt: skip


class _Platform:
    """Ten products with full pools, and their positions; its days are closed by the command."""

    def __init__(self, bench: Bench, positions: int) -> None:
        from investments.models import ProductVersion
        from investments.tests.worlds import World

        bench.renew()
        self.world = World()
        version = ProductVersion.objects.active().filter(payout="daily").order_by("product__code")[0]
        with bench.admin() as admin:
            versions = _copies(admin, version)
            crowd.seat(admin, versions, positions)
        cash = _open_accounts([one.product for one in versions])
        currency = version.product.currency
        with bench.admin() as admin:
            admin.execute("UPDATE ledger_account SET credits = %s WHERE kind = 'returns_pool'", [PLENTY])
            admin.execute(_CASH, {"cash": cash, "currency": currency, "day": self.world.day})
            admin.execute("VACUUM (ANALYZE)")

    def close_day(self) -> None:
        day = self.world.day
        command = [sys.executable, "manage.py", "close_day", "--until", day.isoformat(), "--workers"]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"fiducia: close_day of {day} failed:\n{done.stdout}\n{done.stderr}")
        self.world.day += timedelta(days=1)

    def timed(self, workers: int) -> float:
        with _worker(workers):
            return seconds(self.close_day)


def _copies(admin: psycopg.Connection, version: Any) -> list[Any]:
    from investments.models import ProductVersion

    product = version.product
    admin.execute(_PRODUCT, {"copies": PRODUCTS, "product": product.pk})
    admin.execute(_VERSION, {"code": product.code, "version": version.pk})
    copies = ProductVersion.objects.filter(product__code__startswith=f"{product.code}-").select_related("product")
    return list(copies.order_by("product__code"))


def _open_accounts(products: list[Any]) -> UUID:
    """The pools, and the bank's account, which is returned."""
    from django.db import transaction

    from ledger import accounts

    with transaction.atomic():
        for product in products:
            accounts.open_account("returns_pool", product.currency, scope=product.scope)
        return accounts.open_account("cash", products[0].currency, scope="bank").pk


@contextmanager
def _worker(processes: int) -> Iterator[None]:
    """A Celery worker with so many processes, ready to work."""
    from config.celery import app

    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "--concurrency", str(processes)]
    with subprocess.Popen([*command, "--loglevel", "ERROR"], cwd=PROJECT, stdout=subprocess.DEVNULL) as process:
        try:
            for _ in range(60):
                if app.control.ping(timeout=0.5):
                    break
            else:
                raise SystemExit("fiducia: the worker doesn't answer")
            yield
        finally:
            process.terminate()
            process.wait(60)
