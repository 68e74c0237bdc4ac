"""Deposits from the announcement to the wallet, and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from core.errors import DomainError, IllegalMove
from ledger.evidence import DuplicateEvidence
from ledger.models import Evidence, Transaction
from ledger.posting import InsufficientBalance
from oversight import audit
from oversight import services as oversight
from oversight.models import Alert, ApprovalRequest, AuditEvent
from payments import hooks, signals
from payments.models import BankCredit
from payments.services import credits, deposits, reversals, suspense
from payments.tests.conftest import NOON, TODAY, Desk, books, document, usd


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch):
    """Connect a listener to deposit_confirmed for one test, in place of the upper rooms' own."""
    connected = []
    monkeypatch.setattr(signals.deposit_confirmed, "receivers", [])
    signals.deposit_confirmed.sender_receivers_cache.clear()

    def connect(listener):
        connected.append(listener)
        signals.deposit_confirmed.connect(listener, weak=False)

    yield connect
    for listener in connected:
        signals.deposit_confirmed.disconnect(listener)


@pytest.fixture
def position():
    """A position of anybody's in USD."""
    known = uuid4()

    def provider(investor, position_id, currency):
        return position_id == known and currency == "USD"

    hooks.owns_position.register(provider)
    yield known
    hooks.owns_position.unregister(provider)


# Announce


def test_an_announced_deposit_waits_for_its_money(desk: Desk) -> None:
    deposit = desk.announce("250.00")
    assert deposit.status == "pending"
    assert deposit.amount == Decimal("250")
    assert deposit.expires_at == NOON + timedelta(days=14)
    assert len(deposit.reference) == 10
    assert Transaction.objects.count() == 0


@pytest.mark.parametrize(
    ("amount", "currency", "error"),
    [
        ("9.99", "USD", deposits.AmountOutsideMethod),
        ("1000000.01", "USD", deposits.AmountOutsideMethod),
        ("100", "USDT", deposits.MethodUnavailable),
        ("100000", "NGN", deposits.MethodUnavailable),  # Ana lives in Benin
    ],
)
def test_what_the_method_does_not_take(desk: Desk, amount: str, currency: str, error: type[DomainError]) -> None:
    before = books()
    with pytest.raises(error):
        desk.announce(amount, currency)
    assert books() == before


def test_a_position_that_is_not_the_investors_is_unknown(desk: Desk, position) -> None:
    before = books()
    with pytest.raises(deposits.UnknownPosition):
        desk.announce(position=uuid4())
    with pytest.raises(deposits.UnknownPosition):
        desk.announce("1000", "XOF", position=position)
    assert books() == before
    assert desk.announce(position=position).position_id == position


# Confirm


def test_two_officers_put_the_money_into_the_wallet(desk: Desk) -> None:
    deposit = desk.announce()
    request = desk.record(deposit, value_on=date(2026, 5, 29))
    assert desk.available() == 0
    desk.approve(request)

    deposit.refresh_from_db()
    assert (deposit.status, deposit.arrived_amount) == ("confirmed", Decimal(100))
    assert (deposit.confirmed_at, deposit.value_on) == (NOON, date(2026, 5, 29))
    assert (desk.available(), desk.cash(), desk.suspense()) == (100, 100, 0)
    posted = Transaction.objects.get(pk=deposit.transaction_id)
    assert posted.key == "deposit:cash:bank:USD:BANK-0001"
    assert (posted.kind, posted.effective_on) == ("deposit", TODAY)  # the value date is for information alone
    assert posted.approval_id == request.pk
    assert (posted.evidence.type, posted.evidence.source, posted.evidence.reference) == (
        "document",
        "bank",
        "BANK-0001",
    )
    with posted.evidence.file.open("rb") as kept:
        assert kept.read() == document().read()


def test_what_is_approved_is_what_was_recorded(desk: Desk) -> None:
    request = desk.record(desk.announce())
    assert ["Arrived", "100.00 USD"] in request.summary
    assert request.summary[-1] == [
        "Will be booked",
        "debit cash, credit the investor's available balance: 100.00 USD",
    ]
    assert request.beneficiary == desk.ana


def test_the_requester_does_not_approve(desk: Desk) -> None:
    deposit = desk.announce()
    request = desk.record(deposit)
    before = books()
    with pytest.raises(oversight.OwnRequest):
        oversight.approve(request.pk, by=desk.omar, now=NOON)
    deposit.refresh_from_db()
    assert (books(), deposit.status) == (before, "pending")


def test_eve_neither_records_nor_approves(desk: Desk) -> None:
    deposit = desk.announce()
    request = desk.record(deposit)
    before = books()
    with pytest.raises(oversight.NotAllowedToAsk):
        credits.request_confirmation(
            deposit.pk,
            by=desk.eve,
            now=NOON,
            bank_reference="BANK-0002",
            amount=usd("100"),
            value_on=None,
            document=document(),
            reason="please",
        )
    with pytest.raises(oversight.NotAllowedToDecide):
        oversight.approve(request.pk, by=desk.eve, now=NOON)
    assert books() == before


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"bank_reference": "x"}, credits.BadBankReference),
        ({"bank_reference": "=cmd|' /C calc'!A0"}, credits.BadBankReference),
        ({"value_on": TODAY + timedelta(days=1)}, credits.ValueDateInFuture),
        ({"document": None}, credits.DocumentMissing),
        ({"reason": "  "}, oversight.ReasonMissing),
    ],
)
def test_what_an_officer_must_give(desk: Desk, wrong, error) -> None:
    deposit = desk.announce()
    given = {
        "bank_reference": "BANK-0001",
        "amount": usd("100"),
        "value_on": TODAY,
        "document": document(),
        "reason": "on the statement",
    }
    before = books()
    with pytest.raises(error):
        credits.request_confirmation(deposit.pk, by=desk.omar, now=NOON, **{**given, **wrong})
    assert books() == before


def test_an_unknown_deposit(desk: Desk) -> None:
    ghost = desk.announce()
    ghost.pk = uuid4()
    with pytest.raises(deposits.UnknownDeposit):
        desk.record(ghost)


def test_one_bank_reference_pays_one_deposit(desk: Desk) -> None:
    """Recorded while the first waits, recorded after it is booked, and in another spelling: refused each time."""
    first, second = desk.announce(), desk.announce(investor=desk.eve)
    request = desk.record(first)
    before = books()
    with pytest.raises(DuplicateEvidence):
        desk.record(second)
    assert books() == before
    desk.approve(request)
    before = books()
    with pytest.raises(DuplicateEvidence):
        desk.record(second, reference=" bank-00 01")
    assert (books(), desk.available(desk.eve)) == (before, 0)


def test_one_bank_reference_on_two_approved_requests(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both were recorded at the same moment: the second approval is refused, and its request stays open."""
    monkeypatch.setattr(credits, "_require_unused", lambda credit: None)
    first, second = desk.announce(), desk.announce(investor=desk.eve)
    requests = [desk.record(first), desk.record(second)]
    desk.approve(requests[0])
    before = books()
    with pytest.raises(DuplicateEvidence):
        desk.approve(requests[1])
    requests[1].refresh_from_db()
    second.refresh_from_db()
    assert (books(), requests[1].status, second.status) == (before, "requested", "pending")
    assert (desk.available(), desk.available(desk.eve), desk.cash()) == (100, 0, 100)


def test_a_deposit_is_confirmed_once(desk: Desk) -> None:
    deposit = desk.announce()
    second = desk.record(deposit, reference="BANK-0002")
    desk.confirm(deposit)
    before = books()
    with pytest.raises(IllegalMove):
        desk.approve(second)
    with pytest.raises(IllegalMove):
        desk.record(deposit, reference="BANK-0003")
    assert (books(), desk.available()) == (before, 100)


def test_a_rejected_record_may_be_made_again(desk: Desk) -> None:
    deposit = desk.announce()
    wrong = desk.record(deposit, "10.00")
    oversight.reject(wrong.pk, by=desk.lin, now=NOON, note="the statement says 100")
    assert desk.confirm(deposit).status == "confirmed"


# Suspense


@pytest.mark.parametrize(("amount", "currency"), [("99.99", "USD"), ("100.01", "USD"), ("100.00", "EUR")])
def test_anything_else_goes_to_suspense(desk: Desk, amount: str, currency: str) -> None:
    deposit = desk.confirm(desk.announce(), amount, currency=currency)
    assert (deposit.status, deposit.arrived_amount) == ("pending", None)
    assert (desk.available(), desk.available(currency=currency)) == (0, 0)
    assert (desk.suspense(currency), desk.cash(currency)) == (Decimal(amount), Decimal(amount))
    credit = BankCredit.objects.get()
    assert (credit.status, credit.deposit) == ("held", deposit)


def test_an_allotted_credit_confirms_the_deposit_with_what_arrived(desk: Desk) -> None:
    deposit = desk.confirm(desk.announce(), "80.00")
    credit = BankCredit.objects.get()
    desk.approve(desk.allot(credit, deposit))
    deposit.refresh_from_db()
    credit.refresh_from_db()
    assert (deposit.status, deposit.arrived_amount) == ("confirmed", Decimal(80))
    assert (credit.status, credit.moved_by_transaction_id) == ("credited", deposit.transaction_id)
    assert (desk.available(), desk.suspense(), desk.cash()) == (80, 0, 80)
    assert Transaction.objects.get(pk=deposit.transaction_id).kind == "suspense_allot"


def test_unmatched_money_is_allotted_later(desk: Desk) -> None:
    desk.approve(desk.record_unmatched("70.00"))
    credit = BankCredit.objects.get()
    assert (credit.status, credit.deposit, desk.suspense()) == ("held", None, 70)
    deposit = desk.announce("75.00")
    desk.approve(desk.allot(credit, deposit))
    credit.refresh_from_db()
    assert (credit.deposit, desk.available(), desk.suspense()) == (deposit, 70, 0)


def test_a_credit_is_allotted_once_and_in_its_currency(desk: Desk) -> None:
    desk.approve(desk.record_unmatched("70.00"))
    credit = BankCredit.objects.get()
    first, second, other = desk.announce(), desk.announce(investor=desk.eve), desk.announce("1000", "XOF")
    waiting = desk.allot(credit, second)
    with pytest.raises(suspense.OtherCurrency):
        desk.allot(credit, other)
    desk.approve(desk.allot(credit, first))
    assert desk.approve(waiting).status == "void"  # the credit changed since it was asked for
    with pytest.raises(IllegalMove):
        desk.allot(credit, second)
    assert (desk.available(), desk.available(desk.eve), desk.suspense()) == (70, 0, 0)


def test_unmatched_money_is_sent_back(desk: Desk) -> None:
    desk.approve(desk.record_unmatched("70.00"))
    credit = BankCredit.objects.get()
    request = suspense.request_return(
        credit.pk, by=desk.omar, now=NOON, bank_reference="OUT-77", document=document(), reason="unknown payer"
    )
    desk.approve(request)
    credit.refresh_from_db()
    assert (credit.status, desk.suspense(), desk.cash()) == ("returned", 0, 0)
    assert Evidence.objects.filter(reference="OUT-77").count() == 1
    with pytest.raises(IllegalMove):
        desk.allot(credit, desk.announce())


def test_an_unknown_bank_account(desk: Desk) -> None:
    before = books()
    with pytest.raises(credits.UnknownBank):
        credits.request_unmatched_credit(
            "pocket",
            by=desk.omar,
            now=NOON,
            bank_reference="BANK-1",
            amount=usd("1"),
            value_on=None,
            document=document(),
            reason="?",
        )
    assert books() == before


# Late money


def test_deposits_expire_and_late_money_still_confirms_them(desk: Desk) -> None:
    deposit, _ = desk.announce(), desk.announce()
    later = NOON + timedelta(days=14, seconds=1)
    assert deposits.expire_deposits(now=NOON + timedelta(days=14)) == 0
    assert deposits.expire_deposits(now=later) == 2
    assert deposits.expire_deposits(now=later) == 0
    deposit.refresh_from_db()
    assert deposit.status == "expired"
    desk.approve(desk.record(deposit, value_on=date(2026, 6, 14), now=later), now=later)
    deposit.refresh_from_db()
    assert (deposit.status, deposit.value_on) == ("confirmed", date(2026, 6, 14))
    assert Transaction.objects.get(pk=deposit.transaction_id).effective_on == date(2026, 6, 15)
    assert desk.available() == 100


def test_a_deposit_that_expires_while_it_waits_for_approval(desk: Desk) -> None:
    deposit = desk.announce()
    last = NOON + timedelta(days=14)
    request = desk.record(deposit, now=last)
    deposits.expire_deposits(now=last + timedelta(hours=1))
    desk.approve(request, now=last + timedelta(hours=2))
    deposit.refresh_from_db()
    assert (deposit.status, desk.available()) == ("confirmed", 100)


def test_the_value_date_is_the_platforms_calendar(desk: Desk, settings) -> None:
    settings.PLATFORM_TIME_ZONE = "Africa/Porto-Novo"  # one hour ahead: 2 June has begun
    late_evening = datetime(2026, 6, 1, 23, 30, tzinfo=UTC)
    assert desk.record(desk.announce(), value_on=date(2026, 6, 2), now=late_evening).status == "requested"


# The event


def test_listeners_hear_of_it_in_the_same_transaction(desk: Desk, position, listening) -> None:
    heard = []

    def listener(sender, deposit, now, **kwargs):
        heard.append((deposit.pk, deposit.position_id, deposit.status, deposit.arrived_amount, now))

    listening(listener)
    deposit = desk.confirm(desk.announce(position=position))
    assert heard == [(deposit.pk, position, "confirmed", Decimal(100), NOON)]
    assert deposit.position_refusal == ""


class Refused(DomainError):
    code = "below-minimum"
    title = "Less than the product takes"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Refused(), "below-minimum", "Less than the product takes"),
        (ZeroDivisionError(), "internal-error", "in the log"),
    ],
)
def test_a_listener_that_fails_never_undoes_the_deposit(desk: Desk, position, listening, *, error, code, said) -> None:
    def listener(sender, deposit, now, **kwargs):
        audit.record("test.written-before-it-failed", actor=None, at=now)
        raise error

    deposit = desk.announce(position=position)
    listening(listener)
    desk.confirm(deposit)
    assert (deposit.status, deposit.position_refusal) == ("confirmed", code)
    assert desk.available() == 100
    assert not AuditEvent.objects.filter(action__startswith="test.").exists()
    alert = Alert.objects.get(kind="deposit-not-invested")
    assert said in alert.detail


# Reversal


def test_a_reversal_puts_everything_right(desk: Desk) -> None:
    deposit = desk.confirm(desk.announce())
    posted = deposit.transaction_id
    desk.approve(desk.reverse(deposit))
    deposit.refresh_from_db()
    assert (deposit.status, deposit.arrived_amount, deposit.transaction_id) == ("failed", None, None)
    assert BankCredit.objects.get().status == "reversed"
    assert (desk.available(), desk.cash(), desk.suspense()) == (0, 0, 0)
    assert Transaction.objects.get(reverses=posted).kind == "reversal"


def test_the_same_bank_credit_pays_the_right_deposit_after_a_reversal(desk: Desk) -> None:
    wrong, right = desk.announce(), desk.announce(investor=desk.eve)
    desk.confirm(wrong)
    desk.approve(desk.reverse(wrong))
    desk.confirm(right)
    assert (desk.available(), desk.available(desk.eve), desk.cash()) == (0, 100, 100)
    posted = Transaction.objects.get(pk=right.transaction_id)
    assert posted.key == "deposit:cash:bank:USD:BANK-0001:2"
    assert Evidence.objects.count() == 1
    assert sorted(BankCredit.objects.values_list("status", flat=True)) == ["credited", "reversed"]


def test_a_reversal_that_the_wallet_does_not_cover(desk: Desk) -> None:
    from ledger import accounts, posting

    deposit = desk.confirm(desk.announce())
    request = desk.reverse(deposit)
    wallet = accounts.wallet(desk.ana, "USD")
    principal = accounts.open_account("principal", "USD", owner=desk.ana, scope="product:basic", subject="p1")
    posting.post("position_fund", [posting.Move(wallet.available, principal, Decimal(1))], key="fund:1", now=NOON)
    before = books()
    with pytest.raises(InsufficientBalance):
        desk.approve(request)
    deposit.refresh_from_db()
    assert (books(), deposit.status, desk.available()) == (before, "confirmed", 99)


def test_a_reversed_allotment_is_back_in_suspense(desk: Desk) -> None:
    deposit = desk.confirm(desk.announce(), "80.00")
    credit = BankCredit.objects.get()
    desk.approve(desk.allot(credit, deposit))
    desk.approve(desk.reverse(deposit))
    credit.refresh_from_db()
    deposit.refresh_from_db()
    assert (credit.status, deposit.status) == ("held", "failed")
    assert (desk.available(), desk.suspense(), desk.cash()) == (0, 80, 80)
    other = desk.announce(investor=desk.eve)
    desk.approve(desk.allot(credit, other))
    other.refresh_from_db()
    assert Transaction.objects.get(pk=other.transaction_id).key == f"suspense_allot:{credit.pk}:2"
    assert (desk.available(desk.eve), desk.suspense()) == (80, 0)


def test_a_credit_in_suspense_is_reversed(desk: Desk) -> None:
    desk.approve(desk.record_unmatched())
    credit = BankCredit.objects.get()
    desk.approve(reversals.request_credit_reversal(credit.pk, by=desk.omar, now=NOON, reason="typed twice"))
    credit.refresh_from_db()
    assert (credit.status, desk.suspense(), desk.cash()) == ("reversed", 0, 0)


def test_a_credit_that_paid_a_deposit_is_reversed_through_the_deposit(desk: Desk) -> None:
    desk.confirm(desk.announce())
    with pytest.raises(IllegalMove):
        reversals.request_credit_reversal(BankCredit.objects.get().pk, by=desk.omar, now=NOON, reason="no")


@pytest.mark.parametrize("status", ["pending", "expired"])
def test_only_a_confirmed_deposit_is_reversed(desk: Desk, status: str) -> None:
    deposit = desk.announce()
    if status == "expired":
        deposits.expire_deposits(now=NOON + timedelta(days=15))
    before = books()
    with pytest.raises(IllegalMove):
        desk.reverse(deposit)
    assert books() == before


def test_a_deposit_reversed_meanwhile_voids_the_second_request(desk: Desk) -> None:
    deposit = desk.confirm(desk.announce())
    requests = [desk.reverse(deposit), desk.reverse(deposit)]
    desk.approve(requests[0])
    assert desk.approve(requests[1]).status == ApprovalRequest.Status.VOID
    assert desk.available() == 0
