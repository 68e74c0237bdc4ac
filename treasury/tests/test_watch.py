"""Alerts of a closed day, and what `verify_ledger` finds in the treasury's rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connections

from ledger import seals
from ledger import verify as ledger
from oversight.models import Alert
from treasury import coverage, services, verify
from treasury.models import Coverage, CoverageDay, TreasuryMovement
from treasury.tests.conftest import Desk
from treasury.tests.test_coverage import cover, worked_example

USD = {"currency": "USD"}


def test_a_currency_under_a_hundred_stays_an_open_alert(desk: Desk) -> None:
    worked_example(desk)
    desk.cover()
    desk.cover()
    alert = Alert.objects.get(kind="treasury.coverage-below")
    assert (alert.title, alert.severity, alert.times_raised) == ("Coverage of USD is 93.9534 %", "critical", 2)
    assert alert.detail == "On 2026-06-02: shortfall 520.00, unconfirmed cash 30.00, unconfirmed deployed 100.00."


def test_a_whole_currency_raises_nothing(desk: Desk) -> None:
    desk.deposit("1000")
    desk.state("1000")
    desk.cover()
    assert not Alert.objects.exists()


def test_a_negative_cash_at_close_raises_an_alert(desk: Desk) -> None:
    desk.deposit("10")
    desk.do(services.request_provider_cost, cash="bank", amount="15", **USD)
    desk.cover()
    alert = Alert.objects.get(kind="treasury.cash-negative")
    assert alert.title == "The books show bank overdrawn in USD"
    assert alert.detail == "-5.00 USD at the end of 2026-06-01."


def test_rows_as_they_were_written_have_no_breaks(desk: Desk) -> None:
    worked_example(desk)
    wrong = desk.do(services.request_bank_interest, cash="bank", amount="80", **USD)
    desk.do(services.request_reversal, movement_id=wrong.pk)
    row = desk.cover(cover())
    seals.seal_day(row.day_id, coverage_sha256=coverage.digest(row.day_id))
    assert list(verify.changed_coverage()) == []
    assert list(verify.unmatched_movements()) == []
    assert {"coverage", "treasury movements"} <= set(ledger.checks())


def as_owner(statement: str, table: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement)
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_what_was_changed_with_triggers_off_is_found_and_named(desk: Desk) -> None:
    worked_example(desk)
    row = desk.cover(cover())
    seals.seal_day(row.day_id, coverage_sha256=coverage.digest(row.day_id))
    as_owner("UPDATE treasury_coverage SET ratio = 1", Coverage._meta.db_table)
    assert list(verify.changed_coverage()) == ["the coverage of 2026-06-01 isn't what was stored"]
    header = CoverageDay.objects.get()
    forged = coverage.recompute_digest(header).hex()
    as_owner(f"UPDATE treasury_coverageday SET digest = '\\x{forged}'", CoverageDay._meta.db_table)
    assert list(verify.changed_coverage()) == ["the coverage of 2026-06-01 isn't what was sealed"]

    movement = TreasuryMovement.objects.get(verb="record_income")
    tomorrow = movement.booked_on + timedelta(days=1)
    as_owner(
        f"UPDATE treasury_treasurymovement SET amount = 151, booked_on = '{tomorrow}' WHERE verb = 'record_income'",
        TreasuryMovement._meta.db_table,
    )
    assert list(verify.unmatched_movements()) == [
        f"movement {movement.pk} (record_income) says 151 USD on 2026-06-02, its transaction 150 USD on 2026-06-01",
        f"movement {movement.pk} (record_income) isn't what was approved",
    ]
