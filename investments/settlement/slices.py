"""The second step of a run: its slices, each one transaction, one ledger transaction a position."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from core.commands import command
from core.errors import DomainError
from investments import notices, slices
from investments.models import SettlementRun, SettlementSlice
from investments.settlement import statements
from ledger import accounts, chart, posting


class SliceMismatch(DomainError):
    code = "slice-mismatch"
    title = "A slice would pay others than it was reserved for"


@command
def pay_slice(slice_id: int, *, now: datetime, effective_on: date) -> int:
    """Pay a slice from its shard of `returns_due` and return how many were paid; 0 if that was done before.

    Raises SliceMismatch when a wallet is missing; then nothing of the slice is paid.
    """
    part = SettlementSlice.objects.lock(slice_id)
    if part.done_at is not None:
        return 0
    slices.pin_plans()
    product = part.run.product
    shards = accounts.returns_due(product.scope, product.currency)
    paid = posting.post_query(
        "settlement",
        statements.PAYMENTS,
        {
            "run": part.run_id,
            "first": part.first,
            "until": part.until,
            "currency": product.currency,
            "shard": shards[part.number % chart.RETURNS_DUE_SHARDS].pk,
        },
        now=now,
        effective_on=effective_on,
    )
    if paid != part.positions:
        raise SliceMismatch(
            f"Slice {part.number} of {part.run_id} pays {paid} positions, not {part.positions}.", slice=part.number
        )
    part.done_at = now
    part.save(update_fields=["done_at"])
    return paid


@command
def finish_run(run_id: UUID, *, now: datetime, effective_on: date) -> SettlementRun:
    """Mark a run as paid in the settlement of `effective_on` if its last slice is done; returns it as it stands."""
    run = SettlementRun.objects.lock(run_id)
    if run.status == SettlementRun.Status.RESERVED and not SettlementSlice.objects.filter(run=run).undone().exists():
        run.status, run.paid_at, run.paid_in = SettlementRun.Status.PAID, now, effective_on
        run.save(update_fields=["status", "paid_at", "paid_in"])
        notices.tell_returns(run, now=now)
    return run
