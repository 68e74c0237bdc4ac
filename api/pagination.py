"""Cursor pages; what a client may choose is checked, never silently taken for something else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from django.core import exceptions
from django.db import DataError
from django.db.models import QuerySet
from rest_framework import pagination
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request

Row = TypeVar("Row")
DEFAULT_LIMIT = 50
MAXIMUM_LIMIT = 200
BEGINNING = pagination.Cursor(offset=0, reverse=False, position=None)
"""What the parser makes of a text without any of a cursor's parts; no page gives it."""
INVALID_CURSOR = ValidationError({"cursor": ["It isn't one that a page gave."]}, code="invalid-cursor")


class CursorPagination(pagination.CursorPagination):
    """`?limit=` from 1 to 200, `?ordering=` from the view's `orderings`, `?cursor=`; anything unknown is a 400.

    A view lists its orderings, the default one first: `orderings = ("-id", "id")`. Query parameters that
    neither the page nor the view's filters know are refused.
    """

    page_size = DEFAULT_LIMIT
    page_size_query_param = "limit"
    max_page_size = MAXIMUM_LIMIT
    page_size_query_description = f"How many results a page has: 1 to {MAXIMUM_LIMIT}, {DEFAULT_LIMIT} if not given."
    ordering = "-id"
    template = None

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        require_known_parameters(request, view, self.known_parameters)
        try:
            page: list[Any] | None = super().paginate_queryset(queryset, request, view)
        except (exceptions.ValidationError, ValueError, DataError) as error:
            raise INVALID_CURSOR from error
        return page

    def decode_cursor(self, request: Request) -> Any:
        try:
            cursor = super().decode_cursor(request)
        except (NotFound, ValueError) as error:
            raise INVALID_CURSOR from error
        if self.cursor_query_param in request.query_params and cursor in (None, BEGINNING):
            raise INVALID_CURSOR
        return cursor

    known_parameters = frozenset({"limit", "ordering", "cursor"})

    def get_page_size(self, request: Request) -> int:
        given = request.query_params.get(self.page_size_query_param)
        if given is None:
            return self.page_size
        if not (given.isascii() and given.isdigit() and 1 <= int(given[:6]) <= MAXIMUM_LIMIT and len(given) <= 6):
            detail = f"A page has 1 to {MAXIMUM_LIMIT} results."
            raise ValidationError({self.page_size_query_param: [detail]}, code="out-of-range")
        return int(given)

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        allowed = tuple(getattr(view, "orderings", ())) or (self.ordering,)
        given = request.query_params.get("ordering")
        if given is None:
            return _whole(allowed[0])
        if given not in allowed:
            raise ValidationError({"ordering": [f"It is one of {', '.join(allowed)}."]}, code="unknown-ordering")
        return _whole(given)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        allowed = list(getattr(view, "orderings", ())) or [self.ordering]
        return [
            _parameter("cursor", "Where the page begins, from `next` or `previous`.", {"type": "string"}),
            _parameter(
                "limit",
                self.page_size_query_description,
                {"type": "integer", "minimum": 1, "maximum": MAXIMUM_LIMIT, "default": DEFAULT_LIMIT},
            ),
            _parameter(
                "ordering", "The order of the list.", {"type": "string", "enum": allowed, "default": allowed[0]}
            ),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[Row]):
    """Rows that SQL by hand reads a page at a time, ordered by id: what CursorPagination asks of a queryset."""

    is_newest_first: bool = True
    before: UUID | None = None
    after: UUID | None = None

    @property
    def direction(self) -> str:
        """How SQL orders the ids."""
        return "DESC" if self.is_newest_first else "ASC"

    def order_by(self, ordering: str) -> Self:
        """Order by `id` or `-id`."""
        return replace(self, is_newest_first=ordering == "-id")

    def filter(self, *, id__lt: str | None = None, id__gt: str | None = None) -> Self:
        """Begin past an id. Raises ValueError for what isn't one."""
        before, after = (None if place is None else UUID(place) for place in (id__lt, id__gt))
        return replace(self, before=before, after=after)

    def __getitem__(self, part: slice) -> list[Row]:
        first = part.start or 0
        return self.read(limit=part.stop - first, offset=first)

    def read(self, *, limit: int, offset: int) -> list[Row]:
        """Read a page in one query."""
        raise NotImplementedError


def require_known_parameters(request: Request, view: Any, known: frozenset[str] = frozenset()) -> None:
    """Refuse query parameters that nobody reads, and NUL characters in any.

    A view's own are its filterset's and those in `query_parameters`.
    Raises ValidationError.
    """
    allowed = known | set(getattr(view, "query_parameters", ())) | _filters_of(view)
    for name, values in request.query_params.lists():
        if name not in allowed:
            raise ValidationError({name: ["Nothing here is called that."]}, code="unknown-parameter")
        if any("\x00" in value for value in values):
            raise ValidationError({name: ["A text holds the NUL character."]}, code="nul-character")
        if len(values) > 1:
            raise ValidationError({name: ["It is given more than once."]}, code="given-twice")


def _filters_of(view: Any) -> set[str]:
    filterset = getattr(view, "filterset_class", None)
    if filterset is not None:
        return set(filterset.base_filters)
    return set(getattr(view, "filterset_fields", None) or ())


def _whole(ordering: str) -> tuple[str, ...]:
    """Add the primary key, so that rows of equal rank keep one order."""
    if ordering.lstrip("-") in {"id", "pk"}:
        return (ordering,)
    return (ordering, "-id" if ordering.startswith("-") else "id")


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "required": False, "in": "query", "description": description, "schema": schema}
