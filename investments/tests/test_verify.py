"""What verify_ledger finds of investments, when the owner's role changed a row with the triggers off."""

from __future__ import annotations

from decimal import Decimal

import psycopg
import pytest
from django.db import connections

from config.embedded.places import place
from config.embedded.postgres import Postgres
from investments import earned, services
from investments import verify as investing
from investments.models import Position
from investments.tests.closing import close, fill_pool
from investments.tests.worlds import World, available
from ledger import verify
from tests.people import make_investor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world():
    """Basic through June with a pool that suffices, beside a plan; a top-up, a pause and a withdrawal on the way."""
    world = World()
    fill_pool(world, "basic", "1000")
    ana = make_investor("Ana", kyc_level=1)
    world.ana = ana
    world.position = world.open(ana, "basic", "200")
    world.open(ana, "stake-30", "100")
    close(world, 9)
    world.pay_in(ana, "50")
    services.fund_position(world.position.pk, owner=ana, amount=Decimal(50), now=world.now)
    services.pause(world.position.pk, owner=ana, now=world.now)
    close(world, 5)
    services.resume(world.position.pk, owner=ana, now=world.now)
    services.withdraw(world.position.pk, owner=ana, amount=Decimal(100), now=world.now)
    close(world, 17)
    return world


def test_a_month_of_everything_verifies_and_what_was_changed_is_named(world):
    standing = earned.of_one(Position.objects.select_related("version__product", "product").get(pk=world.position.pk))
    # 200 for 9 days (2 to 10 June), nothing while paused, 150 for 15 days (16 to 30 June), at 25 % over 30 days.
    assert standing.paid == Decimal("33.75")
    assert available(world.ana) == Decimal("133.75")
    # The first of July at 150: 37.50 over 31 days.
    assert (standing.owed, standing.accrued.quantize(Decimal("1e-9"))) == (0, Decimal("1.209677419"))

    found = {name: list(check()) for name, check in verify.checks().items() if name in investing.CHECKS}
    assert found == {name: [] for name in investing.CHECKS}
    with psycopg.connect(_administrator()) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.commit()
        for sql, names in CHANGES.items():
            owner.execute(sql)
            assert {name for name, check in investing.CHECKS.items() if owner.execute(check).fetchone()} == names, sql
            owner.rollback()


CHANGES = {
    "UPDATE investments_position SET principal = 151, deposited = 251 WHERE product_id = "
    "(SELECT id FROM investments_product WHERE code = 'basic')": {"principal of positions"},
    "UPDATE investments_positionterm SET principal = 151 WHERE to_on IS NULL": {"principal of positions", "accruals"},
    "DELETE FROM investments_positionterm WHERE from_on = '2026-06-11'": {"terms of positions"},
    "UPDATE investments_productversion SET rate = rate * 2": {"rates of positions"},
    "UPDATE investments_accrual SET amount = amount + 1 WHERE day = '2026-06-05'": {"accruals", "settlements"},
    "DELETE FROM investments_accrual WHERE day = '2026-06-20'": {"missing accruals", "settlements"},
    "UPDATE investments_settlement SET accrued_to_date = accrued_to_date + 1": {"settlements"},
    "UPDATE investments_settlement SET amount = amount - 1 WHERE amount > 1": {"settlements", "paid settlements"},
    "DELETE FROM investments_settlement WHERE due_on = '2026-06-30'": {"paid settlements"},
    "UPDATE ledger_account SET credits = credits + 1 WHERE kind = 'returns_due' AND subject = '0'": {"returns due"},
    "UPDATE investments_settlementslice SET done_at = NULL": {"paid settlements", "returns due"},
    "INSERT INTO investments_exitrequest (id, position_id, product_id, kind, status, amount, asked_at) "
    "SELECT uuidv7(), id, product_id, 'withdrawal', 'waiting', principal + 1, now() FROM investments_position": {
        "exits in line"
    },
}


def _administrator() -> str:
    """The server's own way in: nothing but switched-off triggers lets these rows be changed."""
    server = Postgres(place("test-postgres"), durable=False)
    return server.url("admin", connections["owner"].settings_dict["NAME"])
