"""What a close tells whoever watches it: a terminal, a test, or nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol

Figures = Sequence[Sequence[str]]


class Watcher(Protocol):
    """Hears of a close as it goes on."""

    def waiting(self) -> None:
        """Another process holds the lock; this one waits."""

    def day(self, day: date, *, left: int) -> None:
        """The close of a day begins; so many days follow."""

    def step(self, title: str, *, skipped: bool = False) -> None:
        """A step begins, or was done before."""

    def slices(self, total: int, done: int) -> None:
        """So many of a step's slices are done."""

    def done(self, title: str, figures: Figures, *, milliseconds: int) -> None:
        """A step is done."""

    def failed(self, title: str, error: BaseException) -> None:
        """A step stopped the day."""


class Silent:
    """Watches nothing."""

    def waiting(self) -> None: ...

    def day(self, day: date, *, left: int) -> None: ...

    def step(self, title: str, *, skipped: bool = False) -> None: ...

    def slices(self, total: int, done: int) -> None: ...

    def done(self, title: str, figures: Figures, *, milliseconds: int) -> None: ...

    def failed(self, title: str, error: BaseException) -> None: ...
