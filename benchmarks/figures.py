"""Figures: a value beside the limit that was measured in the same run, and what their ratio must reach."""

from __future__ import annotations

import operator
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

RUNS = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `ratio` is value over limit; `at_most` says on which side of `target` it must stay.

    One that isn't `judged` is shown for its trend: at a small size the start of a process is most of what it measures.
    """

    name: str
    value: float
    unit: str
    limit: float | None
    ratio: float
    target: float
    at_most: bool
    beside: str = ""
    judged: bool = True

    @property
    def missed(self) -> bool:
        return self.judged and not self.ok

    @property
    def ok(self) -> bool:
        return (operator.le if self.at_most else operator.ge)(self.ratio, self.target)

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "ok": self.ok}


@dataclass(frozen=True, slots=True)
class Pair:
    """Medians of interleaved runs: of each side, and of the ratio of each run's two."""

    ours: float
    limit: float
    ratio: float


def interleave(ours: Callable[[], float], limit: Callable[[], float], *, runs: int = RUNS) -> Pair:
    """Measure both in turns, so that what else the machine does falls on both; each returns its own figure."""
    measured = [(ours(), limit()) for _ in range(runs)]
    return Pair(
        statistics.median(mine for mine, _ in measured),
        statistics.median(bare for _, bare in measured),
        statistics.median(mine / bare for mine, bare in measured),
    )


def seconds(work: Callable[[], object]) -> float:
    """The time that `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def rate(client: Callable[[int, Callable[[], bool]], int], *, clients: int, lasting: float) -> float:
    """Let so many threads go on for so many seconds; return what they did together a second.

    `client` is given its number and what says whether to go on, and returns how much it did. What one raises is raised.
    """
    began = time.perf_counter()
    until = began + lasting
    with ThreadPoolExecutor(clients) as pool:
        done = sum(pool.map(lambda place: client(place, lambda: time.perf_counter() < until), range(clients)))
    return done / (time.perf_counter() - began)


def keyed_rate(work: Callable[[int, str], object], *, clients: int, lasting: float) -> float:
    """`rate` of work on the database: each piece is given its client's number and a key that no other piece has."""
    from django.db import connection

    run = f"{time.monotonic_ns()}"

    def client(place: int, goes_on: Callable[[], bool]) -> int:
        done = 0
        try:
            while goes_on():
                work(place, f"{run}:{place}:{done}")
                done += 1
        finally:
            connection.close()
        return done

    return rate(client, clients=clients, lasting=lasting)


def short(count: int) -> str:
    """Write a count as figures are named: 100k, 1m."""
    return f"{count // 1_000_000}m" if count >= 1_000_000 else f"{count // 1_000}k"
