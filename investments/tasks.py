"""Parts of a close as tasks: each its own transaction and safe to run twice, for any number of workers."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from celery import shared_task

from investments import accrual, settlement


@shared_task(name="investments.accrue_slice")
def accrue_slice(slice_id: int, now: str) -> None:
    """Write one slice of a day's accruals. One that fails is left to the run that handed it over, which repairs it."""
    accrual.accrue_slice(slice_id, now=datetime.fromisoformat(now))


@shared_task(name="investments.reserve_run")
def reserve_run(run_id: str, now: str, effective_on: str) -> None:
    """Take what a settlement run owes from its pool."""
    settlement.reserve_run(UUID(run_id), now=datetime.fromisoformat(now), effective_on=date.fromisoformat(effective_on))


@shared_task(name="investments.pay_slice")
def pay_slice(slice_id: int, now: str, effective_on: str) -> None:
    """Pay one slice of a settlement run."""
    settlement.pay_slice(slice_id, now=datetime.fromisoformat(now), effective_on=date.fromisoformat(effective_on))


@shared_task(name="investments.finish_run")
def finish_run(run_id: str, now: str, effective_on: str) -> None:
    """Mark a settlement run as paid, and tell everybody whom it paid."""
    settlement.finish_run(UUID(run_id), now=datetime.fromisoformat(now), effective_on=date.fromisoformat(effective_on))
