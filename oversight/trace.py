"""Where the present piece of work comes from: the client's address and the request's id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trace:
    """Empty for work that no request asked for: a task, a command of `manage.py`."""

    ip: str | None = None
    request_id: str = ""


NOWHERE = Trace()
_current: ContextVar[Trace] = ContextVar("fiducia_trace", default=NOWHERE)


def current() -> Trace:
    """Return the trace of the work at hand."""
    return _current.get()


@contextmanager
def following(trace: Trace) -> Iterator[Trace]:
    """Make `trace` the current one inside the block."""
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)
