"""`python -m tests.faults.loaded`: a process that has loaded the platform, and forks whatever is to run.

Loading takes longer than most of what these tests have a process do. It reads lines of JSON, and answers each with one:
a dictionary says what to run, and is answered with the new process's number; such a number is answered with the exit
code of that process, `null` while it runs.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import sys
from collections.abc import Sequence

import django
from django.conf import settings
from django.core import checks


def main() -> None:
    django.setup()
    checks.run_checks()  # As each command does: it loads the rest.
    gc.freeze()  # Collections in a fork would look at all of it again, and copy its pages.
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(start(**asked) if isinstance(asked, dict) else exit_code(asked)), flush=True)


def start(arguments: Sequence[str], database: str, output: str) -> int:
    """Fork a process that does what a new `python` would with these arguments; it leads a group of its own."""
    opened = os.open(output, os.O_WRONLY | os.O_NOCTTY)
    child = os.fork()
    if not child:
        for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), opened, opened)):
            os.dup2(file, number)
        sys.stdout.reconfigure(line_buffering=os.isatty(opened))  # type: ignore[union-attr]
        for alias in settings.DATABASES:
            settings.DATABASES[alias]["NAME"] = database
        run(arguments)
        sys.exit()
    os.close(opened)
    os.setpgid(child, child)
    return child


def run(arguments: Sequence[str]) -> None:
    if arguments[0] == "-m":
        sys.argv = list(arguments[1:])
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(arguments)
        runpy.run_path(sys.argv[0], run_name="__main__")


def exit_code(process: int) -> int | None:
    ended, status = os.waitpid(process, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


if __name__ == "__main__":
    main()
