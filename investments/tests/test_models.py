"""What the database refuses of positions and returns, in raw SQL as the application's login role."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import Error, connection, transaction

from core.errors import from_database
from investments import partitions
from investments.tests.worlds import spans

UUID = "0197a1c0-0000-7000-8000-000000000001"


def refused(sql, *parameters):
    """Run SQL in a savepoint; return what refused it: a guard's code, or the SQLSTATE."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, parameters)
    except Error as error:
        refusal = from_database(error)
        return refusal.facts["guard"] if refusal else error.__cause__.sqlstate
    return None


DENIED, CHECK, EXCLUSION, UNIQUE, GENERATED = "42501", "23514", "23P01", "23505", "428C9"


@pytest.fixture
def position(world, investor):
    position = world.open(investor, "basic", "250")
    partitions.make_partitions(world.day)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO investments_accrual (day, position_id, principal, rate, numerator, denominator, amount) "
            "VALUES ('2026-06-02', %s, 250, 0.25, 1, 30, 2.083333333333333333)",
            [position.pk],
        )
    return position


@pytest.mark.parametrize(
    "table",
    [
        "accrual",
        "accrualadjustment",
        "lateaccrual",
        "productaccrual",
        "settlement",
        "settlementreversal",
        "positionevent",
        "rateceiling",
    ],
)
def test_what_was_written_stays(position, table):
    column = {"accrual": "day", "lateaccrual": "day", "settlement": "due_on", "productaccrual": "day"}.get(table, "id")
    assert refused(f"UPDATE investments_{table} SET {column} = {column}") == DENIED
    assert refused(f"DELETE FROM investments_{table}") == DENIED
    assert refused(f"TRUNCATE investments_{table}") == DENIED


def test_a_partition_is_out_of_reach(position):
    assert refused("DELETE FROM investments_accrual_2026_06") == DENIED
    assert refused("TRUNCATE investments_accrual_2026_06") == DENIED
    insert = "INSERT INTO investments_accrual_2026_06 SELECT * FROM investments_accrual"
    assert refused(insert) == DENIED
    assert refused("CREATE TABLE mine PARTITION OF investments_accrual DEFAULT") == DENIED


def test_a_day_is_accrued_once_and_only_where_there_is_a_partition(position):
    values = "(%s, %s, 1, 1, 1, 1, 1)"
    columns = "(day, position_id, principal, rate, numerator, denominator, amount)"
    insert = f"INSERT INTO investments_accrual {columns} VALUES {values}"
    assert refused(insert, "2026-06-02", position.pk) == UNIQUE
    assert refused(insert, "2031-01-01", position.pk) == CHECK
    with pytest.raises(partitions.PartitionMissing):
        partitions.require_partition(date(2031, 1, 1))
    partitions.require_partition(date(2026, 9, 30))


def test_only_the_function_makes_partitions_and_only_a_few(position):
    """Of years that no other test has closed a day in: what such a test makes stays in its worker's database."""
    assert refused("SELECT investments_make_partitions('2026-06-01', 25)") == "partitions"
    assert partitions.make_partitions(date(2026, 6, 1)) == 0
    assert partitions.make_partitions(date(2041, 6, 1)) == 4
    assert partitions.make_partitions(date(2041, 7, 1)) == 1


def test_terms_do_not_overlap(position):
    insert = (
        "INSERT INTO investments_positionterm (position_id, from_on, to_on, principal, rate, earns) "
        "VALUES (%s, '2026-06-10', '2026-06-12', 1, 1, true)"
    )
    assert refused(insert, position.pk) == EXCLUSION
    assert spans(position) == [(date(2026, 6, 2), None, 250, True)]


def test_what_was_earned_by_never_changes(world, position):
    world.next_day(3)
    update = "UPDATE investments_positionterm SET {} WHERE position_id = %s"
    for change in ("principal = 1", "rate = 1", "earns = false", "to_on = '2026-06-04'"):
        assert refused(update.format(change), position.pk) == "past-terms", change
    assert refused("UPDATE investments_positionterm SET from_on = '2026-06-03'") == DENIED
    assert refused("DELETE FROM investments_positionterm") == DENIED
    insert = (
        "INSERT INTO investments_positionterm (position_id, from_on, to_on, principal, rate, earns) "
        "VALUES (%s, '2026-05-01', '2026-05-03', 1, 1, true)"
    )
    assert refused(insert, position.pk) == "past-terms"
    assert spans(position) == [(date(2026, 6, 2), None, 250, True)]


def test_a_version_keeps_its_terms_and_a_product_its_scope(position):
    assert refused("UPDATE investments_productversion SET rate = 0.01") == "frozen"
    assert refused("UPDATE investments_productversion SET minimum = 1 WHERE status = 'active'") == "frozen"
    assert refused("UPDATE investments_product SET code = 'other' WHERE code = 'basic'") == DENIED
    assert refused("UPDATE investments_product SET currency = 'XOF'") == DENIED


def test_a_position_keeps_its_owner_version_and_sums(position):
    for change in ("owner_id = id", "version_id = id", "product_id = id"):
        assert refused(f"UPDATE investments_position SET {change}") == DENIED
    for change in ("principal = 300", "deposited = 300", "withdrawn = -1", "status = 'cancelled'", "status = 'lost'"):
        assert refused(f"UPDATE investments_position SET {change}") == CHECK, change
    assert refused("UPDATE investments_position SET number = 7") == GENERATED
    assert refused("INSERT INTO investments_position (number) VALUES (7)") == GENERATED


def test_nobody_is_paid_more_than_he_has_earned(position):
    insert = (
        "INSERT INTO investments_settlement (run_id, position_id, due_on, exponent, earned, accrued_to_date, "
        "paid_to_date, amount, overpaid) VALUES (%s, %s, '2026-06-30', 2, 25, 24.99, 25, 25, 0)"
    )
    assert refused(insert, UUID, position.pk) == CHECK


def test_numbers_are_dense_in_order_of_opening(world, investor):
    numbers = [world.open(investor, "basic").number for _ in range(3)]
    assert numbers == list(range(numbers[0], numbers[0] + 3))
