"""Slices as tasks: each its own transaction and safe to run twice, so any number of workers share a run."""

from __future__ import annotations

from datetime import date, datetime

from celery import shared_task

from investments import accrual, settlement


@shared_task(name="investments.accrue_slice")
def accrue_slice(slice_id: int, now: str) -> None:
    """Write one slice of a day's accruals. One that fails is left to the run that handed it over, which repairs it."""
    accrual.accrue_slice(slice_id, now=datetime.fromisoformat(now))


@shared_task(name="investments.pay_slice")
def pay_slice(slice_id: int, now: str, effective_on: str) -> None:
    """Pay one slice of a settlement run."""
    settlement.pay_slice(slice_id, now=datetime.fromisoformat(now), effective_on=date.fromisoformat(effective_on))
