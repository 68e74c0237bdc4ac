"""What a day accrued beside what its terms would give now: a report, and the ground of an adjustment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db import connection

from investments import slices
from investments.accrual import statements

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """One position of a day: what stands, what the terms would give now (a rerun's earlier adjustments are counted)."""

    position_id: UUID
    stands: Decimal
    expected: Decimal

    @property
    def amount(self) -> Decimal:
        """What an adjustment of that day would add."""
        return self.expected - self.stands


@dataclass(frozen=True, slots=True)
class Differences:
    """All differences of a day: how many, and the first of them by position."""

    day: date
    positions: int
    amount: Decimal
    shown: list[Difference]


_COMPARE = f"""
WITH expected AS ({statements.EARNED}), standing AS (
    SELECT position_id, sum(amount) AS amount
    FROM (
        SELECT position_id, amount FROM investments_accrual WHERE day = %(day)s
        UNION ALL
        SELECT position_id, amount FROM investments_accrualadjustment
        WHERE corrects_on = %(day)s AND starts_with(source_key, 'rerun:')
    ) x GROUP BY position_id
), differing AS (
    SELECT COALESCE(e.position_id, s.position_id) AS position_id, COALESCE(s.amount, 0) AS stands,
           COALESCE(e.amount, 0) AS expected
    FROM expected e FULL JOIN standing s ON s.position_id = e.position_id
    WHERE COALESCE(s.amount, 0) <> COALESCE(e.amount, 0)
)
SELECT position_id, stands, expected, count(*) OVER (), sum(expected - stands) OVER ()
FROM differing ORDER BY position_id LIMIT %(shown)s
"""


def compare_day(day: date, *, shown: int = SHOWN) -> Differences:
    """Compare a day's accruals, and what a rerun adjusted of them, with what the terms give now. Changes nothing."""
    given = {
        **statements.fractions(day),
        "day": day,
        "first": slices.FIRST_ID,
        "until": slices.PAST_ALL_IDS,
        "shown": shown,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COMPARE, given)
        rows = cursor.fetchall()
    found = [Difference(position_id, stands, expected) for position_id, stands, expected, _, _ in rows]
    positions, amount = (rows[0][3], rows[0][4]) if rows else (0, Decimal(0))
    return Differences(day, positions, amount, found)
