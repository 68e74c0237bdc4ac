"""A part of an export: a table's rows of one person, column by column, read in one query and never all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from django.db.models import Model, Q

from backoffice.export.subject import Subject
from ledger import amounts

CHUNK = 1000
NO_CLOCK = {"recorded_at": "the database's own clock when the row was written, for the seal of the day"}
KEYED = {
    name: name for name in ("request_method", "request_path", "request_key")
}  # How a request named itself; the caller's own.
NO_FINGERPRINT = {"request_fingerprint": "a keyed hash of the request, which says nothing by itself"}
QUIET = frozenset({"id", *KEYED})

Row = dict[str, Any]


class Figure(str):
    """An amount as text; pages set it to the right."""

    __slots__ = ()


class Part(Protocol):
    """A list of rows about a person; `models` are those that it tells all of."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def note(self) -> str: ...
    @property
    def models(self) -> tuple[type[Model], ...]: ...
    @property
    def quiet(self) -> frozenset[str]: ...
    def rows(self, subject: Subject) -> Iterator[Row]: ...


@dataclass(frozen=True)
class Told:
    """A part that takes more than its table's columns; `tell` yields its rows."""

    name: str
    title: str
    models: tuple[type[Model], ...]
    tell: Callable[[Subject], Iterator[Row]]
    note: str = ""
    quiet: frozenset[str] = QUIET

    def rows(self, subject: Subject) -> Iterator[Row]:
        return self.tell(subject)


@dataclass(frozen=True)
class Table:
    """A part that is a table's rows. `columns` are names with what they are read by; `left_out` says why of the others.

    `whose` finds the rows: a look-up of the person, or a condition. `currency` is read by each row and writes its
    amounts; `fractions` are columns that are none.
    """

    name: str
    title: str
    model: type[Model]
    whose: str | Callable[[Subject], Q]
    columns: Mapping[str, str]
    left_out: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    currency: str = ""
    fractions: frozenset[str] = frozenset()
    order: tuple[str, ...] = ("-pk",)
    quiet: frozenset[str] = QUIET
    also: Callable[[Subject], Row] | None = None

    @property
    def models(self) -> tuple[type[Model], ...]:
        return (self.model,)

    def condition(self, subject: Subject) -> Q:
        """Which rows are this person's."""
        return Q(**{self.whose: subject.user.pk}) if isinstance(self.whose, str) else self.whose(subject)

    def rows(self, subject: Subject) -> Iterator[Row]:
        paths = [*self.columns.values(), *([self.currency] if self.currency else [])]
        found = self.model._base_manager.filter(self.condition(subject)).order_by(*self.order).values_list(*paths)
        for values in found.iterator(chunk_size=CHUNK):
            code = values[-1] if self.currency else ""
            row = {
                name: value if name not in self.fractions else plain(value)
                for name, value in zip(self.columns, values, strict=False)
            }
            yield {name: written(value, code) for name, value in row.items()} | (
                self.also(subject) if self.also else {}
            )


def written(value: Any, currency: str = "") -> Any:
    """Write an amount with its currency's decimals."""
    if isinstance(value, Decimal):
        return Figure(amounts.format_amount(value, currency)) if currency else plain(value)
    return value


def plain(value: Decimal | None) -> Figure | None:
    """Write a rate or a share, exactly and without the zeros that say nothing."""
    return None if value is None else Figure(f"{value.normalize():f}")
