"""A management command in a process of its own, and the most memory that it held."""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter

from config.embedded.places import PROJECT

# The kernel's own mark: what wait4 tells of a child counts the memory of the process that it was forked from.
_WATCHED = """
import sys
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", *sys.argv[1:]])
sys.stderr.write(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def watched(*arguments: str) -> tuple[float, float]:
    """Return the seconds that a command took, start and all, and the most that its process held, in MB."""
    command = [sys.executable, "-c", _WATCHED, *arguments]
    began = perf_counter()
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    spent = perf_counter() - began
    if done.returncode:
        asked = " ".join(arguments)
        raise SystemExit(f"fiducia: {asked} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr}")
    return spent, int(done.stderr.split()[-2]) / 1024
