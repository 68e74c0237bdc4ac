"""What the database refuses of deposits, credits and methods, whoever writes; raw SQL as the application's role."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.db import Error as DatabaseError
from django.db import connection, transaction

from ledger import chart
from payments import seeds
from payments.models import BankCredit, Deposit, PaymentMethod
from payments.tests.conftest import Desk, books


def refused(sql: str, *parameters: object) -> str:
    """Run a statement that must fail; return the guard's code, the constraint's name or the SQLSTATE."""
    before = books()
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
    assert books() == before
    cause = caught.value.__cause__
    guard = re.match(r"([a-z-]+): ", cause.diag.message_primary or "")
    return guard[1] if guard and cause.sqlstate.startswith("FI") else cause.diag.constraint_name or cause.sqlstate


NO_RIGHT = "42501"


@pytest.mark.parametrize(
    ("sql", "by"),
    [
        ("UPDATE payments_paymentmethod SET instructions = '{}'", NO_RIGHT),
        ("INSERT INTO payments_paymentmethod (code) VALUES ('mine')", NO_RIGHT),
        ("DELETE FROM payments_paymentmethod", NO_RIGHT),
        ("UPDATE payments_deposit SET amount = 1000000", NO_RIGHT),
        ("UPDATE payments_deposit SET investor_id = investor_id", NO_RIGHT),
        ("DELETE FROM payments_deposit", NO_RIGHT),
        ("TRUNCATE payments_deposit CASCADE", NO_RIGHT),
        ("UPDATE payments_bankcredit SET amount = 1000000", NO_RIGHT),
        ("UPDATE payments_bankcredit SET evidence_id = gen_random_uuid()", NO_RIGHT),
        ("DELETE FROM payments_bankcredit", NO_RIGHT),
        ("UPDATE payments_deposit SET status = 'pending'", "payments_deposit_credited_iff_confirmed"),
        ("UPDATE payments_deposit SET arrived_amount = 0", "payments_deposit_credited_iff_confirmed"),
        ("UPDATE payments_deposit SET status = 'lost'", "payments_deposit_credited_iff_confirmed"),
        ("UPDATE payments_bankcredit SET deposit_id = NULL", "payments_credit_pays_a_deposit"),
        ("UPDATE payments_bankcredit SET status = 'returned'", "payments_credit_returned_by_a_transaction"),
        ("UPDATE payments_bankcredit SET status = 'gone'", "payments_credit_status"),
    ],
)
def test_what_the_application_may_not_do(desk: Desk, sql: str, by: str) -> None:
    desk.confirm(desk.announce())
    assert refused(sql) == by


def test_a_deposit_is_not_confirmed_by_an_update(desk: Desk) -> None:
    desk.announce()
    assert refused("UPDATE payments_deposit SET status = 'confirmed'") == "payments_deposit_credited_iff_confirmed"


def test_one_transaction_confirms_one_deposit(desk: Desk) -> None:
    first, second = desk.confirm(desk.announce()), desk.announce()
    sql = (
        "UPDATE payments_deposit SET status = 'confirmed', arrived_amount = 100, confirmed_at = now(),"
        " transaction_id = %s WHERE id = %s"
    )
    assert refused(sql, first.transaction_id, second.pk) == "payments_deposit_one_per_transaction"


def test_references_are_unique(desk: Desk) -> None:
    first = desk.announce()
    sql = """
        INSERT INTO payments_deposit (investor_id, method_id, currency_id, amount, reference, status, created_at,
                                      expires_at, position_refusal)
        SELECT investor_id, method_id, currency_id, amount, reference, status, created_at, expires_at, ''
        FROM payments_deposit WHERE id = %s
    """
    assert refused(sql, first.pk) == "payments_deposit_reference_key"


@pytest.mark.parametrize("model", [Deposit, BankCredit])
def test_every_status_has_its_moves(model: type[Deposit | BankCredit]) -> None:
    assert set(model.MOVES) == set(model.Status)
    assert {wanted for moves in model.MOVES.values() for wanted in moves} <= set(model.Status)


def test_what_is_payable_is_what_may_be_confirmed() -> None:
    """Disputed goes back to confirmed as well, but by the dispute's end, not by new money."""
    confirmable = {status for status, wanted in Deposit.MOVES.items() if "confirmed" in wanted}
    assert set(Deposit.PAYABLE) == confirmable - {"disputed"}


def test_methods_come_from_the_file(db: None) -> None:
    methods = {(method.code, method.direction, method.currency_id): method for method in PaymentMethod.objects.all()}
    fiat = {code for code, _, kind in chart.CURRENCIES if kind == "fiat"}
    assert set(methods) == {("bank_transfer", "in", code) for code in fiat}
    assert all(method.is_active and method.cash_scope == "bank" for method in methods.values())


@pytest.mark.django_db(databases=["default", "owner"])
def test_a_method_that_the_file_no_longer_lists_is_not_offered(tmp_path: Path) -> None:
    ours = {"name": "Our bank", "minimum": "5", "maximum": "9", "cash_scope": "bank", "instructions": {"iban": "BJ66"}}
    file = tmp_path / "methods.json"
    file.write_text(json.dumps([{"code": "bank_transfer", "direction": "in", "currency": "USD", **ours}]))
    assert seeds.load(file, using="owner") == 1
    offered = PaymentMethod.objects.using("owner").offered()
    assert [(method.currency_id, method.instructions) for method in offered] == [("USD", {"iban": "BJ66"})]
