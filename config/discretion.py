"""What keeps people's data out of logs: what an error says is what somebody sent, often enough.

A traceback says where; of the message what stands in quotes, looks like an address or a token, or follows a
database's DETAIL is left out.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, MutableMapping
from http.client import responses
from types import TracebackType
from typing import Any, Final

from django.http import HttpRequest
from django.urls import Resolver404, resolve

LEFT_OUT: Final = "…"
UNKNOWN: Final = "an unknown path"
SAYS: Final = ("error", "exception", "reason")
"""What an event of somebody else's calls the text of an exception."""

_DETAIL: Final = re.compile(r"\s*\b(DETAIL|CONTEXT|HINT|QUERY|STATEMENT):.*", re.DOTALL)
# A name of a table, column, constraint or module may stay: small letters with an underscore or a dot between them.
_QUOTED: Final = re.compile(r"""(["'`])(?![a-z]+(?:[_.][a-z0-9]+)+\1)[^"'`]*\1""")
_LOOKS: Final = (
    re.compile(r"\S+@\S+"),
    re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b"),
    re.compile(r"\b[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){3,7}\b", re.IGNORECASE),
    re.compile(r"\+?\d[\d ]{5,}\d"),
    re.compile(r"(?=[a-z_.\-/]*[A-Z0-9+=])[A-Za-z0-9_\-.+/=]{24,}"),
)
_Raised = tuple[type[BaseException], BaseException, TracebackType | None]


def discreet(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Processor: tell an error by its kind and place, and what others log of it without what it says."""
    raised, record = event.pop("exc_info", None), event.get("_record")
    event.pop("user_agent", None)
    for key in SAYS:
        if key in event:
            event[key] = without_data(str(event[key]))
    if isinstance(raised, tuple) and raised[0] is not None:
        event["exception"] = told(raised)
    name = str(event.get("logger", ""))
    if name.startswith("django.security"):
        event["event"] = f"refused: {name.removeprefix('django.security').strip('.') or 'security'}"
    elif name == "django.request" and isinstance(request := getattr(record, "request", None), HttpRequest):
        status = responses.get(getattr(record, "status_code", 500), "An error")
        event["event"] = f"{status}: {address(request)}"
    elif name == "celery.app.trace" and raised:
        task = getattr(record, "data", {})
        event["event"] = f"Task {task.get('name')}[{task.get('id')}] {task.get('description', 'failed')}"
    return event


def told(raised: _Raised) -> str:
    """Write an exception with all that led to it: where, of which kind, and the harmless part of what it says."""
    return "".join(_chain(raised[1])).rstrip()


def _chain(error: BaseException, seen: frozenset[int] = frozenset()) -> Iterator[str]:
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    seen |= {id(error)}
    if before is not None and id(before) not in seen:  # One that was raised again leads to itself.
        yield from _chain(before, seen)
        yield "\nwhich led to\n\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__module__}.{type(error).__qualname__}: {_said(error)}\n"


def _said(error: BaseException) -> str:
    """An error that can't be written would have logging print the whole record, as it is, in the place of the line."""
    try:
        return without_data(str(error))
    except Exception:
        return LEFT_OUT


def without_data(text: str) -> str:
    """Leave out of a message what somebody may have sent."""
    text = _QUOTED.sub(LEFT_OUT, _DETAIL.sub("", text))
    for looks in _LOOKS:
        text = looks.sub(LEFT_OUT, text)
    return text


def address(request: HttpRequest) -> str:
    """Name what was asked for: a path of ours, without its query or a token; any other might say anything."""
    try:
        match = request.resolver_match or resolve(request.path_info)
    except Resolver404:
        return UNKNOWN
    return f"/{match.route}" if "token" in match.kwargs else request.path
