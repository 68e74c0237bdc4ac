"""Whether the last end-of-day run is as it should be, for /health/ready."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from api import health
from backoffice.models import EndOfDayRun
from ledger import days

GRACE = timedelta(hours=1)
"""How long after midnight yesterday may still be open."""


def register() -> None:
    health.register_check("end_of_day", check)


def check() -> None:
    """Raise NotReady when closing doesn't keep up with the calendar, or the last close is incomplete."""
    reason = complaint(timezone.now())
    if reason:
        raise health.NotReady(reason)


def complaint(now: datetime) -> str:
    """Say what is the matter with the end of day; nothing when all is well or the ledger isn't open yet."""
    try:
        open_day = days.open_day()
    except days.NoOpenDay:
        return ""
    if open_day < days.platform_today(now - GRACE):
        return f"{open_day} isn't closed"
    last = EndOfDayRun.objects.first()
    if last is not None and last.status == EndOfDayRun.Status.INCOMPLETE:
        return f"the close of {last.day} is incomplete"
    return ""
