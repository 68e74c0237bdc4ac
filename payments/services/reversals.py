"""A booking that was wrong: its exact mirror, once, with four eyes, and the rows put right.

Source: docs/rules/deposits.md.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from accounts.models import User
from core.commands import command
from core.states import require_move
from ledger import amounts, posting
from oversight import services as oversight
from oversight.models import ApprovalRequest
from payments import notices
from payments.models import BankCredit, Deposit
from payments.services import deposits, suspense

REVERSE_DEPOSIT = "payments.reverse_deposit"
REVERSE_CREDIT = "payments.reverse_credit"


@command
def request_deposit_reversal(deposit_id: UUID, *, by: User, now: datetime, reason: str) -> ApprovalRequest:
    """Ask for what credited the investor to be reversed; it can only be done while the wallet covers it.

    Raises UnknownDeposit, IllegalMove.
    """
    deposit = deposits.require_deposit(deposit_id)
    _require_credited(deposit)
    transaction_id, _ = _credited(deposit)
    return oversight.ask(
        REVERSE_DEPOSIT,
        by=by,
        at=now,
        payload={"deposit": str(deposit.pk), "transaction": str(transaction_id)},
        summary=describe(deposit),
        target=deposit,
        moves_hash=posting.moves_hash("reversal", posting.mirror_moves(transaction_id)),
        reason=reason,
    )


def apply_deposit_reversal(request: ApprovalRequest, by: User, now: datetime) -> Deposit:
    """Reverse the booking; the deposit is failed, the credit reversed or back in suspense (step).

    Raises IllegalMove, InsufficientBalance.
    """
    deposit = deposits.require_deposit(UUID(request.payload["deposit"]))
    _require_credited(deposit)
    transaction_id, _ = _credited(deposit)
    credit = suspense.require_credit(_credit_of(deposit).pk)
    assert deposit.arrived_amount is not None
    notices.tell_reversed(deposit, deposit.arrived_amount, transaction_id=transaction_id, now=now)
    posting.reverse(
        transaction_id, now=now, actor=by, approval=request.pk, memo=f"reversal of deposit {deposit.reference}"
    )
    oversight.move_to(
        deposit,
        Deposit.Status.FAILED,
        by=by,
        at=now,
        reason=request.reason,
        arrived_amount=None,
        value_on=None,
        confirmed_at=None,
        transaction_id=None,
        position_refusal="",
    )
    if credit.moved_by_transaction_id == transaction_id:
        _move(credit, BankCredit.Status.HELD, request, by=by, now=now)
    else:
        _move(credit, BankCredit.Status.REVERSED, request, by=by, now=now)
    return deposit


@command
def request_credit_reversal(credit_id: UUID, *, by: User, now: datetime, reason: str) -> ApprovalRequest:
    """Ask for a credit in suspense to be reversed, as if it had never been booked.

    Raises UnknownCredit, IllegalMove.
    """
    credit = _require_held(credit_id)
    return oversight.ask(
        REVERSE_CREDIT,
        by=by,
        at=now,
        payload={"credit": str(credit.pk), "transaction": str(credit.transaction_id)},
        summary=[
            *suspense.describe(credit),
            ("Will be booked", f"debit suspense, credit cash: {suspense.show(credit)}"),
        ],
        target=credit,
        moves_hash=posting.moves_hash("reversal", posting.mirror_moves(credit.transaction_id)),
        reason=reason,
    )


def apply_credit_reversal(request: ApprovalRequest, by: User, now: datetime) -> BankCredit:
    """Reverse a credit in suspense (step). Raises IllegalMove."""
    credit = _require_held(UUID(request.payload["credit"]))
    posting.reverse(
        credit.transaction_id, now=now, actor=by, approval=request.pk, memo="reversal of a credit in suspense"
    )
    _move(credit, BankCredit.Status.REVERSED, request, by=by, now=now)
    return credit


def describe(deposit: Deposit) -> list[tuple[str, str]]:
    """Say in figures what its reversal will do, for confirm pages and approvers. Raises IllegalMove."""
    _require_credited(deposit)
    transaction_id, amount = _credited(deposit)
    onto = "suspense" if _credit_of(deposit).moved_by_transaction_id == transaction_id else "cash"
    return [
        ("Deposit", deposit.shown_reference),
        ("Credited", amount),
        ("Will be booked", f"debit the investor's available balance, credit {onto}: {amount}"),
        ("The deposit becomes", "failed; the right credit may confirm it again"),
    ]


def _require_credited(deposit: Deposit) -> None:
    # A pending deposit may fail as well; only one that was credited has something to reverse.
    require_move({Deposit.Status.CONFIRMED: {Deposit.Status.FAILED}}, deposit.status, Deposit.Status.FAILED)


def _require_held(credit_id: UUID) -> BankCredit:
    credit = suspense.require_credit(credit_id)
    # A credit that paid a deposit is reversed through that deposit, which has to be put right, too.
    require_move({BankCredit.Status.HELD: {BankCredit.Status.REVERSED}}, credit.status, BankCredit.Status.REVERSED)
    return credit


def _credited(deposit: Deposit) -> tuple[UUID, str]:
    assert deposit.transaction_id is not None and deposit.arrived_amount is not None
    return deposit.transaction_id, amounts.show(deposit.arrived_amount, deposit.currency_id)


def _credit_of(deposit: Deposit) -> BankCredit:
    return deposit.credits.get(status=BankCredit.Status.CREDITED)


def _move(credit: BankCredit, status: str, request: ApprovalRequest, *, by: User, now: datetime) -> None:
    oversight.move_to(credit, status, by=by, at=now, reason=request.reason, moved_by_transaction_id=None)
