"""Channels that don't answer are left alone for a minute, so that what waits for them holds up no other channel."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.core.cache import cache

from notifications.models import Channel

log = logging.getLogger(__name__)

SLOW: Final = timedelta(seconds=5)
"""A failure that took so long is a provider that isn't reached: one that answers, whatever it says, is quicker."""
IN_A_ROW: Final = 3
PAUSE: Final = timedelta(minutes=1)
_KEYS: Final = {f"notifications:silent:{channel}": str(channel) for channel in Channel.values}


@dataclass
class Run:
    """What one run of sending has seen of each channel; the pause itself counts for every sender.

    It is kept in the cache: while that is away, each run finds out for itself.
    """

    slow: Counter[str] = field(default_factory=Counter)
    until: dict[str, datetime] = field(default_factory=dict)

    def fell_silent(self, channel: str, *, failed: bool, took: timedelta, now: datetime) -> bool:
        """Take in how one message went; answer whether its channel is to be left alone from now on."""
        self.slow[channel] = self.slow[channel] + 1 if failed and took >= SLOW else 0
        if self.slow[channel] < IN_A_ROW:
            return False
        self.slow[channel] = 0
        self.until[channel] = now + PAUSE
        try:
            cache.set(f"notifications:silent:{channel}", now + PAUSE, timeout=PAUSE.total_seconds())
        except Exception:
            log.exception("the cache doesn't keep which channel is silent")
        return True

    def silent(self, now: datetime) -> dict[str, datetime]:
        """Return the channels to be left alone now, and until when."""
        try:
            told = {_KEYS[key]: until for key, until in cache.get_many(_KEYS).items()}
        except Exception:
            log.exception("the cache doesn't say which channels are silent")
            told = {}
        return {channel: until for channel, until in {**told, **self.until}.items() if until > now}
