"""`close_day`, or its database server, killed with kill -9 at random moments, and run again: the same end.

Every write is durable. FAULT_KILLS=100 kills each so often, FAULT_SEED=n at other moments.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.faults.machine import WORLD, Machine, Process
from tests.faults.world import LAST

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("FAULT_KILLS", "3"))
SEED = int(os.environ.get("FAULT_SEED", "3"))
KILLS_A_COPY = 5
TOLD = (
    "table backoffice_endofdayproblem has",
    "table oversight_alert has",
    "table oversight_auditevent has",
    "rows of seals",
)


def test_the_undisturbed_run_is_the_same_twice(machine: Machine, same_as_calm: Any) -> None:
    """The measure itself: without it, the comparisons below say nothing."""
    database = machine.copy(WORLD, "faults_twice")
    assert machine.start_close(database, until=LAST).wait() == 0
    same_as_calm(database)


def test_a_close_that_is_killed_again_and_again(machine: Machine, calm: Any, same_as_calm: Any) -> None:
    """Each copy of the world is killed up to five times, and then closed to its end."""
    for database in killed_copies(machine, calm.closing_seconds, kill_close):
        same_as_calm(database)


def test_a_database_that_is_killed_again_and_again(machine: Machine, calm: Any, same_as_calm: Any) -> None:
    """The close ends, with the lock that it lost; run again, it goes on from what was committed.

    A close that outlives its server may say so, in a problem that is solved, an alert and the audit trail: added rows.
    """
    for database in killed_copies(machine, calm.closing_seconds, kill_server):
        same_as_calm(database, but=TOLD)


def killed_copies(machine: Machine, seconds: float, kill: Callable[[Machine, Process], bool]) -> Iterator[str]:
    """Give copies of the world that were killed again and again, and then closed and verified."""
    moments, kills = random.Random(SEED), 0  # noqa: S311
    while kills < KILLS:
        database, pauses = machine.copy(WORLD, "faults_killed"), []
        for _ in range(min(KILLS_A_COPY, KILLS - kills)):
            close = machine.start_close(database, until=LAST)
            machine.await_close(database, close)
            pauses.append(moments.uniform(0, seconds / 2))
            time.sleep(pauses[-1])
            kills += kill(machine, close)
        last = machine.start_close(database, until=LAST)
        assert last.wait() == 0, f"killed after {pauses} seconds: {last.said()}"
        machine.verify(database)
        yield database


def kill_close(_: Machine, close: Process) -> bool:
    """Kill it, unless it had come to its end."""
    if close.ended():
        return False
    close.kill()
    return True


def kill_server(machine: Machine, close: Process) -> bool:
    """Kill the server and start it again; say whether the close was still under way."""
    with machine.postgres.locked():
        os.kill(int((machine.postgres.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        machine.postgres.start()
    return close.wait() == 1
