"""The demo's processes end together, whoever ends and however."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.embedded.places import PROJECT, place
from config.embedded.servers import free_port
from tests.database import worker_name

pytestmark = pytest.mark.slow
FOLDER_OF_ITS_OWN = "FIDUCIA_VAR"


def processes_in(folder: Path) -> dict[int, str]:
    """The command lines of all processes of this demo: its folder is in their environment, or they stand in it."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                environment, line = entry.joinpath("environ").read_bytes(), entry.joinpath("cmdline").read_bytes()
                stands = str(entry.joinpath("cwd").readlink())
            except OSError:
                continue
            if str(folder).encode() in environment or stands.startswith(str(folder)):
                found[int(entry.name)] = line.replace(b"\0", b" ").decode()
    return found


class Demo:
    """`python -m config.supervisor` with a folder and a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """The demo, up; ended, if the test didn't."""
        process = self.start()
        try:
            self.wait_until_up(process)
            yield process
        finally:
            process.terminate()
            process.wait(timeout=60)

    def start(self) -> subprocess.Popen[str]:
        of_tests = {"FIDUCIA_MODE", "DJANGO_SETTINGS_MODULE"}
        environment = {name: value for name, value in os.environ.items() if name not in of_tests}
        environment |= {FOLDER_OF_ITS_OWN: str(self.folder), "FIDUCIA_PORT": str(self.port), "FIDUCIA_EMPTY": "1"}
        environment |= {"GUNICORN_CMD_ARGS": "--workers=1"}
        return subprocess.Popen(
            [sys.executable, "-m", "config.supervisor"],
            cwd=PROJECT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def wait_until_up(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        said = []
        for line in process.stdout:
            said.append(line)
            if "Ctrl-C stops everything" in line:
                return
        pytest.fail(f"it never came up; exit code {process.wait()}: {''.join(said)}")

    def is_gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while processes_in(self.folder) and time.monotonic() < deadline:
            time.sleep(0.1)
        return not processes_in(self.folder)


@pytest.fixture(scope="module")
def demo() -> Demo:
    return Demo(place(f"test-demo-{worker_name()}"))


@pytest.mark.parametrize("sent", [(signal.SIGINT,), (signal.SIGHUP, signal.SIGTERM), (signal.SIGKILL,)])
def test_no_process_is_left(demo: Demo, sent: tuple[signal.Signals, ...]):
    """One signal ends it, and another one that comes meanwhile changes nothing."""
    with demo.running() as process:
        with urllib.request.urlopen(f"http://127.0.0.1:{demo.port}/health/ready", timeout=20) as answer:
            assert answer.status == 200
        lines = " ".join(processes_in(demo.folder).values())
        for name in ("gunicorn", "worker", "beat", "postgres", "valkey-server", "config.guardian"):
            assert name in lines
        for each in sent:
            process.send_signal(each)
            time.sleep(0.2)
        assert process.wait(timeout=60) == (-signal.SIGKILL if signal.SIGKILL in sent else 0)
        assert demo.is_gone_within(30), processes_in(demo.folder)


def test_a_process_that_ends_by_itself_ends_the_demo_with_a_word(demo: Demo):
    with demo.running() as process:
        (beat,) = [number for number, line in processes_in(demo.folder).items() if " beat " in line]
        os.kill(beat, signal.SIGKILL)
        assert process.stdout
        assert "beat ended by itself" in process.stdout.read()
        assert process.wait(timeout=60) == 1
        assert demo.is_gone_within(30), processes_in(demo.folder)


def test_a_killed_guardian_is_replaced_to_end_the_rest(demo: Demo):
    with demo.running() as process:
        (guardian,) = [number for number, line in processes_in(demo.folder).items() if "config.guardian" in line]
        os.kill(guardian, signal.SIGKILL)
        assert process.wait(timeout=60) == 1
        assert demo.is_gone_within(30), processes_in(demo.folder)


def test_a_port_in_use_is_one_line(demo: Demo):
    with socket.create_server(("127.0.0.1", demo.port)):
        process = demo.start()
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.splitlines() == [
        f"fiducia: port {demo.port} is in use; choose another one: FIDUCIA_PORT={demo.port + 1} make demo"
    ]
