"""What `verify_ledger` recomputes of closes: a day whose close is done has its coverage and its seal."""

from __future__ import annotations

from collections.abc import Iterator

from backoffice.models import EndOfDayRun
from ledger.models import Seal


def unsealed_closes() -> Iterator[str]:
    """Yield each day whose close came to its end and that has no seal: the newest seal has none after it to miss it."""
    sealed = Seal.objects.values("day_id")
    bare = EndOfDayRun.objects.filter(sealed_at__isnull=False).exclude(day__in=sealed).order_by("day")
    yield from (f"the close of {run.day} came to its end, and its seal is gone" for run in bare)
