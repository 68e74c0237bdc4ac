"""What Celery does: close what is over. Slices of a close that is under way are tasks of `investments`."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from backoffice import end_of_day
from ledger.days import NoOpenDay


@shared_task(name="backoffice.tasks.close_what_is_over")
def close_what_is_over() -> None:
    """Close every day that is over; nothing when another process does, or the ledger isn't open yet."""
    try:
        end_of_day.close_days(now=timezone.now(), wait=False)
    except (end_of_day.CloseUnderWay, NoOpenDay):
        return
