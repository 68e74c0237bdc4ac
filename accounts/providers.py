"""Requests to providers over HTTP: no redirect is followed, and an answer is read within bounds of time and size.

A redirect would take our credentials to another host, and come back with that host's 200.
"""

from __future__ import annotations

import io
import json
import socket
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
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


class _InTime(io.RawIOBase):
    """What comes over a socket within its timeout in all: no read waits for longer than what is left of it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._raw = sock, sock.makefile("rb", buffering=0)
        self._deadline = time.monotonic() + (sock.gettimeout() or 0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    """One whose status, headers and body come in time together: a server that drips any holds nobody for longer."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_InTime(sock))


class _Connection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response


class _InTimeHandler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Over either, with certificates verified as by default."""

    def http_open(self, request: Any) -> Any:
        return self.do_open(_Connection, request)

    def https_open(self, request: Any) -> Any:
        return self.do_open(_SecureConnection, request)


_opener = urllib.request.build_opener(_EveryStatus, _InTimeHandler)


def ask(request: urllib.request.Request, *, timeout: float) -> Answer:
    """Send a request and read its answer, outside any transaction; once sent, all of it comes within `timeout` seconds.

    Raises NoAnswer.
    """
    try:
        with _opener.open(request, timeout=timeout) as answer:
            return Answer(answer.status, answer.headers, _read(answer))
    except (OSError, ValueError, HTTPException) as error:
        raise NoAnswer(type(error).__name__) from None


def _read(answer: Any) -> bytes:
    """Read up to the limits.

    The status has come by now, and counts: an SMS that was taken isn't sent again for the rest of an answer.
    """
    try:
        body: bytes = answer.read(MAXIMUM_BYTES + 1)
    except (OSError, HTTPException):
        return b""
    return body if len(body) <= MAXIMUM_BYTES else b""


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
