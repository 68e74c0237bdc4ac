"""Deposits in words: Ana announces one, Omar records the bank's credit, Lin approves it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.files.base import ContentFile

from api.keys import RequestKey
from core.money import Money
from ledger import accounts, balances, days
from ledger.models import Transaction, Transfer
from oversight import services as oversight
from oversight.models import ApprovalRequest, AuditEvent
from payments.models import BankCredit, Deposit
from payments.services import credits, deposits, reversals, suspense

TODAY = date(2026, 6, 1)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def document(name: str = "advice.pdf") -> ContentFile:
    return ContentFile(b"%PDF-1.7 the bank's advice", name=name)


class Desk:
    """What people do at the payments desk, and what stands in the books after it."""

    def __init__(self, ana: Any, eve: Any, omar: Any, lin: Any) -> None:
        days.open_ledger(TODAY)
        self.ana, self.eve, self.omar, self.lin = ana, eve, omar, lin

    def announce(
        self, amount: str = "100.00", currency: str = "USD", *, investor: Any = None, position: UUID | None = None
    ) -> Deposit:
        owner = investor or self.ana
        key = RequestKey(owner.pk, "POST", "/api/v1/deposits", str(uuid4()), b"fingerprint")
        return deposits.request_deposit(
            owner,
            key=key,
            amount=Money(Decimal(amount), currency),
            method="bank_transfer",
            now=NOON,
            position_id=position,
        )

    def record(
        self,
        deposit: Deposit,
        amount: str = "100.00",
        currency: str = "USD",
        *,
        reference: str = "BANK-0001",
        value_on: date | None = None,
        now: datetime = NOON,
    ) -> ApprovalRequest:
        return credits.request_confirmation(
            deposit.pk,
            by=self.omar,
            now=now,
            bank_reference=reference,
            amount=Money(Decimal(amount), currency),
            value_on=value_on,
            document=document(),
            reason="on the statement of today",
        )

    def record_unmatched(
        self, amount: str = "70.00", currency: str = "USD", *, reference: str = "BANK-9001"
    ) -> ApprovalRequest:
        return credits.request_unmatched_credit(
            "bank",
            by=self.omar,
            now=NOON,
            bank_reference=reference,
            amount=Money(Decimal(amount), currency),
            value_on=None,
            document=document(),
            reason="nobody's reference",
        )

    def allot(self, credit: BankCredit, deposit: Deposit) -> ApprovalRequest:
        return suspense.request_allotment(
            credit.pk, deposit_id=deposit.pk, by=self.omar, now=NOON, reason="the payer wrote to us"
        )

    def reverse(self, deposit: Deposit) -> ApprovalRequest:
        return reversals.request_deposit_reversal(deposit.pk, by=self.omar, now=NOON, reason="another's money")

    def approve(self, request: ApprovalRequest, *, now: datetime = NOON) -> ApprovalRequest:
        return oversight.approve(request.pk, by=self.lin, now=now)

    def confirm(self, deposit: Deposit, amount: str = "100.00", **facts: Any) -> Deposit:
        self.approve(self.record(deposit, amount, **facts))
        deposit.refresh_from_db()
        return deposit

    def available(self, owner: Any = None, currency: str = "USD") -> Decimal:
        return balances.balance(accounts.wallet(owner or self.ana, currency).available)

    def suspense(self, currency: str = "USD") -> Decimal:
        return balances.balance(accounts.open_account("suspense", currency, scope="bank"))

    def cash(self, currency: str = "USD") -> Decimal:
        return balances.balance(accounts.open_account("cash", currency, scope="bank"))


def books() -> tuple[int, int, int, int, int, int]:
    """How many rows there are of all that a refusal must leave alone."""
    return (
        Transaction.objects.count(),
        Transfer.objects.count(),
        Deposit.objects.count(),
        BankCredit.objects.count(),
        ApprovalRequest.objects.count(),
        AuditEvent.objects.count(),
    )


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def desk(db: None, ana: Any, eve: Any, omar: Any, lin: Any) -> Desk:
    return Desk(ana, eve, omar, lin)


@pytest.fixture
def shared_desk(transactional_db: None, request: pytest.FixtureRequest) -> Desk:
    """The same, committed, for threads."""
    return Desk(*(request.getfixturevalue(name) for name in ("ana", "eve", "omar", "lin")))
