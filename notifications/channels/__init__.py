"""The ways out: each sends one message, or says why it didn't. None of them is called inside a transaction."""

from __future__ import annotations

from datetime import timedelta


class NotSent(Exception):
    """A message didn't go out; the text says why, without any address."""


class Refused(NotSent):
    """The provider doesn't take this message, and wouldn't take it later."""


class Gone(Refused):
    """The device's token isn't good any more."""


class Failed(NotSent):
    """It can't be sent now; it may be later, after what the provider asks for."""

    def __init__(self, reason: str, *, wait: timedelta | None = None) -> None:
        super().__init__(reason)
        self.wait = wait
