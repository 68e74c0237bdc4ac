"""Worlds that are made once a worker, and put back in front of each test that asks for one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import connections

from tests.database import Eraser

W = TypeVar("W")


class KeptWorlds:
    """What stands in the database beside its seeds is one of them or nothing; their rows are committed.

    A world takes more than a second to make, since officers ask and approve for each product, and some ten
    milliseconds to put back.
    """

    def __init__(self, eraser: Eraser) -> None:
        self.eraser = eraser
        self.made: dict[Callable[[], Any], tuple[Any, str]] = {}
        self.standing: Callable[[], Any] | None = None
        self.is_littered = False

    def of(self, make: Callable[[], W]) -> W:
        """Return the world that `make` makes, as if it were new."""
        if make not in self.made:
            self.made[make] = self._made(make)
        elif self.standing is not make or self.is_littered:
            self.eraser.erase(sow=self.made[make][1])
        self.standing, self.is_littered = make, False
        return copy.deepcopy(self.made[make][0])

    def _made(self, make: Callable[[], Any]) -> tuple[Any, str]:
        """Make it on connections of its own, which commit whatever the test's own is in."""
        self.clear()

        def work() -> Any:
            try:
                return make()
            finally:
                connections.close_all()

        try:
            with ThreadPoolExecutor(1) as thread:
                world = thread.submit(work).result()
        except BaseException:
            self.erase()
            raise
        schema = f"world_{len(self.made)}"
        self.eraser.keep(schema)
        return world, schema

    def clear(self) -> None:
        """Leave the seeds alone in the database."""
        if self.standing is not None or self.is_littered:
            self.erase()

    def litter(self) -> None:
        """A test that may have written anything is over: whoever comes next has it erased, with what they need sown."""
        self.is_littered = True

    def erase(self) -> None:
        """The same, whatever is there."""
        self.standing, self.is_littered = None, False
        self.eraser.erase()
