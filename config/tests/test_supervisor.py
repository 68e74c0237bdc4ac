"""The demo's processes end together, whoever ends and however."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.embedded.places import PROJECT
from config.embedded.servers import free_port

pytestmark = pytest.mark.slow
FOLDER_OF_ITS_OWN = "FIDUCIA_VAR"


def processes_in(folder: Path) -> list[str]:
    """The command lines of all processes that belong to this demo, by the folder in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                environment, line = entry.joinpath("environ").read_bytes(), entry.joinpath("cmdline").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in environment or str(folder).encode() in line:
                found.append(line.replace(b"\0", b" ").decode())
    return found


class Demo:
    """`python -m config.supervisor` with a folder and a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()

    def start(self) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if name != "FIDUCIA_MODE"}
        environment |= {FOLDER_OF_ITS_OWN: str(self.folder), "FIDUCIA_PORT": str(self.port), "FIDUCIA_EMPTY": "1"}
        return subprocess.Popen(
            [sys.executable, "-m", "config.supervisor"],
            cwd=PROJECT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def wait_until_up(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        for line in process.stdout:
            if "Ctrl-C stops everything" in line:
                return
        pytest.fail(f"it never came up; exit code {process.wait()}")

    def is_gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while processes_in(self.folder) and time.monotonic() < deadline:
            time.sleep(0.1)
        return not processes_in(self.folder)


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    for step in (folder, *folder.parents[:-2]):
        if step.stat().st_uid == os.geteuid():
            step.chmod(0o755)  # PostgreSQL, which runs as somebody else when we are root, must get in
    yield Demo(folder)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_process_is_left(demo: Demo, sent: signal.Signals):
    process = demo.start()
    demo.wait_until_up(process)
    with urllib.request.urlopen(f"http://127.0.0.1:{demo.port}/health/ready", timeout=20) as answer:
        assert answer.status == 200
    assert {"gunicorn", "worker", "beat", "postgres", "valkey"} <= {
        word
        for line in processes_in(demo.folder)
        for word in ("gunicorn", "worker", "beat", "postgres", "valkey")
        if word in line
    }
    process.send_signal(sent)
    assert process.wait(timeout=60) == (-signal.SIGKILL if sent == signal.SIGKILL else 0)
    assert demo.is_gone_within(30), processes_in(demo.folder)


def test_a_process_that_ends_by_itself_ends_the_demo_with_a_word(demo: Demo):
    process = demo.start()
    demo.wait_until_up(process)
    beat = next(entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and is_beat(entry, demo.folder))
    os.kill(int(beat.name), signal.SIGKILL)
    assert process.stdout
    assert "beat ended by itself" in process.stdout.read()
    assert process.wait(timeout=60) == 1
    assert demo.is_gone_within(30), processes_in(demo.folder)


def is_beat(entry: Path, folder: Path) -> bool:
    try:
        line, environment = entry.joinpath("cmdline").read_bytes(), entry.joinpath("environ").read_bytes()
    except OSError:
        return False
    return b"\0beat\0" in line and str(folder).encode() in environment


def test_a_port_in_use_is_one_line(demo: Demo):
    with socket.create_server(("127.0.0.1", demo.port)):
        process = demo.start()
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.splitlines() == [
        f"fiducia: port {demo.port} is in use; choose another one: FIDUCIA_PORT={demo.port + 1} make demo"
    ]
