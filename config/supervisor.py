"""The demo on one machine: servers, web, one worker and beat, started together and stopped together.

`python -m config.supervisor` runs until it is interrupted; `… reset` forgets the demo's data, and `… codes` prints the
present codes of the officers' authenticator apps.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from types import FrameType
from typing import Any

from rich.console import Console
from rich.table import Table

from config import environment
from config.embedded.places import PROJECT, ServerError, own_place
from config.embedded.servers import is_free

console = Console(highlight=False, soft_wrap=True)
_libc = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
WEB_SECONDS = 60.0


class Refused(Exception):
    """The demo can't run; the text says why in one line."""


class Stop(Exception):
    """Somebody asked us to stop."""


class Supervisor:
    """The guardian of the servers and the three processes; leaving the `with` block ends them all."""

    def __init__(self, port: int, host: str) -> None:
        self.port, self.host = port, host
        self.logs = own_place() / "logs"
        self.logs.mkdir(exist_ok=True)
        self.processes: dict[str, subprocess.Popen[Any]] = {}
        self.guardian = self._guardian()
        self.serving = False

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if self.guardian.poll() is not None:  # somebody killed it: another one ends what it held
            self.guardian = self._guardian()
            for process in self.processes.values():
                self._entrust(process.pid)
        assert self.guardian.stdin
        self.guardian.stdin.close()
        while self.guardian.poll() is None:
            for process in self.processes.values():
                process.poll()
            time.sleep(0.05)
        if self.guardian.returncode and self.serving:
            assert self.guardian.stdout
            console.print(f"fiducia: the servers weren't stopped: {self.guardian.stdout.read().strip()}")

    def _guardian(self) -> subprocess.Popen[Any]:
        return subprocess.Popen(
            [sys.executable, "-m", "config.guardian"], cwd=PROJECT, text=True, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def wait_for_servers(self) -> None:
        assert self.guardian.stdout
        said = self.guardian.stdout.readline().strip()
        if said != "ready":
            raise Refused(said or "PostgreSQL and Valkey didn't start")
        self.serving = True

    def run(self, name: str, *arguments: str) -> subprocess.Popen[Any]:
        """Start a process in a session of its own, which the guardian ends and which ends if we are killed."""
        with (self.logs / f"{name}.log").open("a") as log:
            on_screen = name == "prepare"
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments], cwd=PROJECT, start_new_session=True, stdin=subprocess.DEVNULL,
                stdout=None if on_screen else log, stderr=None if on_screen else log, preexec_fn=die_with_parent,  # noqa: PLW1509 - no thread runs yet
            )  # fmt: skip
        self._entrust(process.pid)
        self.processes[name] = process
        return process

    def _entrust(self, number: int) -> None:
        assert self.guardian.stdin
        self.guardian.stdin.write(f"{number}\n")
        self.guardian.stdin.flush()

    def prepare(self) -> None:
        if self.run("prepare", "config.prepare").wait():
            raise Refused("the demo couldn't be prepared; what went wrong stands above")
        del self.processes["prepare"]

    def serve(self) -> None:
        """Start web, worker and beat (they are stopped the other way round), and wait until web answers."""
        self.run("web", "gunicorn", "--bind", f"{self.host}:{self.port}", "config.wsgi:application")
        self.run("worker", "celery", "-A", "config", "worker", "--concurrency", "2", "--loglevel", "INFO")
        self.run("beat", "celery", "-A", "config", "beat", "--loglevel", "INFO")
        deadline = time.monotonic() + WEB_SECONDS
        while not self.answers():
            self.refuse_if_one_ended()
            if time.monotonic() > deadline:
                raise Refused(f"web doesn't answer on port {self.port}; see {self.logs / 'web.log'}")
            time.sleep(0.1)

    def answers(self) -> bool:
        try:
            urllib.request.urlopen(f"http://{self.host}:{self.port}/health/live", timeout=5)
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def watch(self) -> None:
        """Wait for ever; refuse to go on once a process ended by itself."""
        while True:
            self.refuse_if_one_ended()
            time.sleep(0.5)

    def refuse_if_one_ended(self) -> None:
        for name, process in (*self.processes.items(), ("guardian", self.guardian)):
            if process.poll() is not None:
                raise Refused(f"{name} ended by itself (exit code {process.returncode}); see {self.logs}/{name}.log")

    def greet(self) -> None:
        """Print the addresses and the demo's log-ins."""
        base = f"http://localhost:{self.port}"
        table = Table(box=None, show_header=False, padding=(0, 2))
        for title, path in (("Console", "/admin/"), ("API docs", "/api/v1/docs"),
                            ("Coverage, public", "/transparency/")):  # fmt: skip
            table.add_row(title, f"{base}{path}")
        for log_in in _log_ins():
            table.add_row(log_in["title"], f"{log_in['email']}   {log_in['password']}")
        console.print()
        console.print(table)
        console.print("\nOfficers give a code of an authenticator app, too: `make demo-codes` shows the present ones.")
        console.print(f"Logs: {self.logs}. Ctrl-C stops everything.")


def _log_ins() -> list[dict[str, str]]:
    """What `play_demo` left for us: `title`, `email`, `password`, `totp` (a secret) of each officer and investor."""
    path = own_place() / "demo-log-ins.json"
    found: list[dict[str, str]] = json.loads(path.read_text()) if path.exists() else []
    return found


def show_codes() -> None:
    """Print what the officers' authenticator apps show now; each code is good once."""
    import pyotp

    table = Table(box=None, show_header=False, padding=(0, 2))
    for log_in in _log_ins():
        if log_in["totp"]:
            table.add_row(log_in["email"], pyotp.TOTP(log_in["totp"]).now(), f"secret {log_in['totp']}")
    console.print(table if table.rows else "There is no demo yet: make demo")


def die_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def stop(_number: int, _frame: FrameType | None) -> None:
    raise Stop


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Refuse a second demo in the same checkout; the kernel forgets the lock of one that was killed."""
    with (own_place() / "demo.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Refused(f"the demo of this folder runs already (process {file.read().strip() or '?'})") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def where() -> tuple[int, str]:
    """The port and the address to listen on."""
    text = os.environ.get("FIDUCIA_PORT", "8000")
    port = int(text) if text.isdigit() else 0
    if not 0 < port < 65536:
        raise Refused(f"FIDUCIA_PORT is {text!r}; it must be a port's number, such as 8000")
    host = os.environ.get("FIDUCIA_HOST", "127.0.0.1")
    if not is_free(port, host):
        raise Refused(f"port {port} is in use; choose another one: FIDUCIA_PORT={port + 1} make demo")
    return port, host


def reset() -> None:
    """Forget everything that the demo wrote."""
    place = own_place()
    for name in ("postgres", "valkey", "media", "logs"):
        shutil.rmtree(place / name, ignore_errors=True)
    for name in ("demo-state", "demo-log-ins.json"):
        (place / name).unlink(missing_ok=True)


def demo() -> None:
    port, host = where()
    with Supervisor(port, host) as supervisor:
        try:
            with console.status("Starting PostgreSQL and Valkey …"):
                supervisor.wait_for_servers()
            console.print("  PostgreSQL and Valkey: running")
            supervisor.prepare()
            with console.status("Starting web, worker and beat …"):
                supervisor.serve()
            supervisor.greet()
            supervisor.watch()
        except Stop:
            console.print("\nStopping …")
    console.print("Stopped.")


def main(arguments: list[str]) -> int:
    if not environment.uses_embedded_servers():
        console.print("The demo brings its own servers and people: run it without DATABASE_URL and FIDUCIA_MODE.")
        return 1
    if arguments == ["codes"]:
        show_codes()
        return 0
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        with alone():
            if arguments == ["reset"]:
                end_servers()
                reset()
            else:
                demo()
    except (Refused, ServerError) as refusal:
        console.print(f"fiducia: {refusal}")
        return 1
    except Stop:
        return 130
    return 0


def end_servers() -> None:
    """Stop servers that a killed run left behind; a `manage.py` that uses them still is a reason to refuse."""
    from config import embedded

    for server in (embedded.demo_valkey(), embedded.demo_postgres()):
        if not server.stop_if_unused():
            raise Refused("some other process uses the demo's servers; end it first")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
