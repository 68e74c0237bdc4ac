"""What the database refuses of the treasury's rows, whoever writes: raw SQL as both login roles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import Error as DatabaseError
from django.db import IntegrityError, connections, transaction

from treasury import services
from treasury.models import (
    Asset,
    Coverage,
    CoverageDay,
    CoveragePart,
    ProductCoverage,
    StatementBalance,
    TreasuryMovement,
    Valuation,
)
from treasury.tests.conftest import Desk
from treasury.tests.test_coverage import cover, worked_example

TABLES = {
    Asset: "name = 'other'",
    Valuation: "amount = 1",
    StatementBalance: "amount = 1",
    TreasuryMovement: "amount = 1",
    CoverageDay: "investors = 1",
    Coverage: "ratio = 1",
    CoveragePart: "confirmed = book",
    ProductCoverage: "pool = 1",
}


def refusal(alias: str, statement: str) -> str:
    """Run a statement as that login role; return what refused it."""
    with (
        pytest.raises(DatabaseError) as info,
        transaction.atomic(using=alias),
        connections[alias].cursor() as cursor,
    ):
        cursor.execute(statement)
    return str(info.value)


def attacks(table: str, change: str) -> list[str]:
    return [f"UPDATE {table} SET {change}", f"DELETE FROM {table}"]


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_nothing_that_was_written_changes(desk: Desk) -> None:
    """The application lacks the right; the owner of the tables is refused by the trigger."""
    worked_example(desk)
    desk.cover(cover())
    for model, change in TABLES.items():
        assert model._default_manager.exists()
        table = model._meta.db_table
        for statement in [*attacks(table, change), f"TRUNCATE {table} CASCADE"]:
            assert "permission denied" in refusal("default", statement), statement
        for statement in attacks(table, change):
            assert "append-only" in refusal("owner", statement), statement


def copied(row: Any, **changed: Any) -> Callable[[], Any]:
    """Return the writing of a row like `row` but for its id and what is changed."""
    fields = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if field.name != "id"}
    return lambda: type(row)(**{**fields, **changed}).save(force_insert=True)


def test_rows_that_the_services_would_never_write_are_refused(desk: Desk) -> None:
    asset = worked_example(desk)
    desk.cover(cover())
    movement = TreasuryMovement.objects.get(verb="deploy")
    other = desk.do(services.request_bank_interest, cash="bank", amount="1", currency="USD")
    valuation, row = Valuation.objects.get(), Coverage.objects.get()
    refused = {
        "treasury_movement_four_eyes": copied(movement, approved_by_id=movement.requested_by_id),
        "treasury_movement_amount": copied(movement, amount=0),
        "treasury_movement_counterparty": copied(movement, counterparty_name=""),
        "treasury_movement_reversal": copied(movement, reverses_id=other.pk),
        "treasury_valuation_four_eyes": copied(valuation, approved_by_id=valuation.requested_by_id),
        "treasury_valuation_amount": copied(valuation, amount=-1),
        "treasury_asset_is_one": copied(asset),
        "treasury_asset_scope": copied(asset, scope="costs"),
        "treasury_coverage_adds_up": copied(row, confirmed=row.confirmed + 1),
        "treasury_coverage_balances": copied(row, available=row.available + 1),
        "treasury_coverage_is_one": copied(row),
    }
    for constraint, write in refused.items():
        with pytest.raises(IntegrityError) as info, transaction.atomic():
            write()
        assert constraint in str(info.value)
    for unique in (copied(movement), copied(valuation)):
        with pytest.raises(IntegrityError), transaction.atomic():
            unique()
