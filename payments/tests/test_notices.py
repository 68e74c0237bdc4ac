"""What Ana hears of her deposits: each fact once, with its figures."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from core.errors import DomainError
from notifications.models import Notification
from oversight import services as oversight
from payments import hooks, signals
from payments.models import BankCredit, Deposit
from payments.services import deposits
from payments.tests.conftest import NOON, Desk


def told(kind: str = "", person=None) -> list[tuple[str, str]]:
    """What was said of deposits, with the amounts."""
    found = Notification.objects.filter(kind__startswith=kind or "deposit_").order_by("pk")
    if person is not None:
        found = found.filter(user=person)
    return [(each.kind, f"{each.facts['amount']} {each.facts['currency']}") for each in found]


def test_a_deposit_that_was_confirmed(desk: Desk) -> None:
    deposit = desk.announce()
    request = desk.record(deposit)
    assert told() == []
    desk.approve(request)
    assert told() == [("deposit_confirmed", "100 USD")]
    one = Notification.objects.get(kind="deposit_confirmed")
    deposit.refresh_from_db()
    assert (one.user, one.key) == (desk.ana, f"{deposit.pk}:{deposit.transaction_id}")
    assert one.facts["reference"] == deposit.shown_reference


def test_a_rejected_record_says_nothing_to_the_investor(desk: Desk) -> None:
    request = desk.record(desk.announce())
    oversight.reject(request.pk, by=desk.lin, now=NOON, note="not on the statement")
    assert told() == []


@pytest.mark.parametrize(("amount", "currency"), [("99.99", "USD"), ("100.00", "EUR")])
def test_what_isnt_what_was_announced(desk: Desk, amount: str, currency: str) -> None:
    deposit = desk.announce()
    desk.approve(desk.record(deposit, amount, currency))
    arrived = f"{Decimal(amount).normalize():f} {currency}"
    assert told() == [("deposit_held", arrived)]
    if currency == "USD":
        desk.approve(desk.allot(BankCredit.objects.get(), deposit))
        assert told() == [("deposit_held", arrived), ("deposit_confirmed", arrived)]


def test_money_of_nobody_tells_nobody(desk: Desk) -> None:
    desk.approve(desk.record_unmatched())
    assert told() == []


def test_a_reversal_and_the_right_money_after_it(desk: Desk) -> None:
    deposit = desk.confirm(desk.announce())
    desk.approve(desk.reverse(deposit))
    assert told() == [("deposit_confirmed", "100 USD"), ("deposit_reversed", "100 USD")]
    desk.confirm(deposit, reference="BANK-0002")
    assert told()[2:] == [("deposit_confirmed", "100 USD")]


def test_those_that_expired_are_told_in_one_statement(desk: Desk) -> None:
    for _ in range(3):
        desk.announce()
    desk.announce("17.50", investor=desk.eve)
    later = NOON + timedelta(days=15)
    assert deposits.expire_deposits(now=later) == 4
    assert told(person=desk.ana) == [("deposit_expired", "100 USD")] * 3
    assert told(person=desk.eve) == [("deposit_expired", "17.5 USD")]
    assert deposits.expire_deposits(now=later) == 0
    assert len(told()) == 4


def test_a_refusal_to_invest_leaves_what_was_said_of_the_deposit(desk: Desk, monkeypatch) -> None:
    def refuse(sender, **_):
        raise DomainError("no")

    monkeypatch.setattr(hooks.owns_position, "providers", [lambda *_: True])
    monkeypatch.setattr(signals.deposit_confirmed, "receivers", [])
    signals.deposit_confirmed.connect(refuse)
    deposit = desk.confirm(desk.announce(position=uuid4()))
    assert (deposit.position_refusal, told()) == ("refused", [("deposit_confirmed", "100 USD")])


def test_what_was_refused_says_nothing(desk: Desk) -> None:
    deposit = desk.confirm(desk.announce())
    with pytest.raises(DomainError):
        desk.record(deposit)
    assert len(told()) == 1 and Deposit.objects.count() == 1
