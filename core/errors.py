"""Refusals: what the platform won't do, said so that a client can act on it."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from django.db import Error as DatabaseError


class DomainError(Exception):
    """A refusal with a stable code; `facts` are JSON-safe and hold no personal data.

    `status` is 403, 404, 409 or 422. One handler in `api` turns it into a problem document.
    """

    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "The request was refused"
    status: ClassVar[int] = 409

    def __init__(self, detail: str = "", **facts: Any) -> None:
        self.detail = detail or self.title
        self.facts = facts
        super().__init__(self.detail)


class NotFound(DomainError):
    code = "not-found"
    title = "There is no such thing here"
    status = 404


class Forbidden(DomainError):
    code = "forbidden"
    title = "You may not do this"
    status = 403


class IllegalMove(DomainError):
    code = "illegal-move"
    title = "The present state doesn't allow this"
    status = 409


class DatabaseRefusal(DomainError):
    """A guard in the database said no; `facts["guard"]` is the code that it gave."""

    code = "database-refusal"
    title = "The database refused this"
    status = 409


_REFUSAL = re.compile(r"^(?P<code>[a-z][a-z0-9-]+): (?P<detail>.+)$", re.DOTALL)


def from_database(error: DatabaseError) -> DatabaseRefusal | None:
    """Return the refusal that a guard raised (SQLSTATE class FI), or None if `error` is something else."""
    cause = error.__cause__
    sqlstate = getattr(cause, "sqlstate", None) or ""
    if not sqlstate.startswith("FI"):
        return None
    message = getattr(getattr(cause, "diag", None), "message_primary", None) or str(cause)
    match = _REFUSAL.match(message)
    if match is None:
        return DatabaseRefusal(message, guard="")
    return DatabaseRefusal(match["detail"], guard=match["code"])
