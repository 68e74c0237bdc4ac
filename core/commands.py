"""Commands: one verb, one outer transaction, which commits or leaves nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

from django.db import Error as DatabaseError
from django.db import transaction

from core.errors import from_database

P = ParamSpec("P")
R = TypeVar("R")

DEADLOCK = "40P01"
ATTEMPTS = 3


class Command(Generic[P, R]):
    """A verb that opens the outer transaction itself; `.inside` is its body, for a caller that brings one.

    A deadlock that still comes is tried again up to three times. What a guard in the database refuses
    is raised as a DomainError.
    """

    def __init__(self, body: Callable[P, R]) -> None:
        self.inside = body
        functools.update_wrapper(self, body)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return run_durably(functools.partial(self.inside, *args, **kwargs))


def command(body: Callable[P, R]) -> Command[P, R]:
    """Make a function a command: `transaction.atomic(durable=True)` around it."""
    return Command(body)


def run_durably(work: Callable[[], R]) -> R:
    """Run `work` in an outer transaction of its own; retry a deadlock, translate a guard's refusal."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic(durable=True):
                return work()
        except DatabaseError as error:
            # A guard's SQLSTATE is of a class that psycopg doesn't know: it comes as an OperationalError.
            refusal = from_database(error)
            if refusal is not None:
                raise refusal from error
            if attempt == ATTEMPTS or getattr(error.__cause__, "sqlstate", None) != DEADLOCK:
                raise
    raise AssertionError("the last attempt returns or raises")
