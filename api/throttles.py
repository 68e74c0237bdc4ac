"""How often somebody may call; counted in the cache, window by window."""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import time
from typing import Any

from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle

from oversight import trace
from oversight.middleware import client_ip

log = logging.getLogger(__name__)

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class ScopedRate(BaseThrottle):
    """Counts by the view's `throttle_scope` ("api" if it names none), and by person or else by address.

    One atomic increment a call, so that calls at once can't slip through. Rates are
    `REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]`, as "10/minute". While the cache is away nobody is refused:
    log-ins are guarded by a lock-out that stands in the database.
    """

    default_scope = "api"
    _wait: float | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        scope = getattr(view, "throttle_scope", None) or self.default_scope
        return self.count(scope, self.identity(request))

    def count(self, scope: str, identity: str) -> bool:
        """Count one call; answer whether it is within the rate."""
        allowed, duration = rate(scope)
        now = time.time()
        window = int(now // duration)
        try:
            calls = _increment(f"throttle:{scope}:{identity}:{window}", duration)
        except Exception:
            log.exception("the cache doesn't count calls")
            return True
        self._wait = (window + 1) * duration - now
        return calls <= allowed

    def wait(self) -> float | None:
        return self._wait

    def identity(self, request: Request) -> str:
        """Name the caller without personal data: the user's id, or a hash of the address or network."""
        if request.user and request.user.is_authenticated:
            return str(request.user.pk)
        return name_of(trace.current().ip or client_ip(request._request))


def name_of(address: str | None) -> str:
    """Name a caller whom nobody knows by a hash of their address or network."""
    return hashlib.sha256(_customer(address or "unknown").encode()).hexdigest()[:32]


def _customer(address: str) -> str:
    """Return what one customer of a provider has: of version 6 the first 64 bits, all of whose addresses are theirs."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == 4:
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((int(ip), 64), strict=False))


def rate(scope: str) -> tuple[int, int]:
    """Return how many calls a scope allows in how many seconds.

    Raises ImproperlyConfigured.
    """
    try:
        calls, _, period = str(api_settings.DEFAULT_THROTTLE_RATES[scope]).partition("/")
        return int(calls), SECONDS[period[0]]
    except (KeyError, ValueError, IndexError, AttributeError):
        raise ImproperlyConfigured(f"DEFAULT_THROTTLE_RATES has no rate such as 10/minute for {scope!r}") from None


def _increment(key: str, duration: int) -> int:
    try:
        return int(cache.incr(key))
    except ValueError:  # The window's first call; of two at once one adds and both count.
        cache.add(key, 0, timeout=duration + 1)
        return int(cache.incr(key))
