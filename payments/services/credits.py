"""Bank credits: an officer records one with the bank's own reference, another approves, and it is booked.

Source: docs/rules/deposits.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.files.base import File
from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services import deletion
from core.commands import command
from core.errors import DomainError
from core.money import Money
from core.states import require_move
from ledger import accounts, amounts, days, evidence, posting
from ledger.evidence import DuplicateEvidence
from ledger.models import Evidence, Transaction
from oversight import audit, documents
from oversight import services as oversight
from oversight.models import ApprovalRequest
from payments import notices, rules
from payments.models import BankCredit, Deposit, PaymentMethod
from payments.services import deposits

CONFIRM = "payments.confirm_deposit"
RECORD = "payments.record_unmatched_credit"


class BadBankReference(DomainError):
    code = "bad-bank-reference"
    title = "Write the bank's own reference of the credit: 4 to 100 letters, digits and . : / + - _"
    status = 422


class ValueDateInFuture(DomainError):
    code = "value-date-in-future"
    title = "The bank's value date can't be later than today"
    status = 422


class DocumentMissing(DomainError):
    code = "document-missing"
    title = "Attach the bank's advice or statement that shows the credit"
    status = 422


class UnknownBank(DomainError):
    code = "unknown-bank"
    title = "No payment method leads to this bank account"
    status = 422


@dataclass(frozen=True, slots=True)
class Credit:
    """A credit as the bank reports it; `bank_reference` in the one spelling of `rules.read_bank_reference`."""

    cash_scope: str
    bank_reference: str
    amount: Money
    value_on: date | None = None

    def payload(self, deposit: Deposit | None) -> dict[str, Any]:
        """Return what the approval freezes."""
        return {
            "deposit": str(deposit.pk) if deposit else None,
            "cash_scope": self.cash_scope,
            "bank_reference": self.bank_reference,
            "amount": f"{self.amount.amount:f}",
            "currency": self.amount.currency,
            "value_on": self.value_on.isoformat() if self.value_on else None,
        }

    @classmethod
    def frozen(cls, payload: Mapping[str, Any]) -> Credit:
        """Read what an approval froze."""
        return cls(
            cash_scope=payload["cash_scope"],
            bank_reference=payload["bank_reference"],
            amount=Money(Decimal(payload["amount"]), payload["currency"]),
            value_on=date.fromisoformat(payload["value_on"]) if payload["value_on"] else None,
        )

    @property
    def arrival(self) -> rules.Arrival:
        return rules.Arrival(self.amount.amount, self.amount.currency)

    def placement(self, deposit: Deposit | None) -> rules.Placement:
        """Say where it is booked: only what was asked for, in amount and currency, reaches the wallet at once."""
        if deposit is None:
            return rules.Placement.SUSPENSE
        return rules.place_arrival(self.arrival, asked=deposit.asked)

    def moves(self, deposit: Deposit | None) -> list[posting.Move]:
        """Return its booking; opens the accounts that are missing."""
        currency = self.amount.currency
        cash = accounts.open_account("cash", currency, scope=self.cash_scope)
        if deposit is not None and self.placement(deposit) is rules.Placement.WALLET:
            target = accounts.wallet(deposit.investor, currency).available
        else:
            target = accounts.open_account("suspense", currency, scope=self.cash_scope)
        return [posting.Move(cash, target, self.amount.amount)]


@command
def request_confirmation(
    deposit_id: UUID,
    *,
    by: User,
    now: datetime,
    bank_reference: str,
    amount: Money,
    value_on: date | None,
    document: File[Any],
    reason: str,
) -> ApprovalRequest:
    """Record that a deposit's bank credit arrived, for another officer to approve.

    Raises UnknownDeposit, IllegalMove, PersonDeleted, AmountNotPostable, BadBankReference, ValueDateInFuture,
    DocumentMissing, DuplicateEvidence.
    """
    deposit = deposits.require_deposit(deposit_id)
    require_move(Deposit.MOVES, deposit.status, Deposit.Status.CONFIRMED)
    deletion.require_there(deposit.investor_id)
    credit = read_credit(
        deposit.method.cash_scope, bank_reference=bank_reference, amount=amount, value_on=value_on, now=now
    )
    return _ask(CONFIRM, credit, deposit=deposit, by=by, now=now, document=document, reason=reason)


def apply_confirmation(request: ApprovalRequest, by: User, now: datetime) -> BankCredit:
    """Book the credit and confirm the deposit; what isn't exactly what was asked goes to suspense (step).

    Raises IllegalMove, PersonDeleted, DuplicateEvidence.
    """
    deposit = deposits.require_deposit(UUID(request.payload["deposit"]))
    require_move(Deposit.MOVES, deposit.status, Deposit.Status.CONFIRMED)
    deletion.require_there(deposit.investor_id)
    credit = Credit.frozen(request.payload)
    booked = _book(credit, deposit=deposit, request=request, by=by, now=now)
    if booked.status == BankCredit.Status.CREDITED:
        deposits.confirm(
            deposit,
            amount=credit.amount,
            value_on=credit.value_on,
            transaction_id=booked.transaction_id,
            by=by,
            now=now,
        )
    else:
        notices.tell_held(deposit, booked, now=now)
    return booked


@command
def request_unmatched_credit(
    cash_scope: str,
    *,
    by: User,
    now: datetime,
    bank_reference: str,
    amount: Money,
    value_on: date | None,
    document: File[Any],
    reason: str,
) -> ApprovalRequest:
    """Record money that matches no deposit, for another officer to approve into suspense.

    Raises UnknownBank, AmountNotPostable, BadBankReference, ValueDateInFuture, DocumentMissing, DuplicateEvidence.
    """
    if not PaymentMethod.objects.filter(cash_scope=cash_scope).exists():
        raise UnknownBank
    credit = read_credit(cash_scope, bank_reference=bank_reference, amount=amount, value_on=value_on, now=now)
    return _ask(RECORD, credit, deposit=None, by=by, now=now, document=document, reason=reason)


def apply_unmatched_credit(request: ApprovalRequest, by: User, now: datetime) -> BankCredit:
    """Book the credit into suspense (step). Raises DuplicateEvidence."""
    return _book(Credit.frozen(request.payload), deposit=None, request=request, by=by, now=now)


def read_credit(cash_scope: str, *, bank_reference: str, amount: Money, value_on: date | None, now: datetime) -> Credit:
    """Return the credit as an officer typed it, in one spelling.

    Raises AmountNotPostable, BadBankReference, ValueDateInFuture.
    """
    if not amounts.is_postable(amount.amount, amount.currency):
        raise deposits.AmountNotPostable
    reference = rules.read_bank_reference(bank_reference)
    if reference is None:
        raise BadBankReference
    if value_on is not None and value_on > days.platform_date(now):
        raise ValueDateInFuture
    return Credit(cash_scope, reference, amount, value_on)


def describe(credit: Credit, deposit: Deposit | None) -> list[tuple[str, str]]:
    """Say in figures what approval will do, for the confirm page and the approver."""
    lines = [
        ("Bank account", credit.cash_scope),
        ("Bank's reference", credit.bank_reference),
        ("Arrived", _show(credit.amount)),
        ("Bank's value date", credit.value_on.isoformat() if credit.value_on else "not given"),
    ]
    if deposit is not None:
        asked = amounts.show(deposit.amount, deposit.currency_id)
        lines += [("Deposit", deposit.shown_reference), ("Asked", asked)]
    into = "the investor's available balance" if credit.placement(deposit) is rules.Placement.WALLET else "suspense"
    return [*lines, ("Will be booked", f"debit cash, credit {into}: {_show(credit.amount)}")]


def _show(amount: Money) -> str:
    return amounts.show(amount.amount, amount.currency)


def _ask(
    verb: str, credit: Credit, *, deposit: Deposit | None, by: User, now: datetime, document: File[Any], reason: str
) -> ApprovalRequest:
    if not document:
        raise DocumentMissing
    _require_unused(credit)
    return oversight.ask(
        verb,
        by=by,
        at=now,
        payload=credit.payload(deposit),
        summary=describe(credit, deposit),
        target=deposit,
        beneficiary=deposit.investor if deposit else None,
        moves_hash=posting.moves_hash("deposit", credit.moves(deposit)),
        reason=reason,
        document=document,
    )


def _require_unused(credit: Credit) -> None:
    """Refuse a bank reference that is booked already, or waits for approval."""
    facts = {"cash_scope": credit.cash_scope, "bank_reference": credit.bank_reference}
    waiting = ApprovalRequest.objects.open().filter(
        verb__in=[CONFIRM, RECORD],
        payload__cash_scope=credit.cash_scope,
        payload__bank_reference=credit.bank_reference,
    )
    if BankCredit.objects.standing().filter(**facts).exists() or waiting.exists():
        raise DuplicateEvidence(source=credit.cash_scope, reference=credit.bank_reference)


def _book(credit: Credit, *, deposit: Deposit | None, request: ApprovalRequest, by: User, now: datetime) -> BankCredit:
    """Post the credit with its evidence and keep its row."""
    proof = _evidence(credit, request=request, now=now)
    posted = posting.post(
        "deposit",
        credit.moves(deposit),
        key=next_key(f"deposit:cash:{credit.cash_scope}:{credit.amount.currency}:{credit.bank_reference}"),
        now=now,
        actor=by,
        memo=f"deposit {deposit.reference}" if deposit else "money that matches no deposit",
        evidence=proof,
        approval=request.pk,
    )
    into_wallet = credit.placement(deposit) is rules.Placement.WALLET
    try:
        with transaction.atomic():
            booked = BankCredit.objects.create(
                cash_scope=credit.cash_scope,
                bank_reference=credit.bank_reference,
                currency_id=credit.amount.currency,
                amount=credit.amount.amount,
                value_on=credit.value_on,
                evidence=proof,
                deposit=deposit,
                status=BankCredit.Status.CREDITED if into_wallet else BankCredit.Status.HELD,
                booked_at=now,
                transaction_id=posted.transaction_id,
            )
    except IntegrityError as error:
        raise DuplicateEvidence(source=credit.cash_scope, reference=credit.bank_reference) from error
    audit.record(
        f"payments.bankcredit.{booked.status}",
        actor=by,
        at=now,
        target=booked,
        after={"status": booked.status, **credit.payload(deposit)},
        reason=request.reason,
    )
    return booked


def _evidence(credit: Credit, *, request: ApprovalRequest, now: datetime) -> Evidence:
    """Return the evidence of the credit; one whose booking was reversed stands behind the corrected booking too."""
    facts = {"cash_scope": credit.cash_scope, "bank_reference": credit.bank_reference}
    before = BankCredit.objects.filter(**facts).select_related("evidence")
    if before.standing().exists():
        raise DuplicateEvidence(source=credit.cash_scope, reference=credit.bank_reference)
    reversed_one = before.first()
    if reversed_one is not None:
        return reversed_one.evidence
    return record_document(request, source=credit.cash_scope, reference=credit.bank_reference, now=now)


def record_document(request: ApprovalRequest, *, source: str, reference: str, now: datetime) -> Evidence:
    """Keep a request's document as evidence (step). Raises DuplicateEvidence, DocumentChanged."""
    return evidence.record(
        type=Evidence.Type.DOCUMENT,
        source=source,
        reference=reference,
        at=now,
        content=documents.read(request),
        name=request.document_name,
    )


def next_key(fact: str) -> str:
    """Return the ledger key of a fact: the fact itself, `:2` and so on once its posting was reversed."""
    key, number = fact, 1
    while Transaction.objects.filter(key=key, reversed_by__isnull=False).exists():
        number += 1
        key = f"{fact}:{number}"
    return key
