"""The keys that a provider signs with (JWKS), fetched seldom and kept within bounds. Source: RFC 7517.

One set a process. Nothing here runs inside a transaction, and nothing that a token says decides where keys come from.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import urllib.request
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from jwt import PyJWK
from jwt.exceptions import PyJWTError

from accounts import providers
from accounts.errors import KeysUnavailable

log = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 5
MAXIMUM_KEYS: Final = 32
SMALLEST_RSA_BITS: Final = 2048

SHORTEST, USUAL, LONGEST = timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)
"""How long an answer is fresh: what its Cache-Control says, within these bounds."""
PAUSE: Final = timedelta(minutes=1)
"""Between two fetches, whatever asks for them: tokens with keys that nobody knows, or a provider that is down."""
STALE: Final = timedelta(days=1)
"""How long keys that can't be renewed are still believed."""

_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=([0-9]{1,9})(?:$|[\s,])")


class FetchFailed(Exception):
    """The provider doesn't give its keys now."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, and the one algorithm that it is for."""

    algorithm: str
    public: Any


@dataclass
class KeySet:
    """The keys at one address, by their ids; threads of a process share it."""

    address: str
    keys: dict[str, Key] = field(default_factory=dict)
    fresh_until: datetime | None = None
    tried_at: datetime | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, key_id: str, *, now: datetime) -> Key | None:
        """Return the key of this id, or None for one that the provider doesn't have.

        Raises KeysUnavailable while there are none to be believed.
        """
        if not self._is_fresh(now) or key_id not in self.keys:
            self._renew(key_id, now=now)
        if self.fresh_until is None or now >= self.fresh_until + STALE:
            raise KeysUnavailable
        return self.keys.get(key_id)

    def _is_fresh(self, now: datetime) -> bool:
        return self.fresh_until is not None and now < self.fresh_until

    def _renew(self, key_id: str, *, now: datetime) -> None:
        """Fetch, unless that was tried just now. Whoever waited for another thread's fetch finds what it brought."""
        with self.lock:
            if self.tried_at is not None and now < self.tried_at + PAUSE:
                return
            self.tried_at = now
            try:
                self.keys, lifetime = fetch(self.address)
            except FetchFailed as error:
                log.warning("the keys at %s can't be had: %s", self.address, error)
            else:
                self.fresh_until = now + lifetime


def fetch(address: str) -> tuple[dict[str, Key], timedelta]:
    """Return the usable keys at an address by their ids, and how long they are fresh. Raises FetchFailed."""
    request = urllib.request.Request(address, headers={"Accept": "application/json"})  # noqa: S310
    try:
        answer = providers.ask(request, timeout=TIMEOUT_SECONDS)
        if answer.status != HTTPStatus.OK:
            raise FetchFailed(f"status {answer.status}")
        keys = usable(answer.json())
    except (providers.NoAnswer, ValueError) as error:
        raise FetchFailed(str(error)) from None
    if not keys:
        raise FetchFailed("no key that is usable")
    return keys, lifetime_of(answer.headers.get("Cache-Control") or "")


def lifetime_of(cache_control: str) -> timedelta:
    """Return how long an answer with this header is fresh, within bounds."""
    found = _MAX_AGE.search(cache_control.lower())
    return USUAL if found is None else max(SHORTEST, min(timedelta(seconds=int(found[1])), LONGEST))


def usable(document: Any) -> dict[str, Key]:
    """Return the signing keys of a JWKS by their ids; one that isn't understood is left out. Raises ValueError."""
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > MAXIMUM_KEYS:
        raise ValueError("not a set of keys")
    found: dict[str, Key] = {}
    for entry in listed:
        if isinstance(entry, dict) and isinstance(entry.get("kid"), str):
            with contextlib.suppress(PyJWTError, ValueError, TypeError, KeyError):
                found[entry["kid"]] = _key(entry)
    return found


def _key(entry: dict[str, Any]) -> Key:
    """Read one key; its kind alone says what it is good for. Raises ValueError and what PyJWT raises."""
    algorithm = {"RSA": "RS256", "EC": "ES256"}.get(entry.get("kty", ""))
    if algorithm is None or entry.get("use", "sig") != "sig" or entry.get("alg", algorithm) != algorithm:
        raise ValueError("not a key that signs identity tokens")
    if algorithm == "ES256" and entry.get("crv") != "P-256":
        raise ValueError("another curve")
    public = PyJWK({name: entry[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in entry}, algorithm).key
    if algorithm == "RS256" and public.key_size < SMALLEST_RSA_BITS:
        raise ValueError("too short")
    return Key(algorithm, public)
