"""One slice of a day: written at once, or, if that fails, position by position."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import DataError, IntegrityError, connection, transaction

from core.commands import command
from investments import slices
from investments.accrual import statements
from investments.models import AccrualSlice, SettlementRun

POSITIONS_FAULT = (DataError, IntegrityError)
"""What a position's own figures can cause; a lost connection or a full disk is nobody's fault and stops the run."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A position that failed alone. `error` is the database's own word; a `position_id` of None means a whole slice."""

    step: str
    day: date
    position_id: UUID | None
    error: str


@command
def accrue_slice(slice_id: int, *, now: datetime) -> int:
    """Write a slice's accruals and return how many; 0 if it was done before.

    What a position's figures cause (DataError, IntegrityError) leaves nothing: `repair_slice` finds the position.
    """
    row = AccrualSlice.objects.lock(slice_id)
    if row.done_at is not None:
        return 0
    slices.pin_plans()
    shares = _hold_products(row.day)
    passed = SettlementRun.objects.reserved().filter(due_on__gte=row.day).exists()
    given = {"day": row.day, "number": row.number, "first": row.first, "until": row.until}
    row.positions = sum(_written(share.added() if passed else share.fresh(), share, given) for share in shares)
    row.done_at = now
    row.save(update_fields=["positions", "done_at"])
    return row.positions


def repair_slice(slice_id: int, *, now: datetime, inside: bool = False) -> list[Problem]:
    """Write what a slice lacks, halving it around what fails, and return the positions that fail alone.

    Each part is a transaction of its own. A slice with such positions counts as done, its `problems` bring it up
    again in the next run of the day.
    """
    row = AccrualSlice.objects.get(pk=slice_id)
    add = _add_missing.inside if inside else _add_missing
    problems: list[Problem] = []
    added, ranges = 0, [(row.first, row.until)]
    while ranges:
        first, until = ranges.pop()
        try:
            with transaction.atomic() if inside else nullcontext():
                added += add(slice_id, first=first, until=until)
        except POSITIONS_FAULT as error:
            middle, positions = _halves(row, first, until)
            if positions == 0:
                raise
            if positions > 1:
                ranges += [(middle, until), (first, middle)]
            else:
                problems.append(Problem("accrue", row.day, middle, str(error).strip().splitlines()[0]))
    finish = _finish.inside if inside else _finish
    finish(slice_id, added=added, problems=len(problems), now=now)
    return problems


@command
def _add_missing(slice_id: int, *, first: UUID, until: UUID) -> int:
    row = AccrualSlice.objects.lock(slice_id)
    given = {"day": row.day, "number": row.number, "first": first, "until": until}
    return sum(_written(share.added(), share, given) for share in _hold_products(row.day))


@command
def _finish(slice_id: int, *, added: int, problems: int, now: datetime) -> None:
    row = AccrualSlice.objects.lock(slice_id)
    row.positions += added
    row.problems = problems
    row.done_at = row.done_at or now
    row.save(update_fields=["positions", "problems", "done_at"])


def _halves(row: AccrualSlice, first: UUID, until: UUID) -> tuple[UUID, int]:
    with connection.cursor() as cursor:
        cursor.execute(statements.HALVES, {"day": row.day, "first": first, "until": until})
        middle, positions = cursor.fetchone() or (first, 0)
    return middle, int(positions)


def _hold_products(day: date) -> list[statements.Share]:
    shares = statements.shares(day)
    statements.lock_products({product for share in shares for product in share.products}, shared=True)
    return shares


def _written(statement: str, share: statements.Share, given: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, {**given, "versions": share.versions})
        (positions,) = cursor.fetchone()
    return int(positions)
