"""Start the settings hundreds of times, without loading Django, Celery and the others as often.

One process loads the settings once and forgets what of them is ours; a fork of it starts as a new interpreter would
that has the libraries already.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.environment import PROJECT

_LOADED = """
import json, os, signal, sys

def ours(module):
    path = getattr(module, "__file__", None) or ""
    return path.startswith(os.getcwd() + os.sep) and "site-packages" not in path

import config.settings
for name in [name for name, module in sys.modules.items() if ours(module)]:
    del sys.modules[name]
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if not child:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()
for number, path in enumerate(asked["output"], 1):
    os.dup2(os.open(path, os.O_WRONLY), number)
os.environ.clear()
os.environ.update(asked["environment"])
signal.alarm(60)
exec(asked["code"])
"""


@dataclass(frozen=True, slots=True)
class Starter:
    """The process that has the libraries, and a folder for what its forks say."""

    process: subprocess.Popen[str]
    folder: Path

    def run(self, code: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run code under an environment, as `python -c` would; after a minute it is killed."""
        output = [self.folder / name for name in ("stdout", "stderr")]
        for path in output:
            path.write_text("")
        assert self.process.stdin and self.process.stdout
        asked = {"code": code, "environment": dict(environment), "output": [str(path) for path in output]}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        returncode = int(self.process.stdout.readline())
        stdout, stderr = (path.read_text() for path in output)
        return subprocess.CompletedProcess([code], returncode, stdout, stderr)


@contextmanager
def starter(environment: Mapping[str, str]) -> Iterator[Starter]:
    """Load the libraries under an environment that is right."""
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, "-c", _LOADED],
            env=dict(environment), cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as process,
    ):  # fmt: skip
        yield Starter(process, Path(folder))
