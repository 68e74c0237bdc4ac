"""The cache: Django's on Redis, with counting in one round trip, for every call of the API is counted."""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient

# Django's own asks first whether the key is there: a second round trip, and two steps where there should be one.
_INCREMENT = """
if redis.call('EXISTS', KEYS[1]) == 1 then return redis.call('INCRBY', KEYS[1], ARGV[1]) end
"""


class Client(RedisCacheClient):
    """Keeps redis-py's client, which took longer to make than to ask."""

    _kept: Any = None

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        """Return the client of the one server that there is."""
        if self._kept is None:
            self._kept = super().get_client(key, write=True)
        return self._kept

    def incr(self, key: Any, delta: int) -> int:
        """Count, atomically. Raises ValueError for a key that isn't there."""
        count = self.get_client(key, write=True).eval(_INCREMENT, 1, key, delta)
        if count is None:
            raise ValueError(f"Key {key!r} not found.")
        return int(count)


class Cache(RedisCache):
    """Django's cache on one Redis server, with our client."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = Client
