"""A machine whose processes are forks of one that has loaded the platform."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from config.embedded.places import PROJECT
from tests.faults.machine import MIGRATED, Machine, Process


class Loader:
    """Our end of `tests.faults.loaded`."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.loaded"], cwd=PROJECT, env=environment, start_new_session=True,
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def ask(self, what: Any) -> Any:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self) -> None:
        self.process.communicate()


@dataclass
class Fork:
    """One of the loader's processes, with what `Process` asks of it, as `subprocess` has it."""

    loader: Loader
    pid: int
    returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self.loader.ask(self.pid)
        return self.returncode

    def wait(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.02)
        return code


@dataclass
class ForkingMachine(Machine):
    """Each process is as real as one of a new interpreter, which would load the platform for two seconds first."""

    loaders: dict[str, Loader] = field(default_factory=dict)
    """By their environment, which says a server's port: started again, it may have to take another one."""

    def start(self, *arguments: str, database: str, terminal: int | None = None) -> Process:
        environment = self.environment(MIGRATED)
        loader = self.loaders.get(str(environment)) or self.loaders.setdefault(str(environment), Loader(environment))
        output = self.new_output()
        shown = os.ttyname(terminal) if terminal else str(output)
        asked = {"arguments": arguments, "database": database, "output": shown}
        return Process(Fork(loader, loader.ask(asked)), output)

    def end(self) -> None:
        for loader in self.loaders.values():
            loader.end()
