"""Pieces of work side by side, each on a database connection of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from django.conf import settings
from django.db import connection

Work = Callable[[], None]


def side_by_side(works: Sequence[Work], *, on_done: Callable[[], None] = lambda: None) -> None:
    """Do all of this, `settings.WORK_AT_ONCE` pieces at a time; `on_done` is called here after each.

    What a piece raises is raised when those under way have ended; no further one begins. Inside a transaction, into
    which no other connection sees, they are done in turn.
    """
    if len(works) == 1 or settings.WORK_AT_ONCE == 1 or connection.in_atomic_block:
        for work in works:
            work()
            on_done()
        return
    pool = ThreadPoolExecutor(settings.WORK_AT_ONCE, thread_name_prefix="work")
    try:
        for done in as_completed([pool.submit(_alone, work) for work in works]):
            done.result()
            on_done()
    finally:
        pool.shutdown(cancel_futures=True)


def _alone(work: Work) -> None:
    try:
        work()
    finally:
        connection.close()
