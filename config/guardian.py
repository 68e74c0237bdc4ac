"""Hold the demo's servers, and end everything when the supervisor goes, however it goes.

`python -m config.guardian` says "ready" once PostgreSQL and Valkey run. It reads from its standard input the
numbers of the processes to end, one a line; when that closes (the supervisor stopped, or was killed), it ends them,
last one first, then Valkey, then PostgreSQL.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

from config import embedded
from config.embedded.places import ServerError
from config.embedded.servers import is_alive

PATIENCE_SECONDS = 15.0


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        with embedded.demo_postgres().in_use(), embedded.demo_valkey().in_use():
            with contextlib.suppress(OSError):
                sys.stdout.write("ready\n")
                sys.stdout.flush()
            groups = [int(line) for line in sys.stdin]
            for group in reversed(groups):
                end(group)
    except ServerError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


def end(group: int) -> None:
    """Ask the leader of a process group to finish its work; after some patience, kill what is left of the group."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(group, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and is_alive(group):
            time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
