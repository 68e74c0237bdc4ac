"""Recompute what the ledger says of itself from its rows. Source: docs/rules/ledger.md §3.

It doesn't trust that a trigger was there: every rule is checked again on the rows. Memory is flat: all but the
offenders stays in the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connection

from ledger.verify import rows, schema, sealed
from ledger.verify.sealed import published_seals
from oversight import verify as requests

__all__ = ["Break", "Check", "checks", "claim", "published_seals", "register", "run"]

NAMED_AT_MOST = 100
"""Offenders that one check names; more are counted."""


@dataclass(frozen=True, slots=True)
class Break:
    """One thing that isn't as it must be."""

    check: str
    what: str


Check = Callable[[], Iterable[str]]


@dataclass(slots=True)
class _Registry:
    """What rooms above add: checks of their own, and which transactions their rows stand for."""

    checks: dict[str, Check] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)


_registered = _Registry()


def register(name: str, check: Check) -> None:
    """Add a check of a room above; it yields a sentence for each break. Called from `AppConfig.ready`."""
    _registered.checks[name] = check


def claim(room: str, sql: str) -> None:
    """Say which transactions a room's rows stand for: SQL that yields their ids. What no room claims is a break."""
    _registered.claims[room] = sql


def checks(against: Path | None = None) -> dict[str, Check]:
    """Return every check by name, in the order in which they run."""
    found: dict[str, Check] = {name: _query(sql) for name, sql in rows.QUERIES.items()}
    found |= schema.CHECKS
    found["requests"] = requests.changed_requests
    if _registered.claims:
        found["business rows"] = _query(rows.unclaimed(_registered.claims.values()))
    found["seals"] = sealed.broken_seals
    if against is not None:
        found["published seals"] = lambda: sealed.against(against)
    return found | _registered.checks


def run(*, against: Path | None = None, on_check: Callable[[str], None] = lambda name: None) -> list[Break]:
    """Run every check; return the breaks, none if all is well.

    `against` is a JSON file of published seals, {"2026-11-20": "<hex>", …} or the coverage document itself.
    """
    breaks: list[Break] = []
    for name, check in checks(against).items():
        on_check(name)
        breaks.extend(Break(name, what) for what in _named(check()))
    return breaks


def _named(offenders: Iterable[str]) -> Iterator[str]:
    more = 0
    for place, what in enumerate(offenders):
        if place < NAMED_AT_MOST:
            yield what
        else:
            more += 1
    if more:
        yield f"and {more} more"


def _query(sql: str) -> Check:
    def offenders() -> Iterator[str]:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT f.what, count(*) OVER () FROM ({sql}) f (what) LIMIT {NAMED_AT_MOST}")
            rows = cursor.fetchall()
        yield from (row[0] for row in rows)
        if rows and rows[0][1] > NAMED_AT_MOST:
            yield f"and {rows[0][1] - NAMED_AT_MOST} more"

    return offenders
