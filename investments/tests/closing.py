"""Days as the close plays them, for tests of returns: adjust, accrue, settle, mature, pay exits, open the next."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from django.db import connection, connections, transaction

from investments import accrual, adjustments, partitions, services, settlement
from investments.models import ExitRequest, Position, Product, Settlement
from investments.tests.worlds import World
from ledger import accounts, days, evidence, posting
from ledger.models import Account
from ledger.posting import Move
from oversight.models import ApprovalRequest, Decision


def approved(world: World, kind: str, moves: list[Move]) -> Any:
    """A request of these moves that another officer approved, in rows."""
    request = ApprovalRequest.objects.create(
        verb="test",
        title="test",
        payload_hash=b"",
        moves_hash=posting.moves_hash(kind, moves),
        requested_by=world.officers[0],
        reason="test",
        requested_at=world.now,
        expires_at=world.now + timedelta(days=1),
    )
    Decision.objects.create(request=request, approver=world.officers[1], verdict="approve", at=world.now)
    request.status, request.decided_at = "approved", world.now
    request.save(update_fields=["status", "decided_at"])
    return request.pk


def fill_pool(world: World, code: str, amount: str) -> None:
    """Let the firm pay capital in and put it into a product's pool."""
    product = world.product(code)
    world.references += 1
    with transaction.atomic():
        cash = accounts.open_account("cash", product.currency, scope="bank")
        capital = accounts.open_account("capital", product.currency)
        pool = accounts.open_account("returns_pool", product.currency, scope=product.scope)
        paper = evidence.record(type="statement_line", source="test", reference=f"c-{world.references}", at=world.now)
        for kind, move, behind in (
            ("capital_in", Move(cash, capital, Decimal(amount)), paper),
            ("pool_fund", Move(capital, pool, Decimal(amount)), None),
        ):
            posting.post(
                kind,
                [move],
                key=f"{kind}:{world.references}",
                now=world.now,
                evidence=behind,
                approval=approved(world, kind, [move]),
            )


def after(day: date) -> datetime:
    """A quarter past midnight of the day after: when the close of `day` runs."""
    return datetime.combine(day + timedelta(days=1), time(0, 15), UTC)


def close(world: World, count: int = 1) -> Any:
    """Close `count` days, and return the last settlement's report."""
    report = None
    for _ in range(count):
        day, now = world.day, after(world.day)
        with transaction.atomic():
            partitions.make_partitions(day)
        adjustments.book_corrections(day, now=now)
        accrual.accrue_day(day, now=now)
        report = settlement.settle_day(day, now=now)
        for position_id in list(services.exits.maturing(day)):
            services.exits.mature(position_id, on=day, now=now)
        waiting = ExitRequest.objects.waiting().order_by("product_id")
        for product_id in waiting.values_list("product_id", flat=True).distinct():
            services.exits.pay_exits(product_id, now=now, on=day)
        world.day = day + timedelta(days=1)
        with transaction.atomic():
            days.close(day, now=now)
    return report


def close_until(world: World, last: date) -> Any:
    """Close every day up to and with `last`."""
    return close(world, (last - world.day).days + 1)


def paid(position: Position) -> Decimal:
    """What the ledger credited a position's owner for it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COALESCE(sum(x.amount), 0) FROM ledger_transaction t"
            " JOIN ledger_transfer x ON x.transaction_id = t.id WHERE t.key LIKE %s::text",
            [f"settlement:%:{position.pk}"],
        )
        (amount,) = cursor.fetchone()
    return Decimal(amount)


def latest(position: Position) -> Settlement:
    return Settlement.objects.filter(position=position).order_by("-due_on")[0]


def pool(product: Product) -> Decimal:
    return held("returns_pool", product)


def returns_due(product: Product) -> Decimal:
    return held("returns_due", product)


def held(kind: str, product: Product) -> Decimal:
    found = Account.objects.filter(kind=kind, scope=product.scope)
    return sum((account.live_balance for account in found), Decimal(0))


def past_the_guards(table: str, change: str, *parameters: Any) -> None:
    """Change a row as the tables' owner with the triggers off: what no service and no application role can do."""
    with psycopg.connect(**connections["owner"].get_connection_params(), autocommit=True) as owner:
        owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        owner.execute(change, parameters)
        owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
