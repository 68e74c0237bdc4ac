"""Who is calling, as far as it can be believed."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from uuid import uuid4

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from oversight import trace

_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::\d+)?")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class TraceMiddleware:
    """Put the client's address and a request id where `audit.record` finds them; answer with the id."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        known = trace.Trace(ip=client_ip(request), request_id=request_id(request))
        request.trace = known  # type: ignore[attr-defined]
        with trace.following(known):
            response = self.get_response(request)
        response.headers.setdefault("X-Request-ID", known.request_id)
        return response


def client_ip(request: HttpRequest) -> str | None:
    """Return the address that our outermost proxy saw; `NUM_PROXIES` says how many of them are ours.

    What stands further left in X-Forwarded-For was written by the client and is never believed; several lines of it
    come as one, in their order. Throttles, lock-out, sessions and the audit trail all go by this address.
    """
    proxies = settings.REST_FRAMEWORK.get("NUM_PROXIES") or 0
    peer = request.META.get("REMOTE_ADDR", "")
    if not proxies:
        return _address(peer)
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    if len(hops) < proxies:
        return _address(peer)
    return _address(hops[-proxies]) or _address(peer)


def request_id(request: HttpRequest) -> str:
    """Return the id that a proxy or the logging middleware gave, if it is harmless; else a new one."""
    logged = structlog.contextvars.get_contextvars().get("request_id")
    given = str(logged or request.META.get("HTTP_X_REQUEST_ID", ""))
    return given if is_harmless(given) else uuid4().hex


def is_harmless(request_id: str) -> bool:
    """Answer whether this can be no more than an id."""
    return _REQUEST_ID.fullmatch(request_id) is not None


def _address(text: str) -> str | None:
    """Read an address, with a port or a zone as some proxies write it; one of version 4 is itself in either writing."""
    bracketed = _BRACKETED.fullmatch(text)
    plain = bracketed[1] if bracketed else text.partition(":")[0] if text.count(":") == 1 else text
    try:
        address = ipaddress.ip_address(plain.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)
