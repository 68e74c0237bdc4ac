"""Slices: ranges of position ids that are worked on one by one, here or by the workers, each in its own transaction.

Source: docs/rules/returns.md §3, docs/architecture.md (outgrowing one machine).
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar

from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError as BrokerError

from core.commands import run_durably
from core.parallel import side_by_side
from core.plans import allow_memory, set_planner
from oversight import alerts

logger = logging.getLogger(__name__)

FIRST_ID = "00000000-0000-0000-0000-000000000000"
PAST_ALL_IDS = "ffffffff-ffff-ffff-ffff-ffffffffffff"
"""No version 7 identifier is this one, so it may stand after all of them."""

POSITIONS_AT_ONCE = 50_000
"""In a slice. One of payments holds its wallets until it commits, some two seconds; a day of more has work for two."""

FIRST_POLL_SECONDS, POLL_SECONDS = 0.02, 0.2
"""Asked soon, since a small platform's slices are done at once, then ever less often."""

ANSWER_SECONDS = 2.0

Key = TypeVar("Key")
"""What a slice is known by."""

Progress = Callable[[int, int], None]
"""Called with slices done and slices in all, after each."""


def size() -> int:
    """How many positions a slice holds at most, unless the settings say another number."""
    return int(getattr(settings, "RETURNS_SLICE_SIZE", POSITIONS_AT_ONCE))


def stalled_seconds() -> float:
    """How long nobody may have done a slice before the one who handed them over does the rest."""
    return float(getattr(settings, "RETURNS_STALLED_SECONDS", 30))


def unwatched(done: int, total: int) -> None:
    """The progress that nobody looks at."""


@dataclass
class Workers:
    """The workers as one close knows them: it hands them slices until the broker takes none or nobody does any.

    From then on it does all slices itself, so that it waits for them once; `why` says what happened. An alert tells an
    engineer, unless a worker still answers: then a slice that fails everywhere may have held it up.
    """

    now: datetime
    why: str = ""

    def refused(self, error: BrokerError) -> None:
        """The broker takes no slices."""
        self._leave(f"The broker takes no slices ({type(error.__cause__ or error).__name__})")
        run_durably(self._alert)

    def stalled(self) -> None:
        """Slices were handed over, and nobody did one."""
        self._leave(f"No worker did a slice for {stalled_seconds():g} seconds")
        if not _somebody_answers():
            run_durably(self._alert)

    def _leave(self, why: str) -> None:
        self.why = why
        logger.warning("%s: this close does its slices here from now on", why)

    def _alert(self) -> None:
        alerts.raise_alert(
            "workers-gone",
            title="A close was left alone by its workers",
            detail=f"{self.why}. The close does its slices itself. See to the broker and to the workers.",
            at=self.now,
        )


def _somebody_answers() -> bool:
    with current_app.connection_for_write() as broker:
        silences: tuple[type[BaseException], ...] = (BrokerError, *broker.connection_errors)
        try:
            return bool(current_app.control.ping(timeout=ANSWER_SECONDS, limit=1, connection=broker))
        except silences:
            return False


class Hand(Protocol[Key]):
    """How slices are worked on: `work` does one here, `send` hands one to the workers."""

    def work(self, slice_id: Key, /) -> None: ...

    def send(self, slice_id: Key, /) -> None: ...

    def undone(self, slice_ids: Sequence[Key], /) -> list[Key]: ...


def run(slice_ids: Sequence[Key], hand: Hand[Key], *, workers: Workers | None, progress: Progress) -> None:
    """Work on all slices; with `workers`, hand them over, wait, and do here what nobody has done for half a minute.

    Here, two are worked on at a time, unless the caller is in a transaction, into which no other connection sees.
    """
    if workers is not None and slice_ids and not workers.why:
        _hand_over(slice_ids, hand, workers, progress)
        slice_ids = hand.undone(slice_ids)
    done = itertools.count(1)
    side_by_side(
        [partial(hand.work, slice_id) for slice_id in slice_ids],
        on_done=lambda: progress(next(done), len(slice_ids)),
    )


def _hand_over(slice_ids: Sequence[Key], hand: Hand[Key], workers: Workers, progress: Progress) -> None:
    try:
        for slice_id in slice_ids:
            hand.send(slice_id)
    except BrokerError as error:
        workers.refused(error)
        return
    left, moved_at, pause = list(slice_ids), time.monotonic(), FIRST_POLL_SECONDS
    while left and time.monotonic() - moved_at < stalled_seconds():
        time.sleep(pause)
        pause = min(2 * pause, POLL_SECONDS)
        still = hand.undone(left)
        if len(still) < len(left):
            left, moved_at = still, time.monotonic()
            progress(len(slice_ids) - len(left), len(slice_ids))
    if left:
        workers.stalled()


def pin_plans() -> None:
    """Keep this transaction's bulk statements on the index ranges of their slice. A step.

    A table that has just grown has old statistics, and a scan of the whole of it for every slice costs more than
    all the rest. Parallel plans are off as well: the slices are what runs side by side.
    """
    allow_memory()
    set_planner(enable_seqscan="off", enable_bitmapscan="off", jit="off", max_parallel_workers_per_gather=0)
