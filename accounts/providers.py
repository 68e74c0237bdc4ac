"""Requests to providers over HTTP: no redirect is followed, and an answer is read within bounds of time and size.

A redirect would take our credentials to another host, and come back with that host's 200.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any, Final

MAXIMUM_BYTES: Final = 64 * 1024
LONGEST_WAIT: Final = timedelta(days=1)


class NoAnswer(Exception):
    """Nobody answered, or nothing that is HTTP. The text is the kind of error."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered, of whatever status; the body is empty where it couldn't be read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """What the body says; None where it is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class _EveryStatus(urllib.request.HTTPErrorProcessor):
    """Hand back whatever comes: neither a redirect nor an error is anything but an answer."""

    def http_response(self, request: Any, response: Any) -> Any:
        return response

    https_response = http_response


_opener = urllib.request.build_opener(_EveryStatus)


def ask(request: urllib.request.Request, *, timeout: float) -> Answer:
    """Send a request and read its answer, outside any transaction. Raises NoAnswer."""
    try:
        with _opener.open(request, timeout=timeout) as answer:
            return Answer(answer.status, answer.headers, _read(answer, timeout))
    except (OSError, ValueError, HTTPException) as error:
        raise NoAnswer(type(error).__name__) from None


def _read(answer: Any, timeout: float) -> bytes:
    """Read up to the limits: a server that drips holds nobody for longer than one that is silent.

    The status has come by now, and counts: an SMS that was taken isn't sent again for the rest of an answer.
    """
    deadline, parts, size = time.monotonic() + timeout, [], 0
    try:
        while part := answer.read1(8192):
            parts.append(part)
            size += len(part)
            if size > MAXIMUM_BYTES or time.monotonic() > deadline:
                return b""
    except (OSError, HTTPException):
        return b""
    return b"".join(parts)


def asked_wait(headers: Mapping[str, str]) -> timedelta | None:
    """Return how long a provider asks to be left alone (Retry-After, RFC 9110 §10.2.3), None where it doesn't.

    A date counts from the answer's own, whatever our clock says.
    """
    asked = (headers.get("Retry-After") or "").strip()
    if asked.isascii() and asked.isdigit():
        return min(timedelta(seconds=int(asked[:9])), LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(asked) - parsedate_to_datetime(headers.get("Date") or "")
    except (ValueError, TypeError):
        return None
    return max(timedelta(0), min(wait, LONGEST_WAIT))
