"""Slices: ranges of position ids that are worked on one by one, here or by the workers, each in its own transaction.

Source: docs/rules/returns.md §3, docs/architecture.md (outgrowing one machine).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from django.conf import settings
from django.db import connection
from kombu.exceptions import OperationalError as BrokerError

logger = logging.getLogger(__name__)

FIRST_ID = "00000000-0000-0000-0000-000000000000"
PAST_ALL_IDS = "ffffffff-ffff-ffff-ffff-ffffffffffff"
"""No version 7 identifier is this one, so it may stand after all of them."""

POLL_SECONDS = 0.2

Progress = Callable[[int, int], None]
"""Called with slices done and slices in all, after each."""


def size() -> int:
    """How many positions a slice holds at most."""
    return int(getattr(settings, "RETURNS_SLICE_SIZE", 50_000))


def stalled_seconds() -> float:
    """How long nobody may have done a slice before the one who handed them over does the rest."""
    return float(getattr(settings, "RETURNS_STALLED_SECONDS", 30))


def unwatched(done: int, total: int) -> None:
    """The progress that nobody looks at."""


class Hand(Protocol):
    """How slices are worked on: `work` does one here, `send` hands one to the workers."""

    def work(self, slice_id: int) -> None: ...

    def send(self, slice_id: int) -> None: ...

    def undone(self, slice_ids: Sequence[int]) -> list[int]: ...


def run(slice_ids: Sequence[int], hand: Hand, *, workers: bool, progress: Progress) -> None:
    """Work on all slices; with `workers`, hand them over, wait, and do here what nobody has done for half a minute."""
    if workers:
        _hand_over(slice_ids, hand, progress)
        slice_ids = hand.undone(slice_ids)
    for done, slice_id in enumerate(slice_ids, 1):
        hand.work(slice_id)
        progress(done, len(slice_ids))


def _hand_over(slice_ids: Sequence[int], hand: Hand, progress: Progress) -> None:
    try:
        for slice_id in slice_ids:
            hand.send(slice_id)
    except BrokerError as error:
        logger.warning("the broker takes no slices (%s): they are done here", error)
        return
    left, moved_at = list(slice_ids), time.monotonic()
    while left and time.monotonic() - moved_at < stalled_seconds():
        time.sleep(POLL_SECONDS)
        still = hand.undone(left)
        if len(still) < len(left):
            left, moved_at = still, time.monotonic()
            progress(len(slice_ids) - len(left), len(slice_ids))


def pin_plans() -> None:
    """Keep this transaction's bulk statements on the index ranges of their slice. A step.

    A table that has just grown has old statistics, and a scan of the whole of it for every slice costs more than
    all the rest. Parallel plans are off as well: the slices are what runs side by side.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),"
            " set_config('jit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true),"
            " set_config('work_mem', '64MB', true)"
        )
