"""What a day accrued beside what its terms would give now: a report, and the ground of an adjustment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from investments import rules
from investments.accrual import statements
from investments.models import Position

SHOWN = 20
RERUN = "rerun:"
"""How the source keys of adjustments begin that bring a day to its terms."""


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


_STANDING = f"""
    SELECT day, position_id, amount FROM investments_accrual
    UNION ALL
    SELECT corrects_on, position_id, amount FROM investments_accrualadjustment WHERE starts_with(source_key, '{RERUN}')
    UNION ALL
    SELECT (line ->> 'corrects_on')::date, position_id, (line ->> 'amount')::numeric
    FROM investments_correction CROSS JOIN jsonb_array_elements(lines) line
    WHERE status = 'waiting' AND starts_with(source_key, '{RERUN}')
"""

_AMOUNT = statements.amount("f.numerator", "f.denominator")

_OF_A_DAY = f"""
WITH expected AS (
    SELECT t.position_id, {_AMOUNT} AS amount
    FROM investments_positionterm t
    JOIN unnest(%(versions)s::uuid[], %(numerators)s::smallint[], %(denominators)s::smallint[])
        AS f (version_id, numerator, denominator) ON f.version_id = t.version_id
    WHERE {statements.IN_FORCE}
), standing AS (
    SELECT position_id, sum(amount) AS amount FROM ({_STANDING}) x WHERE day = %(day)s GROUP BY position_id
), differing AS (
    SELECT COALESCE(e.position_id, s.position_id) AS position_id, COALESCE(s.amount, 0) AS stands,
           COALESCE(e.amount, 0) AS expected
    FROM expected e FULL JOIN standing s ON s.position_id = e.position_id
    WHERE COALESCE(s.amount, 0) <> COALESCE(e.amount, 0)
)
SELECT position_id, stands, expected, count(*) OVER (), sum(expected - stands) OVER ()
FROM differing ORDER BY position_id LIMIT %(shown)s
"""

_OF_A_POSITION = f"""
WITH standing AS (
    SELECT day, sum(amount) AS amount FROM ({_STANDING}) x
    WHERE position_id = %(position)s AND day = ANY(%(days)s) GROUP BY day
)
SELECT f.day, COALESCE(s.amount, 0), COALESCE(e.amount, 0)
FROM unnest(%(days)s::date[], %(numerators)s::smallint[], %(denominators)s::smallint[])
    AS f (day, numerator, denominator)
LEFT JOIN standing s ON s.day = f.day
LEFT JOIN LATERAL (
    SELECT {_AMOUNT} AS amount FROM investments_positionterm t
    WHERE t.position_id = %(position)s AND t.from_on <= f.day AND (t.to_on IS NULL OR t.to_on > f.day) AND t.earns
) e ON true
WHERE COALESCE(s.amount, 0) <> COALESCE(e.amount, 0) ORDER BY f.day
"""


def compare_day(day: date, *, shown: int = SHOWN) -> Differences:
    """Compare a day's accruals, and what a rerun adjusted of them, with what the terms give now. Changes nothing.

    Adjustments that are approved and wait for the next close count as well.
    """
    earning = [(version, *share.fraction) for share in statements.shares(day) for version in share.versions]
    given: dict[str, Any] = {
        "versions": [version for version, _, _ in earning],
        "numerators": [numerator for _, numerator, _ in earning],
        "denominators": [denominator for _, _, denominator in earning],
        "day": day,
        "shown": shown,
    }
    with connection.cursor() as cursor:
        cursor.execute(_OF_A_DAY, given)
        rows = cursor.fetchall()
    found = [Difference(position_id, stands, expected) for position_id, stands, expected, _, _ in rows]
    positions, amount = (rows[0][3], rows[0][4]) if rows else (0, Decimal(0))
    return Differences(day, positions, amount, found)


def compare_position(position: Position, days: Sequence[date]) -> dict[date, Difference]:
    """Compare days of one position in the same way; those that differ, oldest first."""
    terms = position.version.terms
    fractions = [rules.day_fraction(day, rate_period=terms.rate_period, day_count=terms.day_count) for day in days]
    given: dict[str, Any] = {
        "position": position.pk,
        "days": list(days),
        "numerators": [fraction.numerator for fraction in fractions],
        "denominators": [fraction.denominator for fraction in fractions],
    }
    with connection.cursor() as cursor:
        cursor.execute(_OF_A_POSITION, given)
        return {day: Difference(position.pk, stands, expected) for day, stands, expected in cursor.fetchall()}
