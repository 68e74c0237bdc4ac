"""`close_day` killed with kill -9 at random moments, and run again: the end is that of an undisturbed run.

FAULT_KILLS=100 kills more often, FAULT_SEED=n at other moments.
"""

from __future__ import annotations

import os
import random
import signal
import time
from typing import Any

import pytest

from tests.faults.machine import WORLD, Machine
from tests.faults.world import LAST

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("FAULT_KILLS", "10"))
SEED = int(os.environ.get("FAULT_SEED", "3"))
KILLS_A_COPY = 5
TOLD = ("table backoffice_endofdayproblem", "table oversight_alert", "table oversight_auditevent", "rows of seals")


def test_the_undisturbed_run_is_the_same_twice(machine: Machine, same_as_calm: Any) -> None:
    """The measure itself: without it, the comparisons below say nothing."""
    database = machine.copy(WORLD, "faults_twice")
    assert machine.start_close(database, until=LAST).wait() == 0
    same_as_calm(database)


def test_a_close_that_is_killed_again_and_again(machine: Machine, calm: Any, same_as_calm: Any) -> None:
    """Each copy of the world is killed up to five times, and then closed to its end."""
    moments, kills = random.Random(SEED), 0  # noqa: S311
    while kills < KILLS:
        database = machine.copy(WORLD, "faults_killed")
        pauses = [moments.uniform(0, calm.closing_seconds / 2) for _ in range(min(KILLS_A_COPY, KILLS - kills))]
        killed = [pause for pause in pauses if killed_after(machine, database, pause)]
        kills += len(killed)
        last = machine.start_close(database, until=LAST)
        assert last.wait() == 0, f"killed after {killed} seconds: {last.said()}"
        same_as_calm(database)
        machine.verify(database)


def test_a_database_that_is_killed_meanwhile(machine: Machine, calm: Any, same_as_calm: Any) -> None:
    """The close ends, with the lock that it lost; run again, it goes on from what was committed."""
    database = machine.copy(WORLD, "faults_killed")
    with machine.durable():
        close = machine.start_close(database, until=LAST)
        machine.await_close(database, close)
        time.sleep(calm.closing_seconds / 3)
        with machine.postgres.locked():
            os.kill(int((machine.postgres.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            machine.postgres.start()
        assert close.wait() == 1, close.said()
    last = machine.start_close(database, until=LAST)
    assert last.wait() == 0, last.said()
    same_as_calm(database, but=TOLD)
    machine.verify(database)


def killed_after(machine: Machine, database: str, pause: float) -> bool:
    """Close, and kill it so many seconds after it has begun; False when it had come to its end."""
    close = machine.start_close(database, until=LAST)
    machine.await_close(database, close)
    time.sleep(pause)
    if close.ended():
        return False
    close.kill()
    return True
