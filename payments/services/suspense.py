"""What lies in suspense: an officer allots it to a deposit or sends it back, another approves.

Source: docs/rules/deposits.md.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.files.base import File

from accounts.models import User
from accounts.services import deletion
from core.commands import command
from core.errors import DomainError, NotFound
from core.money import Money
from core.states import require_move
from ledger import accounts, amounts, posting
from ledger.evidence import DuplicateEvidence
from ledger.models import Evidence
from oversight import services as oversight
from oversight.models import ApprovalRequest
from payments import rules
from payments.models import BankCredit, Deposit
from payments.services import credits, deposits

ALLOT = "payments.allot_credit"
RETURN = "payments.return_credit"


class UnknownCredit(NotFound):
    code = "unknown-credit"
    title = "There is no such bank credit"


class OtherCurrency(DomainError):
    code = "other-currency"
    title = "A credit can only be allotted to a deposit in its own currency"
    status = 422


def require_credit(credit_id: UUID) -> BankCredit:
    """Lock a credit (step). Raises UnknownCredit."""
    try:
        return BankCredit.objects.lock(credit_id)
    except BankCredit.DoesNotExist:
        raise UnknownCredit from None


@command
def request_allotment(credit_id: UUID, *, deposit_id: UUID, by: User, now: datetime, reason: str) -> ApprovalRequest:
    """Ask for a credit in suspense to pay a deposit, whatever amount that asked for.

    Raises UnknownDeposit, UnknownCredit, IllegalMove, OtherCurrency.
    """
    deposit, credit = _require_allottable(deposit_id, credit_id)
    return oversight.ask(
        ALLOT,
        by=by,
        at=now,
        payload={"credit": str(credit.pk), "deposit": str(deposit.pk)},
        summary=[
            *describe(credit),
            ("Deposit", deposit.shown_reference),
            ("Asked", amounts.show(deposit.amount, deposit.currency_id)),
            ("Will be booked", f"debit suspense, credit the investor's available balance: {show(credit)}"),
        ],
        target=credit,
        beneficiary=deposit.investor,
        moves_hash=posting.moves_hash("suspense_allot", allotment_moves(credit, deposit)),
        reason=reason,
    )


def apply_allotment(request: ApprovalRequest, by: User, now: datetime) -> Deposit:
    """Credit the investor from suspense and confirm the deposit (step).

    Raises IllegalMove, OtherCurrency, PersonDeleted.
    """
    deposit, credit = _require_allottable(UUID(request.payload["deposit"]), UUID(request.payload["credit"]))
    posted = posting.post(
        "suspense_allot",
        allotment_moves(credit, deposit),
        key=credits.next_key(f"suspense_allot:{credit.pk}"),
        now=now,
        actor=by,
        memo=f"deposit {deposit.reference}",
        approval=request.pk,
    )
    oversight.move_to(
        credit,
        BankCredit.Status.CREDITED,
        by=by,
        at=now,
        reason=request.reason,
        deposit=deposit,
        moved_by_transaction_id=posted.transaction_id,
    )
    deposits.confirm(
        deposit,
        amount=_money(credit),
        value_on=credit.value_on,
        transaction_id=posted.transaction_id,
        by=by,
        now=now,
    )
    return deposit


@command
def request_return(
    credit_id: UUID, *, by: User, now: datetime, bank_reference: str, document: File[Any], reason: str
) -> ApprovalRequest:
    """Ask for a credit in suspense to be booked as sent back; `bank_reference` is the bank's own of that payment.

    Raises UnknownCredit, IllegalMove, BadBankReference, DocumentMissing, DuplicateEvidence.
    """
    credit = require_credit(credit_id)
    require_move(BankCredit.MOVES, credit.status, BankCredit.Status.RETURNED)
    reference = rules.read_bank_reference(bank_reference)
    if reference is None:
        raise credits.BadBankReference
    if not document:
        raise credits.DocumentMissing
    if Evidence.objects.filter(source=credit.cash_scope, reference=reference).exists():
        raise DuplicateEvidence(source=credit.cash_scope, reference=reference)
    return oversight.ask(
        RETURN,
        by=by,
        at=now,
        payload={"credit": str(credit.pk), "bank_reference": reference},
        summary=[
            *describe(credit),
            ("Sent back with the bank's reference", reference),
            ("Will be booked", f"debit suspense, credit cash: {show(credit)}"),
        ],
        target=credit,
        moves_hash=posting.moves_hash("suspense_return", return_moves(credit)),
        reason=reason,
        document=document,
    )


def apply_return(request: ApprovalRequest, by: User, now: datetime) -> BankCredit:
    """Book the credit as sent back (step). Raises IllegalMove, DuplicateEvidence."""
    credit = require_credit(UUID(request.payload["credit"]))
    require_move(BankCredit.MOVES, credit.status, BankCredit.Status.RETURNED)
    reference = request.payload["bank_reference"]
    posted = posting.post(
        "suspense_return",
        return_moves(credit),
        key=f"suspense_return:cash:{credit.cash_scope}:{credit.currency_id}:{reference}",
        now=now,
        actor=by,
        memo="sent back from suspense",
        evidence=credits.record_document(request, source=credit.cash_scope, reference=reference, now=now),
        approval=request.pk,
    )
    oversight.move_to(
        credit,
        BankCredit.Status.RETURNED,
        by=by,
        at=now,
        reason=request.reason,
        moved_by_transaction_id=posted.transaction_id,
    )
    return credit


def allotment_moves(credit: BankCredit, deposit: Deposit) -> list[posting.Move]:
    """Return the booking of an allotment; opens the investor's wallet if need be."""
    wallet = accounts.wallet(deposit.investor, credit.currency_id)
    return [posting.Move(_suspense(credit), wallet.available, credit.amount)]


def return_moves(credit: BankCredit) -> list[posting.Move]:
    """Return the booking of money that was sent back."""
    cash = accounts.open_account("cash", credit.currency_id, scope=credit.cash_scope)
    return [posting.Move(_suspense(credit), cash, credit.amount)]


def describe(credit: BankCredit) -> list[tuple[str, str]]:
    """Say which credit this is, for confirm pages and approvers."""
    return [
        ("Bank account", credit.cash_scope),
        ("Bank's reference", credit.bank_reference),
        ("Amount", show(credit)),
    ]


def show(credit: BankCredit) -> str:
    """Write the credit's amount, for people."""
    return amounts.show(credit.amount, credit.currency_id)


def _require_allottable(deposit_id: UUID, credit_id: UUID) -> tuple[Deposit, BankCredit]:
    deposit, credit = deposits.require_deposit(deposit_id), require_credit(credit_id)
    require_move(Deposit.MOVES, deposit.status, Deposit.Status.CONFIRMED)
    require_move(BankCredit.MOVES, credit.status, BankCredit.Status.CREDITED)
    if credit.currency_id != deposit.currency_id:
        raise OtherCurrency(credit=credit.currency_id, deposit=deposit.currency_id)
    deletion.require_there(deposit.investor_id)
    return deposit, credit


def _suspense(credit: BankCredit) -> Any:
    return accounts.open_account("suspense", credit.currency_id, scope=credit.cash_scope)


def _money(credit: BankCredit) -> Money:
    return Money(credit.amount, credit.currency_id)
