"""Close positions that ended and are owed nothing more."""

from __future__ import annotations

from datetime import date, datetime

from core.commands import command
from investments.models import Position, SettlementRun
from oversight.services import move_to

ENDED = (Position.Status.MATURED, Position.Status.CANCELLED)


@command
def close_ended(day: date, *, now: datetime) -> int:
    """Close the positions that ended before `day`, whose principal left, and whose product has paid every run.

    What stays below one unit stays in the pool. Returns how many were closed.
    """
    unpaid = SettlementRun.objects.unfinished().filter(due_on__lte=day)
    ended = Position.objects.filter(status__in=ENDED, principal=0, funded_on__isnull=False, last_on__lt=day)
    ids = list(
        ended.exclude(product__in=unpaid.values("product"))
        .exclude(corrections__status="waiting")
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    for position_id in ids:
        position = Position.objects.lock(position_id)
        if position.status in ENDED:
            move_to(position, Position.Status.CLOSED, by=None, at=now, reason="nothing is left owed")
    return len(ids)
