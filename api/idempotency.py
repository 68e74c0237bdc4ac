"""`once`: a keyed request does its work once, however often it is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from api.keys import RequestKey
from api.models import KeptAnswer, KeyedRow
from core.commands import Command, command, run_durably
from core.errors import DomainError
from oversight import encryption

__all__ = ["IdempotencyKeyReused", "RequestInProgress", "RequestKey", "forget_answers", "once"]

KEPT_FOR = timedelta(hours=24)
RETRY_AFTER_SECONDS = 1


class IdempotencyKeyReused(DomainError):
    code = "idempotency-key-reused"
    title = "This Idempotency-Key came with another request before"
    status = 422


class RequestInProgress(DomainError):
    code = "request-in-progress"
    title = "A request with this Idempotency-Key is being worked on"
    status = 409
    wait = RETRY_AFTER_SECONDS


def once(
    request: Request,
    verb: Command[..., Any],
    *subject: Any,
    answer: type[BaseSerializer[Any]],
    status: int = 201,
    kept_by: type[KeyedRow] | None = None,
    form: Callable[[Request], dict[str, Any]] | None = None,
    **arguments: Any,
) -> Response:
    """Run `verb(*subject, key=..., **arguments)` once for this caller, method, path and Idempotency-Key.

    The subject is the caller unless others are given. `form` reads further arguments from the request, once it is
    known to be no repeat: what was good when it came first may be refused by now. The first answer is kept for 24
    hours and repeated with `Idempotent-Replayed: true`; after that `kept_by` finds the row as it now stands.
    Refusals are not kept.
    Raises ParseError (no key), RequestInProgress, IdempotencyKeyReused, and what form and verb raise.
    """
    key = RequestKey.of(request)
    now = timezone.now()

    def render(row: Any) -> bytes:
        return JSONRenderer().render(answer(row, context={"request": request}).data)

    def work() -> Response:
        _take(key)
        kept = _replay(key, now) or _replay_row(key, kept_by, render, status)
        if kept is not None:
            return kept
        given = form(request) if form is not None else {}
        row = verb.inside(*(subject or (request.user,)), key=key, **arguments, **given)
        body = render(row)
        _keep(key, status, body, now)
        return _response(body, status)

    return run_durably(work)


@command
def forget_answers(*, now: datetime) -> int:
    """Delete the kept answers whose day is over; return how many."""
    return KeptAnswer.objects.all().older_than(now - KEPT_FOR).delete()[0]


def _take(key: RequestKey) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s::bigint)", [key.lock_number()])
        if not cursor.fetchone()[0]:
            raise RequestInProgress


def _replay(key: RequestKey, now: datetime) -> Response | None:
    kept = KeptAnswer.objects.all().to(key).first()
    if kept is None:
        return None
    if now - kept.created_at >= KEPT_FOR:
        kept.delete()
        return None
    _require_same(key, kept.fingerprint)
    body = encryption.open_for(key.owner_id, kept.body, context=_context(key))
    return _response(body, kept.status, replayed=True)


def _replay_row(
    key: RequestKey, kept_by: type[KeyedRow] | None, render: Callable[[Any], bytes], status: int
) -> Response | None:
    row = kept_by.made_by(key) if kept_by is not None else None
    if row is None:
        return None
    _require_same(key, row.request_fingerprint)
    return _response(render(row), status, replayed=True)


def _require_same(key: RequestKey, fingerprint: Any) -> None:
    if bytes(fingerprint) != key.fingerprint:
        raise IdempotencyKeyReused


def _keep(key: RequestKey, status: int, body: bytes, now: datetime) -> None:
    KeptAnswer.objects.create(
        owner_id=key.owner_id,
        method=key.method,
        path=key.path,
        key=key.key,
        fingerprint=key.fingerprint,
        status=status,
        body=encryption.seal_for(key.owner_id, body, context=_context(key)),
        created_at=now,
    )


def _context(key: RequestKey) -> str:
    return f"api.keptanswer:{key.method} {key.path} {key.key}"


def _response(body: bytes, status: int, *, replayed: bool = False) -> Response:
    return Response(json.loads(body), status=status, headers={"Idempotent-Replayed": "true"} if replayed else None)
