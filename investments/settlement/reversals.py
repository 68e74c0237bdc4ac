"""Take one settlement back from the wallet, with four eyes; the money goes to the pool that it came from.

It moves money, not what was earned: what is still earned is paid again by the next run, what an adjustment took off
is not. So the adjustment is booked first. Source: docs/rules/returns.md §4, docs/rules/ledger.md §2.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from core.commands import command
from core.errors import DomainError, NotFound
from investments.accrual.statements import lock_products
from investments.models import Settlement, SettlementReversal, SettlementRun
from investments.rules import ONE_DAY
from ledger import accounts, amounts, days, posting
from ledger.models import Transaction, Transfer
from oversight import audit
from oversight import services as oversight
from oversight.models import ApprovalRequest
from oversight.verbs import Verb

VERB = "reverse_settlement"


class SettlementUnfinished(DomainError):
    code = "settlement-unfinished"
    title = "A settlement of this product isn't finished"


class NothingPaid(DomainError):
    code = "nothing-paid"
    title = "Nothing stands paid that could be taken back"


@command
def request_settlement_reversal(
    position_id: UUID, *, due_on: date, by: Any, reason: str, now: datetime
) -> ApprovalRequest:
    """Ask that what a position was paid for a due day be taken back, whole.

    Raises NotFound, NothingPaid, SettlementUnfinished, and what oversight refuses.
    """
    settlement = _settlement(position_id, due_on)
    paid = _require_reversible(settlement)
    product = settlement.run.product
    return oversight.ask(
        VERB,
        by=by,
        at=now,
        payload={"run": str(settlement.run_id), "position": str(position_id), "transaction": str(paid.pk)},
        summary=[
            ("Position", str(position_id)),
            ("Due day", due_on.isoformat()),
            ("Taken from the wallet", amounts.show(settlement.amount, product.currency)),
            ("Returned to the pool of", product.display_name),
        ],
        target=settlement.run,
        beneficiary=settlement.position.owner,
        moves_hash=posting.moves_hash("reversal", posting.mirror_moves(paid.pk)),
        reason=reason,
    )


def apply_settlement_reversal(request: ApprovalRequest, by: Any, now: datetime) -> SettlementReversal:
    """Post the mirror, bring the money back to the pool, and take it off what was paid (step).

    Raises NothingPaid, SettlementUnfinished, InsufficientBalance.
    """
    settlement = Settlement.objects.select_related("run__product", "position__owner").get(
        run_id=request.payload["run"], position_id=request.payload["position"]
    )
    lock_products([settlement.run.product_id], shared=False)
    paid = _require_reversible(settlement)
    mirror = posting.reverse(paid.pk, now=now, actor=by, approval=request.pk, memo="")
    _release(paid, settlement, mirror.transaction_id, by, now)
    reversal = SettlementReversal.objects.create(
        run=settlement.run,
        position_id=settlement.position_id,
        booked_on=next_booked_on(settlement.run.product_id),
        amount=settlement.amount,
        reason=request.reason,
        transaction=mirror.transaction_id,
        approval=request.pk,
    )
    audit.record(
        "investments.settlement.reverse",
        actor=by,
        at=now,
        target=settlement.position,
        after={"amount": str(settlement.amount), "due_on": settlement.due_on.isoformat()},
        reason=request.reason,
    )
    return reversal


def next_booked_on(product_id: UUID, *, at_least: date | None = None) -> date:
    """Return the first day whose settlement is still to be computed: what is booked now counts there.

    Under the product's lock, so that no run is computed meanwhile.
    """
    latest = SettlementRun.objects.reserved().filter(product_id=product_id).order_by("-due_on").first()
    first = at_least or days.open_day()
    return first if latest is None else max(first, latest.due_on + ONE_DAY)


def _release(paid: Transaction, settlement: Settlement, reversal_id: UUID, by: Any, now: datetime) -> None:
    transfer = Transfer.objects.select_related("debit_account").get(transaction=paid)
    product = settlement.run.product
    pool = accounts.open_account("returns_pool", product.currency, scope=product.scope)
    posting.post(
        "settlement_release",
        [posting.Move(transfer.debit_account, pool, settlement.amount)],
        key=f"settlement_release:{reversal_id}",
        now=now,
        actor=by,
    )


def _settlement(position_id: UUID, due_on: date) -> Settlement:
    found = (
        Settlement.objects.select_related("run__product", "position__owner")
        .filter(position_id=position_id, due_on=due_on, run__in=_runs(position_id, due_on))
        .first()
    )
    if found is None:
        raise NotFound("Nothing of this position was due on that day.")
    return found


def _runs(position_id: UUID, due_on: date) -> Any:
    return SettlementRun.objects.filter(product__positions=position_id, due_on=due_on)


def _require_reversible(settlement: Settlement) -> Transaction:
    if SettlementRun.objects.unfinished().filter(product_id=settlement.run.product_id).exists():
        raise SettlementUnfinished("Wait until what is due of this product is paid.")
    paid = posting.find(f"settlement:{settlement.due_on}:{settlement.position_id}")
    if paid is None or Transaction.objects.filter(reverses_id=paid.pk).exists():
        raise NothingPaid
    return paid


REVERSE_SETTLEMENT = Verb(
    name=VERB,
    title="Reverse a settlement",
    request_permission="investments.request_settlement_reversal",
    approve_permission="investments.approve_settlement_reversal",
    apply=apply_settlement_reversal,
    target_model=SettlementRun,
    target_fields=("status",),
)
