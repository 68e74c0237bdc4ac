"""The platform as it runs for real (gunicorn, a worker, beat, PostgreSQL, Valkey), with all that they write."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import redis

from config.embedded.places import PROJECT
from config.embedded.servers import free_port
from tests.faults.machine import MIGRATED, Machine, Process, until
from tests.logs.secrets import Secrets

BROWSER = "Mozilla/5.0 (X11; Journey)"
DATABASE = "logs"
KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()


class House(Machine):
    """A machine whose processes run as in production; each statement of the application goes into PostgreSQL's log."""

    def environment(self, database: str) -> dict[str, str]:
        methods = self.folder / "payment_methods.json"
        if not methods.exists():
            shown = (PROJECT / "payments" / "data" / "payment_methods.json").read_text()
            methods.write_text(shown.replace("(demonstration)", ""))
        mails = self.folder / "mails"
        mails.mkdir(exist_ok=True)
        return super().environment(database) | {
            "DJANGO_SETTINGS_MODULE": "tests.logs.settings",
            "FIDUCIA_MODE": "production",
            "SECRET_KEY": "a-long-secret-of-many-different-characters-0123456789-xyz",
            "FIELD_KEYS": KEY,
            "BLIND_INDEX_KEY": KEY,
            "ALLOWED_HOSTS": "fiducia.example",
            "TRUSTED_PROXIES": "1",
            "EMAIL_URL": "smtp://127.0.0.1:9",
            "SMS_URL": f"sandbox://{self.folder}/sms.jsonl",
            "PAYMENT_METHODS_FILE": str(methods),
            "FIDUCIA_TEST_MAILS": str(mails),
        }

    def prepare(self) -> None:
        self.make_migrated()
        self.copy(MIGRATED, DATABASE)
        with self.admin() as admin:
            admin.execute("ALTER ROLE fiducia_app SET log_min_duration_statement = 0")
        self.run("-m", "tests.logs.world", "prepare", database=DATABASE)

    @contextlib.contextmanager
    def open(self) -> Iterator[Open]:
        """Start all of it; it ends with the block."""
        port = free_port()
        sms, log = self.folder / "sms.jsonl", self.postgres.root / "server.log"
        sms.unlink(missing_ok=True)
        began = log.stat().st_size
        with contextlib.ExitStack() as stack:
            said = stack.enter_context(self._overheard())
            arguments = ("--bind", f"127.0.0.1:{port}", "config.wsgi:application")
            web = self.start("-m", "gunicorn", *arguments, database=DATABASE)
            stack.callback(web.kill)
            beat = self.start("-m", "celery", "-A", "config", "beat", "--loglevel", "INFO", database=DATABASE)
            stack.callback(beat.kill)
            worker = stack.enter_context(self.worker(DATABASE))
            house = Open(self, port, {"web": web, "worker": worker, "beat": beat}, said, began)
            until(house.answers, "the web doesn't answer", web)
            until(lambda: "beat: Starting" in beat.said(), "beat doesn't start", beat)
            yield house

    @contextlib.contextmanager
    def _overheard(self) -> Iterator[list[str]]:
        """All that broker and cache are told, while the block lasts."""
        said: list[str] = []
        client = redis.Redis.from_url(self.valkey.url(), decode_responses=True, socket_timeout=None)
        client.flushall()
        monitor = client.monitor()
        monitor.__enter__()

        def listen() -> None:
            with contextlib.suppress(Exception):
                for command in monitor.listen():
                    said.append(str(command["command"]))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield said
        finally:
            monitor.connection.disconnect()
            thread.join(timeout=10)


@dataclass
class Open:
    """A house that is running, and whoever calls it; secrets are learned from what is sent and answered."""

    house: House
    port: int
    processes: dict[str, Process]
    overheard: list[str]
    began: int
    secrets: Secrets = field(default_factory=Secrets)
    client: str = "203.0.113.77"

    def answers(self) -> bool:
        try:
            return self.call("GET", "/health/live")[0] == 200
        except OSError:
            return False

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Call through the proxy that production stands behind; return status and content."""
        self.secrets.learn(body)
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", content, method=method)
        given = {"Host": "fiducia.example", "X-Forwarded-For": self.client, "X-Forwarded-Proto": "https"}
        given |= {"Content-Type": "application/json", "User-Agent": BROWSER}
        for name, value in {**given, **{name.replace("_", "-"): value for name, value in headers.items()}}.items():
            request.add_unredirected_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own port
                return answer.status, self._read(answer)
        except urllib.error.HTTPError as refusal:
            return refusal.code, self._read(refusal)

    def _read(self, answer: Any) -> Any:
        raw = answer.read()
        if "json" not in (answer.headers.get("Content-Type") or ""):
            return raw
        content = json.loads(raw)
        self.secrets.learn(content, answered=True)
        return content

    def mail(self, to: str, pattern: str) -> str:
        """Wait for a mail to somebody with something in it that looks so; return what it is."""
        return self._await(lambda: (text for address, text in self._mails() if address == to), pattern)

    def sms(self, to: str, pattern: str = r"(?<!\d)(\d{6})(?!\d)") -> str:
        path = self.house.folder / "sms.jsonl"

        def texts() -> Iterator[str]:
            lines = path.read_text().splitlines() if path.exists() else []
            return (said["text"] for said in map(json.loads, reversed(lines)) if said["to"] == to)

        return self._await(texts, pattern)

    def _await(self, texts: Any, pattern: str) -> str:
        found: list[str] = []

        def is_there() -> bool:
            found.extend(match.group(1) for text in texts() if (match := re.search(pattern, text)))
            return bool(found)

        until(is_there, f"nothing came like {pattern}", *self.processes.values(), seconds=30)
        self.secrets.known.setdefault(found[0], "sent")
        return found[0]

    def _mails(self) -> Iterator[tuple[str, str]]:
        paths = sorted((self.house.folder / "mails").iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in paths:
            for part in path.read_bytes().split(b"\n" + b"-" * 79 + b"\n"):
                message = message_from_bytes(part, policy=policy.default)
                body = message.get_body(("plain",))
                if message["To"] and body is not None:
                    yield str(message["To"]), body.get_content()

    def logs(self) -> dict[str, str]:
        """Everything that was written while it ran, by who wrote it."""
        database = (self.house.postgres.root / "server.log").read_bytes()[self.began :]
        valkey = Path(self.house.valkey.root, "server.log")
        return {
            **{name: process.said() for name, process in self.processes.items()},
            "postgresql": database.decode(errors="replace"),
            "valkey": valkey.read_text(errors="replace"),
            "broker and cache": "\n".join(self.overheard),
        }
