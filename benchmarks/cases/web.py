"""`get_wallets`, `get_positions`, `get_transactions`: pages of the API under gunicorn, eight clients at once."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any

from benchmarks.figures import Figure, interleave, rate
from benchmarks.server import Bench
from config.embedded.places import PROJECT
from config.embedded.servers import HOST

PORT = 8777
CLIENTS = 8
SECONDS = {"small": 2.0, "full": 5.0}
POSITIONS = 30
PAGES = {
    "get_wallets": ("/api/v1/wallets", "/bare/wallets"),
    "get_positions": ("/api/v1/investment/accounts", "/bare/positions"),
    "get_transactions": ("/api/v1/transactions", "/bare/transactions"),
}


def measure(bench: Bench, size: str) -> Iterator[Figure]:
    bench.renew()
    headers = {"Authorization": f"Bearer {_investor()}"}
    lasting = SECONDS[size]
    with _gunicorn():
        for name, (ours, bare) in PAGES.items():
            pair = interleave(partial(_rate, ours, headers, lasting), partial(_rate, bare, headers, lasting))
            yield Figure(name, pair.ours, "answers/s", pair.limit, pair.ratio, 0.5, at_most=False)


def _investor() -> str:
    """Somebody with positions and a history; returns an access token."""
    from datetime import UTC, datetime

    from accounts import services
    from investments.tests.worlds import World
    from tests.people import PASSWORD, make_investor

    world = World()
    ana: Any = make_investor("Ana", kyc_level=1)
    for _ in range(POSITIONS):
        world.open(ana, "basic", str(Decimal(100)))
    device = services.Device(ip="127.0.0.1", user_agent="bench")
    pair: Any = services.log_in("ana@example.com", PASSWORD, device=device, now=datetime.now(UTC))
    return str(pair.access)


@contextmanager
def _gunicorn() -> Iterator[None]:
    command = [sys.executable, "-m", "gunicorn", "--bind", f"{HOST}:{PORT}", "--log-level", "error"]
    process = subprocess.Popen(
        [*command, "benchmarks.web:application"], cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for_it(process)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _wait_for_it(process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit("fiducia: gunicorn ended")
        try:
            if _get(http.client.HTTPConnection(HOST, PORT, timeout=5), "/health/live", {}) == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("fiducia: gunicorn doesn't answer")


def _get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> int:
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _rate(path: str, headers: dict[str, str], lasting: float) -> float:
    def client(place: int, goes_on: Callable[[], bool]) -> int:
        connection, answered = http.client.HTTPConnection(HOST, PORT, timeout=30), 0
        while goes_on():
            if _get(connection, path, headers) != 200:
                raise SystemExit(f"fiducia: {path} wasn't answered with 200")
            answered += 1
        connection.close()
        return answered

    return rate(client, clients=CLIENTS, lasting=lasting)
