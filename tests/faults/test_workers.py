"""`close_day --workers` with a real Celery worker and a real broker, whatever happens to either."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.faults.machine import MIGRATED, WORLD, until
from tests.faults.world import LAST, NEXT

pytestmark = pytest.mark.slow


@pytest.fixture
def database(machine: Any) -> str:
    """A copy of the world, and a broker without messages of the trial before."""
    machine.valkey._client().flushall()
    return machine.copy(WORLD, "faults_workers")


def test_workers_do_the_slices_and_the_end_is_the_same(machine: Any, database: str, same_as_calm: Any) -> None:
    """Meanwhile a terminal shows the day, the step and its slices."""
    shown, inside = pty.openpty()
    with machine.worker(database) as worker:
        close = machine.start_close(database, "--workers", until=LAST, terminal=inside)
        os.close(inside)
        said = read_all(shown)
        assert close.wait() == 0, said
        log = worker.said()
    same_as_calm(database)
    machine.verify(database)
    assert done(log, "investments.accrue_slice") >= 20 and done(log, "investments.pay_slice") >= 15
    assert done(log, "investments.finish_run") >= 5
    assert "Closing 2026-06-29" in said and "Accrue" in said and "Closed days" in said
    assert any(f"{part}/" in said for part in range(1, 7)), said


def test_a_worker_that_is_killed_with_slices_in_hand(machine: Any, database: str, same_as_calm: Any) -> None:
    """Nobody is there to do them any more: the close does, after a while that it waits once, and one alert says so."""
    with machine.held_up(database) as waiting:
        with machine.worker(database) as worker:
            close = machine.start_close(database, "--workers", until=LAST)
            until(lambda: waiting() >= 2, "no slice was begun", close, worker)
        assert worker.ended() and not close.ended()
    assert close.wait() == 0, close.said()
    assert close.said().count("No worker did a slice for 1 seconds") == 1
    assert machine.valkey._client().llen("celery") <= 4 * 2, "slices were handed over after the stall"
    same_as_calm(database, but=("table oversight_alert",))
    assert raised(machine, database) == [("workers-gone", 1)]


def test_a_workers_children_that_are_killed_with_slices_in_hand(machine: Any, database: str, same_as_calm: Any) -> None:
    """The worker hands their tasks out again."""
    with machine.worker(database) as worker:
        with machine.held_up(database) as waiting:
            close = machine.start_close(database, "--workers", until=LAST)
            until(lambda: waiting() >= 2, "no slice was begun", close, worker)
            for child in worker.children():
                os.kill(child, signal.SIGKILL)
            until(lambda: "WorkerLostError" in worker.said(), "nobody noticed", worker)
        assert close.wait() == 0, close.said()
    same_as_calm(database)


def test_a_broker_that_is_killed_meanwhile(machine: Any, database: str, same_as_calm: Any) -> None:
    """What it held is lost, and done by the close; the worker finds the new one and shares the next close."""
    with machine.worker(database) as worker:
        with machine.held_up(database) as waiting:
            close = machine.start_close(database, "--workers", until=NEXT)
            until(lambda: waiting() >= 2, "no slice was begun", close, worker)
            kill_broker(machine)
        assert close.wait() == 0, close.said()
        last = machine.start_close(database, "--workers", until=LAST)
        assert last.wait() == 0, last.said()
        said = worker.said()
    same_as_calm(database, but=("table oversight_alert",))
    assert done(said.rpartition("Connected to")[2], "investments.pay_slice") >= 5, said


def test_a_broker_that_is_not_there(machine: Any, database: str, same_as_calm: Any) -> None:
    with machine.valkey.locked():
        machine.valkey.stop()
        try:
            close = machine.start_close(database, "--workers", until=LAST)
            assert close.wait() == 0, close.said()
        finally:
            machine.valkey.start()
    assert close.said().count("takes no slices") == 1
    same_as_calm(database, but=("table oversight_alert",))
    assert raised(machine, database) == [("workers-gone", 1)]


def test_a_broker_that_hangs(machine: Any, database: str, same_as_calm: Any) -> None:
    """It refuses nobody and answers nobody: the close gives it some seconds, once."""
    with machine.hanging_broker():
        close = machine.start_close(database, "--workers", until=LAST)
        assert close.wait() == 0, close.said()
    assert close.said().count("takes no slices") == 1
    same_as_calm(database, but=("table oversight_alert",))
    assert raised(machine, database) == [("workers-gone", 1)]


def test_a_broker_that_hangs_meanwhile(machine: Any, database: str, same_as_calm: Any) -> None:
    """Slices were handed over, and nobody can say whether workers are left: the close goes on alone."""
    with contextlib.ExitStack() as stack:
        with machine.held_up(database) as waiting:
            with machine.worker(database) as worker:
                close = machine.start_close(database, "--workers", until=LAST)
                until(lambda: waiting() >= 2, "no slice was begun", close, worker)
            stack.enter_context(machine.hanging_broker())
            until(lambda: "No worker did a slice" in close.said(), "nobody noticed", close)
        assert close.wait() == 0, close.said()
    same_as_calm(database, but=("table oversight_alert",))
    assert raised(machine, database) == [("workers-gone", 1)]


def test_tasks_that_are_delivered_again(machine: Any, database: str, same_as_calm: Any) -> None:
    """Every slice comes twice while the first is being done, and once more when all is over."""
    with machine.worker(database) as worker:
        with machine.held_up(database) as waiting:
            close = machine.start_close(database, "--workers", until=LAST)
            until(lambda: waiting() >= 2, "no slice was begun", close, worker)
            machine.hand_out(database, times=2)
        assert close.wait() == 0, close.said()
        before = worker.said().count(" succeeded in ")
        sent = machine.hand_out(database)
        assert sent >= 40
        until(lambda: worker.said().count(" succeeded in ") >= before + sent, "they aren't done again", worker)
        assert " raised " not in worker.said(), worker.said()
    same_as_calm(database)


def test_two_closes_at_once(machine: Any, database: str, same_as_calm: Any) -> None:
    """One closes, the other waits and finds nothing to do."""
    closes = [machine.start_close(database, until=LAST) for _ in range(2)]
    assert [close.wait() for close in closes] == [0, 0], [close.said() for close in closes]
    same_as_calm(database)


@pytest.mark.parametrize("pairs", [1, 2])
def test_two_and_four_closes_at_once_and_the_broker_killed(
    machine: Any, database: str, same_as_calm: Any, pairs: int
) -> None:
    """Every second one without workers; whoever is first goes on, the others find nothing to do."""
    with machine.worker(database):
        with machine.held_up(database) as waiting:
            closes = [machine.start_close(database, *options, until=LAST) for options in (("--workers",), ()) * pairs]
            until(lambda: waiting() >= 1, "no slice was begun", *closes)
            kill_broker(machine)
        assert [close.wait() for close in closes] == [0] * len(closes), [close.said() for close in closes]
    same_as_calm(database, but=("table oversight_alert",))
    machine.verify(database)


def test_the_task_of_beat_and_its_worker_killed(machine: Any) -> None:
    """A worker that dies amid a close leaves nothing that the next call doesn't go on with."""
    machine.valkey._client().flushall()
    database = machine.copy(MIGRATED, "faults_beat")
    first = datetime.now(UTC).date() - timedelta(days=4)
    machine.run("manage.py", "open_ledger", "--on", str(first), database=database)
    with machine.admin(database) as admin:
        admin.execute("SELECT pg_advisory_lock(hashtext('treasury.coverage'), %s)", [first.toordinal() + 1])
        with machine.worker(database) as worker:
            machine.send(("backoffice.tasks.close_what_is_over", []))
            until(lambda: closed(admin) == 1, "the first day isn't closed", worker)
            machine.await_close(database, worker)
    with machine.worker(database) as worker, machine.admin(database) as admin:
        machine.send(("backoffice.tasks.close_what_is_over", []))
        until(lambda: closed(admin) == 4, "not all days are closed", worker)
        attempts = admin.execute("SELECT array_agg(attempts ORDER BY day) FROM backoffice_endofdayrun").fetchone()
    assert attempts == ([1, 2, 1, 1],)
    machine.verify(database)


def kill_broker(machine: Any) -> None:
    """Kill it and start it again, with nothing of what it held."""
    with machine.valkey.locked():
        os.kill(int(Path(machine.valkey.root, "valkey.pid").read_text()), signal.SIGKILL)
        until(lambda: not machine.valkey.answers(), "the broker goes on")
        machine.valkey.start()
    machine.valkey._client().flushall()


def raised(machine: Any, database: str) -> list[tuple[str, int]]:
    """The alerts of workers that are gone, and how often each was raised."""
    with machine.admin(database) as admin:
        found = admin.execute("SELECT kind, times_raised FROM oversight_alert WHERE kind = 'workers-gone'")
        return list(found.fetchall())


def read_all(terminal: int) -> str:
    said = b""
    try:
        while part := os.read(terminal, 65536):
            said += part
    except OSError:  # its other end is closed
        pass
    return said.decode(errors="replace")


def closed(admin: Any) -> int:
    return int(admin.execute("SELECT count(*) FROM backoffice_endofdayrun WHERE status = 'done'").fetchone()[0])


def done(said: str, task: str) -> int:
    """How often a worker's log says that a task came to its end."""
    return sum(f"Task {task}" in line and "succeeded" in line for line in said.splitlines())
