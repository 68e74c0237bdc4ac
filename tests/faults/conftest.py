"""One machine a session, one world; each trial works on a copy, and every write of it is durable."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from config.embedded.places import place
from config.embedded.postgres import Postgres
from config.embedded.valkey import Valkey
from tests.database import worker_name
from tests.faults import state
from tests.faults.forks import ForkingMachine
from tests.faults.machine import WORLD, Machine
from tests.faults.world import LAST


@dataclass(frozen=True)
class Calm:
    """The end of an undisturbed run: its rows, the ids that were there before it, how many seconds it was closing."""

    rows: dict[str, Counter[str]]
    known: set[str]
    closing_seconds: float


@pytest.fixture(scope="session")
def machine(tmp_path_factory: Any, kept_worlds: Any) -> Iterator[Machine]:
    worker = worker_name()
    with (
        Postgres(place(f"faults-postgres-{worker}"), durable=False).in_use() as postgres,
        Valkey(place(f"faults-valkey-{worker}")).in_use() as valkey,
    ):
        machine = ForkingMachine(postgres, valkey, tmp_path_factory.mktemp("processes"))
        machine.make_world()
        with machine.durable():
            yield machine
        machine.end()


@pytest.fixture(scope="session")
def calm(machine: Machine) -> Calm:
    """Close the days once without disturbance, and with a new interpreter: forks must come to the same end."""
    with machine.admin(WORLD) as world:
        known = state.ids(world)
    database = machine.copy(WORLD, "faults_calm")
    close = Machine(machine.postgres, machine.valkey, machine.folder).start_close(database, until=LAST)
    machine.await_close(database, close)
    began = time.monotonic()
    assert close.wait() == 0, close.said()
    seconds = time.monotonic() - began
    with machine.admin(database) as connection:
        return Calm(state.rows(connection, known), known, seconds)


@pytest.fixture
def same_as_calm(machine: Machine, calm: Calm) -> Callable[..., None]:
    """Compare a database row by row with the undisturbed one, but for what a disturbance is told in."""

    def compare(database: str, *, but: tuple[str, ...] = ()) -> None:
        with machine.admin(database) as connection:
            told = state.differences(calm.rows, state.rows(connection, calm.known))
        told = [line for line in told if not line.startswith(but)]
        assert not told, "\n".join(told)

    return compare
