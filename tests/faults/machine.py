"""A machine of the platform's own: a PostgreSQL, a Valkey, and processes that may be killed.

The databases are copies of one world, so that every trial begins on the same rows.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import psycopg
from celery import Celery

from config.embedded.places import PROJECT
from config.embedded.postgres import Postgres
from config.embedded.valkey import Valkey
from ledger import provision
from tests.database import copy_template, digests, drop

MIGRATED, WORLD = "faults_migrated", "faults_world"
SECONDS = 180.0
CLOSING = """
    SELECT EXISTS (
        SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database()
          AND (l.classid::bigint << 32 | l.objid::bigint) = hashtext('backoffice.close_day'))
"""

HOLD = """
    SELECT pg_advisory_lock(hashtext('investments.returns'), hashtext(id::text))
    FROM investments_product WHERE code = 'vip3'
"""
TASKS = """
    SELECT 'investments.accrue_slice', jsonb_build_array(id, '2026-07-03T00:05:00+00:00') FROM investments_accrualslice
    UNION ALL
    SELECT 'investments.pay_slice', jsonb_build_array(s.id, '2026-07-03T00:05:00+00:00', r.due_on)
    FROM investments_settlementslice s JOIN investments_settlementrun r ON r.id = s.run_id
    UNION ALL
    SELECT 'investments.finish_run', jsonb_build_array(id, '2026-07-03T00:05:00+00:00', due_on)
    FROM investments_settlementrun
"""
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND mode = 'ShareLock'"


@dataclass
class Machine:
    """`folder` takes the output of its processes."""

    postgres: Postgres
    valkey: Valkey
    folder: Path

    def environment(self, database: str) -> dict[str, str]:
        """What a process finds; nothing of the shell that runs the tests leaks into it."""
        return {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG", "FIDUCIA_VAR") if name in os.environ},
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "TERM": "xterm",
            "FIDUCIA_MODE": "development",
            "FIDUCIA_ENV_FILE": os.devnull,
            "DATABASE_URL": self.postgres.url("app", database),
            "OWNER_DATABASE_URL": self.postgres.url("owner", database),
            "REDIS_URL": self.valkey.url(),
        }

    def make_world(self) -> None:
        """Take over what `migrate` made (again only if code changed) and play June.

        Autovacuum stays off: its transactions would hold up what seals take in.
        """
        with self.admin() as admin:
            admin.execute("ALTER SYSTEM SET autovacuum = off")
            admin.execute("SELECT pg_reload_conf()")
        self.make_migrated()
        self.copy(MIGRATED, WORLD)
        self.run("-m", "tests.faults.world", database=WORLD)

    def make_migrated(self) -> None:
        stamp, (migrations, code) = self.postgres.root / "migrated", digests()
        if stamp.exists() and stamp.read_text() == migrations + code:
            return
        stamp.unlink(missing_ok=True)
        with self.admin() as admin:
            drop(admin, MIGRATED)
        self.postgres.provision(MIGRATED)
        copy_template(self.postgres, MIGRATED)
        stamp.write_text(migrations + code)

    def copy(self, source: str, name: str) -> str:
        """Make the database `name` anew, as `source` stands.

        Until a checkpoint, a copied sequence believes that its next values are in the log already, and a server that
        crashes would give them out twice.
        """
        with self.admin() as admin:
            drop(admin, name)
            provision.make_database(admin, name, template=source)
            admin.execute("CHECKPOINT")
        return name

    @contextlib.contextmanager
    def durable(self) -> Iterator[None]:
        """Have the database's server, started anew, write as in production while the block lasts."""
        self._restart(durable=True)
        try:
            yield
        finally:
            self._restart(durable=False)

    def _restart(self, *, durable: bool) -> None:
        with self.postgres.locked():
            self.postgres.stop()
            self.postgres.durable = durable
            self.postgres.start()

    def admin(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A connection of the server's administrator, whom no right and no lock of ours hold up for ever."""
        return psycopg.connect(
            self.postgres.url("admin", database),
            autocommit=True,
            options="-c lock_timeout=20s -c statement_timeout=60s",
        )

    def start(self, *arguments: str, database: str, terminal: int | None = None) -> Process:
        """Start Python in a session of its own, its output in a file or on a terminal."""
        output = self.new_output()
        with output.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, *arguments], cwd=PROJECT, env=self.environment(database), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=terminal or file, stderr=subprocess.STDOUT,
            )  # fmt: skip
        return Process(process, output)

    def new_output(self) -> Path:
        output = self.folder / f"{time.monotonic_ns()}.log"
        output.touch()
        return output

    def run(self, *arguments: str, database: str) -> str:
        """Run Python to its end; return what it said. It must end with 0."""
        process = self.start(*arguments, database=database)
        assert process.wait() == 0, process.said()
        return process.said()

    def start_close(self, database: str, *options: str, until: date, terminal: int | None = None) -> Process:
        arguments = ("manage.py", "close_day", "--until", str(until), *options)
        return self.start(*arguments, database=database, terminal=terminal)

    def verify(self, database: str) -> None:
        """Have every balance, fingerprint and seal recomputed: what a comparison of rows leaves out."""
        self.run("manage.py", "verify_ledger", database=database)

    def await_close(self, database: str, *processes: Process) -> None:
        """Wait until some process holds the close's lock, or the first of these has ended."""
        with self.admin(database) as admin:
            until(
                lambda: processes[0].ended() or bool(admin.execute(CLOSING).fetchone()[0]),
                "the close didn't begin",
                *processes,
            )

    def hand_out(self, database: str, *, times: int = 1) -> int:
        """Send the task of every slice and of every run's end to the workers so often; return how many were sent."""
        with self.admin(database) as admin:
            tasks = admin.execute(TASKS).fetchall() * times
        self.send(*tasks)
        return len(tasks)

    def send(self, *tasks: tuple[str, Sequence[Any]]) -> None:
        """Send tasks, each a name and its arguments, to the workers."""
        with Celery(broker=self.valkey.url(), set_as_current=False) as sender:
            for name, arguments in tasks:
                sender.send_task(name, arguments)

    @contextlib.contextmanager
    def hanging_broker(self) -> Iterator[None]:
        """Stop the broker's process without ending it: it takes connections, and answers none."""
        number = int(Path(self.valkey.root, "valkey.pid").read_text())
        with self.valkey.locked():
            os.kill(number, signal.SIGSTOP)
            try:
                yield
            finally:
                os.kill(number, signal.SIGCONT)

    @contextlib.contextmanager
    def held_up(self, database: str) -> Iterator[Callable[[], int]]:
        """Let no slice of an accrual go on while the block lasts; gives how many wait."""
        with self.admin(database) as admin:
            admin.execute(HOLD)
            yield lambda: int(admin.execute(WAITING).fetchone()[0])

    @contextlib.contextmanager
    def worker(self, database: str) -> Iterator[Process]:
        """A Celery worker that is ready; it ends with the block, whatever happened to it."""
        worker = self.start(
            "-m", "celery", "-A", "config", "worker", "--concurrency", "2", "--loglevel", "INFO", "--without-mingle",
            database=database,
        )  # fmt: skip
        try:
            until(lambda: " ready." in worker.said(), "the worker isn't ready", worker)
            yield worker
        finally:
            worker.kill()


class Running(Protocol):
    """What `subprocess` says of a process."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float) -> int: ...


@dataclass(frozen=True)
class Process:
    """One that was started by us, with all of its children."""

    running: Running
    output: Path

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def ended(self) -> bool:
        return self.running.poll() is not None

    def wait(self, seconds: float = SECONDS) -> int:
        """Return its exit code."""
        try:
            return self.running.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it didn't end within {seconds} seconds: {self.said()}") from None

    def kill(self) -> None:
        """kill -9, its children too."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait(SECONDS)

    def children(self) -> Sequence[int]:
        found = Path(f"/proc/{self.running.pid}/task/{self.running.pid}/children").read_text()
        return [int(number) for number in found.split()]


def until(holds: Callable[[], bool], otherwise: str, *processes: Process, seconds: float = SECONDS) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not holds():
        said = "\n".join(process.said() for process in processes)
        assert time.monotonic() < deadline, f"{otherwise}\n{said}"
        time.sleep(0.02)
