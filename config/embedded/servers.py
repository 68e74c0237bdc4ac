"""What both embedded servers share: one starter at a time, users counted by the kernel, a remembered port."""

from __future__ import annotations

import abc
import contextlib
import fcntl
import json
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Self

HOST = "127.0.0.1"


class EmbeddedServer(abc.ABC):
    """A server whose files live in `root`.

    `lock` is held exclusively while it is started or stopped. Whoever uses it holds `users` shared, so that
    the kernel forgets a user who was killed, and the last one to leave stops the server.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @abc.abstractmethod
    def start(self) -> None:
        """Start it unless it runs; called with the lock held."""

    @abc.abstractmethod
    def stop(self) -> None:
        """Stop it if it runs; called with the lock held."""

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process from starting or stopping this server."""
        with (self.root / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def in_use(self) -> Iterator[Self]:
        """Have the server running for the length of the block."""
        with (self.root / "users").open("w") as users:
            with self.locked():
                self.start()
                fcntl.flock(users, fcntl.LOCK_SH)
            try:
                yield self
            finally:
                self._leave(users)

    def stop_if_unused(self) -> bool:
        """Stop the server if it runs and nobody holds it; say whether nobody does."""
        with (self.root / "users").open("w") as users:
            return self._leave(users)

    def _leave(self, users: IO[str]) -> bool:
        with self.locked():
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            self.stop()
            return True

    def remembered(self) -> dict[str, Any]:
        """Port and passwords, made up at the first call and kept in a file that only we may read."""
        path = self.root / "remembered.json"
        if path.exists():
            kept: dict[str, Any] = json.loads(path.read_text())
            return kept
        made = {"port": free_port()} | {role: secrets.token_urlsafe(24) for role in ("admin", "owner", "app")}
        self.remember(made)
        return made

    def remember(self, facts: dict[str, Any]) -> None:
        """Write port and passwords, whole or not at all."""
        path = self.root / "remembered.json"
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(facts))
        unfinished.replace(path)

    @property
    def port(self) -> int:
        return int(self.remembered()["port"])

    def settle_port(self) -> int:
        """The remembered port, or a new one if somebody else has taken it meanwhile."""
        facts = self.remembered()
        if not is_free(int(facts["port"])):
            facts["port"] = free_port()
            self.remember(facts)
        return int(facts["port"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def is_free(port: int, host: str = HOST) -> bool:
    """Say whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def is_alive(process: int) -> bool:
    """Say whether a process runs; one that ended but wasn't collected yet doesn't."""
    try:
        with open(f"/proc/{process}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False
