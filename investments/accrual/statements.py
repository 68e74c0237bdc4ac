"""The SQL of accrual. One statement a slice writes its rows and the sums by product.

`earned` reads the position's terms alone: the row in force on the day carries principal, rate and version, the version
gives the day's fraction, computed once in Python (`rules.day_fraction`) and handed in as arrays.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import connection

from investments import rules
from investments.models import ProductVersion

AMOUNT = rules.AMOUNT_SQL.format(
    principal="t.principal", rate="t.rate", numerator="f.numerator", denominator="f.denominator"
)

EARNED = f"""
    SELECT f.product_id, t.position_id, t.principal, t.rate, f.numerator, f.denominator, {AMOUNT} AS amount
    FROM investments_positionterm t
    JOIN unnest(%(versions)s::uuid[], %(products)s::uuid[], %(numerators)s::smallint[], %(denominators)s::smallint[])
        AS f (version_id, product_id, numerator, denominator) ON f.version_id = t.version_id
    WHERE t.position_id >= %(first)s AND t.position_id < %(until)s
      AND t.from_on <= %(day)s AND (t.to_on IS NULL OR t.to_on > %(day)s) AND t.earns
"""

_ROW = "(day, position_id, principal, rate, numerator, denominator, amount)"
_SUMS = """
    INSERT INTO investments_productaccrual (product_id, day, slice_number, positions, amount)
    SELECT product_id, %(day)s, %(number)s, count(*), sum(amount) FROM {rows} GROUP BY product_id
    RETURNING positions
"""

FRESH = f"""
WITH earned AS MATERIALIZED ({EARNED}), kept AS (
    INSERT INTO investments_accrual {_ROW}
    SELECT %(day)s, position_id, principal, rate, numerator, denominator, amount FROM earned
), sums AS ({_SUMS.format(rows="earned")})
SELECT COALESCE(sum(positions), 0) FROM sums
"""
"""A slice that nobody has worked on: a row that is there already is an error."""

ADDED = f"""
WITH earned AS MATERIALIZED ({EARNED}), kept AS (
    INSERT INTO investments_accrual {_ROW}
    SELECT %(day)s, position_id, principal, rate, numerator, denominator, amount FROM earned
    ON CONFLICT DO NOTHING
    RETURNING position_id, amount
), late AS (
    INSERT INTO investments_lateaccrual (day, position_id, amount, booked_on)
    SELECT %(day)s, k.position_id, k.amount, passed.due_on + 1
    FROM kept k
    JOIN investments_position p ON p.id = k.position_id
    CROSS JOIN LATERAL (
        SELECT max(r.due_on) AS due_on FROM investments_settlementrun r
        WHERE r.product_id = p.product_id AND r.status <> 'due'
    ) passed
    WHERE EXISTS (
        SELECT 1 FROM investments_settlementrun r
        JOIN investments_settlement s ON s.run_id = r.id AND s.position_id = k.position_id
        WHERE r.product_id = p.product_id AND r.due_on >= %(day)s)
), counted AS (
    SELECT e.product_id, e.amount FROM kept k JOIN earned e USING (position_id)
), sums AS ({_SUMS.format(rows="counted")})
SELECT COALESCE(sum(positions), 0) FROM sums
"""
"""What is still missing of a slice; a row whose settlement has passed comes into account with the next one."""

HALVES = """
WITH earning AS (
    SELECT t.position_id, row_number() OVER (ORDER BY t.position_id) AS place, count(*) OVER () AS positions
    FROM investments_positionterm t
    WHERE t.position_id >= %(first)s AND t.position_id < %(until)s
      AND t.from_on <= %(day)s AND (t.to_on IS NULL OR t.to_on > %(day)s) AND t.earns
      AND NOT EXISTS (
          SELECT 1 FROM investments_accrual a WHERE a.day = %(day)s AND a.position_id = t.position_id)
)
SELECT position_id, positions FROM earning WHERE place = positions / 2 + 1
"""

PLAN = """
WITH RECURSIVE bounds (number, id) AS (
    SELECT 0, %(first)s::uuid
    UNION ALL
    SELECT number + 1, (
        SELECT p.id FROM investments_position p WHERE p.id >= bounds.id ORDER BY p.id OFFSET %(size)s::integer LIMIT 1)
    FROM bounds WHERE id IS NOT NULL
)
INSERT INTO investments_accrualslice (day, number, first, until, positions, problems)
SELECT %(day)s::date, number, id, COALESCE(lead(id) OVER (ORDER BY number), %(until)s::uuid), 0, 0
FROM bounds WHERE id IS NOT NULL
"""
"""Bounds are found by jumps through the index: numbering every position took a tenth of the whole accrual."""


def fractions(day: date) -> dict[str, Any]:
    """Return the day's fraction of every version whose positions may earn, as arrays for EARNED."""
    versions = list(
        ProductVersion.objects.exclude(activated_at=None).values_list("id", "product_id", "rate_period", "day_count")
    )
    by_terms = {
        terms: rules.day_fraction(day, rate_period=terms[0], day_count=terms[1])
        for terms in {(period, day_count) for _, _, period, day_count in versions}
    }
    return {
        "versions": [version for version, _, _, _ in versions],
        "products": [product for _, product, _, _ in versions],
        "numerators": [by_terms[period, day_count].numerator for _, _, period, day_count in versions],
        "denominators": [by_terms[period, day_count].denominator for _, _, period, day_count in versions],
    }


def lock_products(product_ids: Iterable[object], *, shared: bool) -> None:
    """Hold products' accruals still until the transaction ends (alone), or add to them beside others (shared).

    A run is computed alone, so that no accrual slips in between what it reads and what it reserves.
    """
    kind = "_shared" if shared else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT pg_advisory_xact_lock{kind}(hashtext('investments.returns'), hashtext(id::text))"
            " FROM unnest(%s::uuid[]) AS id ORDER BY hashtext(id::text)",
            [list(product_ids)],
        )
