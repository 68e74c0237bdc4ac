"""Recompute what the ledger says of itself from its rows. Source: docs/rules/ledger.md §3.

It doesn't trust that a trigger was there: every rule is checked again on the rows. Memory is flat: all but the
offenders stays in the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

from django.db import connection, transaction

from core.parallel import side_by_side
from core.plans import allow_memory, set_planner
from ledger.verify import rows, schema, sealed
from ledger.verify.sealed import published_seals
from oversight import verify as requests

__all__ = ["Break", "Check", "checks", "claim", "published_seals", "register", "run"]

AFTER_THE_WALK = ("seals", "business days", "transactions", "fingerprints")
"""Checks that ask what the walk has proven."""

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
    kinds: set[str] = field(default_factory=set)


_registered = _Registry()


def register(name: str, check: Check) -> None:
    """Add a check of a room above; it yields a sentence for each break. Called from `AppConfig.ready`."""
    _registered.checks[name] = check


def claim(room: str, sql: str, *, kinds: Iterable[str] = ()) -> None:
    """Say which transactions a room's rows stand for: SQL that yields their ids. What no room claims is a break.

    `kinds` are those of which a check of the room's own compares every transaction with its rows, both ways.
    """
    _registered.claims[room] = sql
    _registered.kinds |= set(kinds)


def checks(against: Path | None = None, walk: sealed.Walk | None = None) -> dict[str, Check]:
    """Return every check by name, in the order in which they run."""
    walk = walk or sealed.Walk()
    found: dict[str, Check] = {}
    for group in rows.GROUPS:
        answers = cache(partial(_together, group))
        found |= {name: partial(_named_in, answers, name) for name in group}
    found |= {name: _query(sql) for name, sql in rows.QUERIES.items()}
    found["rules"] = _against_rules
    found |= schema.CHECKS
    found["requests"] = requests.changed_requests
    if _registered.claims:
        found["business rows"] = _query(rows.unclaimed(_registered.claims.values(), _registered.kinds))
    found |= _registered.checks
    found["seals"] = lambda: walk.breaks
    found["business days"] = partial(_misbooked, walk)
    found["transactions"] = partial(_incomplete, walk)
    found["fingerprints"] = partial(_forged, walk)
    if against is not None:
        found["published seals"] = lambda: sealed.against(against)
    return found


def run(
    *,
    against: Path | None = None,
    on_check: Callable[[str], None] = lambda name: None,
    on_day: sealed.OnDay = lambda day, of: None,
) -> list[Break]:
    """Run every check; return the breaks, none if all is well.

    `against` is a JSON file of published seals, {"2026-11-20": "<hex>", …} or the coverage document itself. Checks and
    the days of the walk along the transfers go side by side, `on_check` and `on_day` hear of them from their threads.
    """
    walk = sealed.Walk(on_day)
    asked = checks(against, walk)
    found: dict[str, list[str]] = {}

    def ask(*names: str) -> None:
        for name in names:
            on_check(name)
            with _bounded():
                found[name] = list(_named(asked[name]()))

    def go(part: Callable[[], None]) -> None:
        with _bounded():
            part()

    grouped = {name for group in rows.GROUPS for name in group}
    apart = [name for name in asked if name not in grouped and name not in AFTER_THE_WALK]
    together = [*rows.GROUPS, *([name] for name in apart)]
    side_by_side([*(partial(ask, *names) for names in together), *(partial(go, part) for part in walk.parts)])
    ask(*AFTER_THE_WALK)
    return [Break(name, what) for name in asked for what in found[name]]


@contextmanager
def _bounded() -> Iterator[None]:
    """Give a check's sorts and hashes room enough, and no more: beyond it PostgreSQL goes to disk.

    Parallel plans are off: checks and days are what runs side by side, and workers would take the walk's processors.
    """
    with transaction.atomic():
        allow_memory()
        set_planner(max_parallel_workers_per_gather=0)
        yield


def _against_rules() -> Iterator[str]:
    # Transfers and transactions lie in one order: merging them by their indexes costs half of hashing either.
    # A nested loop over what WITH gives has no index to go by.
    set_planner(random_page_cost=1.1, enable_nestloop="off")
    ruled = _is_true(rows.RULED)
    set_planner(enable_nestloop="on")
    yield from _query(rows.REVERSALS if ruled else rows.RULES)()


def _misbooked(walk: sealed.Walk) -> Iterator[str]:
    yield from _query(rows.BUSINESS_DAYS.format(proven_until=walk.proven_until))()


def _incomplete(walk: sealed.Walk) -> Iterator[str]:
    if not (walk.proves_rows and _is_true(rows.COUNTED)):
        yield from _query(rows.COMPLETE)()


def _forged(walk: sealed.Walk) -> Iterator[str]:
    yield from _query(rows.FINGERPRINTS.format(where="WHERE t.moves > 1" if walk.proves_rows else ""))()


def _is_true(sql: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        (answer,) = cursor.fetchone()
    return bool(answer)


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
        return _named_in(lambda: _together({"": sql}), "")

    return offenders


def _together(parts: Mapping[str, str]) -> list[tuple[str, str, int]]:
    with connection.cursor() as cursor:
        cursor.execute(rows.together(parts, limit=NAMED_AT_MOST))
        found: list[tuple[str, str, int]] = cursor.fetchall()
    return found


def _named_in(found: Callable[[], list[tuple[str, str, int]]], name: str) -> Iterator[str]:
    named = [(what, count) for of, what, count in found() if of == name]
    yield from (what for what, _ in named)
    if named and named[0][1] > NAMED_AT_MOST:
        yield f"and {named[0][1] - NAMED_AT_MOST} more"
