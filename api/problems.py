"""Every refusal as a problem document (RFC 9457, application/problem+json)."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core import exceptions as django_exceptions
from django.db import DatabaseError, DataError, IntegrityError
from django.db.models import ProtectedError, RestrictedError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import exceptions
from rest_framework.response import Response

from core.errors import DomainError, from_database

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
TYPE = "urn:fiducia:problem:{code}"
# SQLSTATE: PostgreSQL's Appendix A.
UNIQUE_VIOLATION, EXCLUSION_VIOLATION, FOREIGN_KEY_VIOLATION = "23505", "23P01", "23503"
BUSY = {"40001", "40P01", "55P03"}


class Refused(exceptions.APIException):
    """A refusal with its own title, code and facts, on its way to the formatter."""

    def __init__(self, *, status: int, code: str, title: str, detail: str = "", facts: Any = None, wait: Any = None):
        super().__init__(detail or title, code)
        self.status_code, self.title, self.facts = status, title, facts or {}
        if wait is not None:
            self.wait = wait
        if status == HTTPStatus.UNAUTHORIZED:
            self.auth_header = 'Bearer realm="api"'


class ProblemHandler(ExceptionHandler):
    """Turns what was raised into a problem: refusals as they say, known database errors as 409, bugs as 500."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, DomainError):
            return Refused(
                status=exc.status,
                code=exc.code,
                title=exc.title,
                detail=exc.detail,
                facts=exc.facts,
                wait=getattr(exc, "wait", None),
            )
        if isinstance(exc, ProtectedError | RestrictedError):
            return Refused(status=409, code="in-use", title="Something else still needs this")
        if isinstance(exc, DatabaseError):
            return self._from_database(exc)
        if isinstance(exc, django_exceptions.RequestDataTooBig):
            return Refused(status=413, code="too-large", title="The request is too large")
        if isinstance(exc, django_exceptions.SuspiciousOperation | django_exceptions.BadRequest):
            return exceptions.ParseError("The request can't be read.", code="bad-request")
        return super().convert_known_exceptions(exc)

    def _from_database(self, exc: DatabaseError) -> Exception:
        refusal = from_database(exc)
        if refusal is not None:
            return self.convert_known_exceptions(refusal)
        sqlstate = getattr(exc.__cause__, "sqlstate", None) or ""
        if isinstance(exc, IntegrityError):
            log.warning("a constraint refused what no service had refused: %s", _where(exc))
            return _from_constraint(sqlstate)
        if isinstance(exc, DataError):
            log.warning("the database can't hold a value: %s", _where(exc))
            return exceptions.ParseError("A value is out of range.", code="value-out-of-range")
        if sqlstate in BUSY:
            return Refused(status=503, code="busy", title="Too much happens at once; try again", wait=1)
        return exc

    def get_headers(self, exc: exceptions.APIException) -> dict[str, str]:
        headers: dict[str, str] = super().get_headers(exc)
        wait = getattr(exc, "wait", None)
        if wait is not None or exc.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            headers["Retry-After"] = str(max(1, math.ceil(wait or 1)))
        return headers

    def get_response(self, exc: exceptions.APIException, data: dict[str, Any]) -> Response:
        return Response(data, status=exc.status_code, headers=self.get_headers(exc), content_type=CONTENT_TYPE)


class ProblemFormatter(ExceptionFormatter):
    """Writes the problem document."""

    def run(self) -> dict[str, Any]:
        request = self.context.get("request")
        instance = request.path if request is not None else ""
        if isinstance(self.exc, exceptions.ValidationError):
            return problem(
                self.exc.status_code,
                code="invalid",
                title="The request holds something invalid",
                instance=instance,
                errors=list(errors_of(self.exc.detail)),
            )
        if isinstance(self.exc, Refused):
            return problem(
                self.exc.status_code,
                code=str(self.exc.get_codes()),
                title=self.exc.title,
                detail=str(self.exc.detail),
                instance=instance,
                facts=self.exc.facts,
            )
        if self.exc.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return server_problem(instance)
        detail = self.exc.detail
        return problem(
            self.exc.status_code,
            code=kebab(getattr(detail, "code", None) or self.exc.default_code),
            title=HTTPStatus(self.exc.status_code).phrase,
            detail=str(detail),
            instance=instance,
        )


def problem(
    status: int,
    *,
    code: str,
    title: str,
    detail: str = "",
    instance: str = "",
    errors: list[dict[str, str]] | None = None,
    facts: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Compose a problem document; facts never hide a member of the standard."""
    document = dict(facts or {})
    document |= {"type": TYPE.format(code=code), "title": title, "status": status, "code": code}
    document |= {"detail": detail or title, "instance": instance}
    if errors is not None:
        document["errors"] = errors
    return document


def server_problem(instance: str) -> dict[str, Any]:
    """Say that it is our mistake, and nothing more."""
    return problem(500, code="server-error", title="Something went wrong on our side", instance=instance)


def errors_of(detail: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """Yield each validation error with the JSON pointer (RFC 6901) of what it is about."""
    if isinstance(detail, dict):
        for name, part in detail.items():
            own = str(name) in {"non_field_errors", "__all__"}
            yield from errors_of(part, pointer if own else f"{pointer}/{_escaped(name)}")
    elif isinstance(detail, list | tuple):
        for place, part in enumerate(detail):
            yield from errors_of(part, f"{pointer}/{place}" if isinstance(part, dict | list) else pointer)
    else:
        yield {"pointer": pointer, "code": kebab(getattr(detail, "code", "invalid")), "detail": str(detail)}


def kebab(code: Any) -> str:
    """Write a code as ours are written: `not_authenticated` becomes `not-authenticated`."""
    return str(code).replace("_", "-").lower()


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404: a problem document, except in the console."""
    if request.path.startswith("/admin/"):
        return defaults.page_not_found(request, exception)
    return _plain(problem(404, code="not-found", title="Not Found", instance=request.path))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400: a problem document."""
    return _plain(problem(400, code="bad-request", title="Bad Request", instance=request.path))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler403: a problem document, except in the console."""
    if request.path.startswith("/admin/"):
        return defaults.permission_denied(request, exception)
    return _plain(problem(403, code="forbidden", title="Forbidden", instance=request.path))


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: a problem document, except in the console."""
    if request.path.startswith("/admin/"):
        return defaults.server_error(request)
    return _plain(server_problem(request.path))


def _plain(document: dict[str, Any]) -> JsonResponse:
    return JsonResponse(document, status=document["status"], content_type=CONTENT_TYPE)


def _from_constraint(sqlstate: str) -> Refused:
    if sqlstate in {UNIQUE_VIOLATION, EXCLUSION_VIOLATION}:
        return Refused(status=409, code="already-exists", title="There is one already")
    if sqlstate == FOREIGN_KEY_VIOLATION:
        return Refused(status=409, code="in-use", title="Something else still needs this")
    return Refused(status=409, code="constraint", title="The database doesn't allow this")


def _where(exc: DatabaseError) -> str:
    """Name what refused, without the row that the database would show: it holds personal data."""
    diagnosis = getattr(exc.__cause__, "diag", None)
    names = (getattr(diagnosis, part, None) for part in ("sqlstate", "table_name", "constraint_name"))
    return " ".join(name for name in names if name)


def _escaped(name: Any) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")
