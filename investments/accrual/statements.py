"""The SQL of accrual. One statement a slice and fraction writes its rows and the sums by product.

`_EARNED` reads the position's terms alone: the row in force on the day carries principal, rate and version. The day's
fraction is computed in Python (`rules.day_fraction`); versions that share it are accrued together, so that it stands in
the statement as a constant: a join with the versions took a twelfth of the whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef

from investments import rules
from investments.models import Position, ProductVersion

IN_FORCE = "t.from_on <= %(day)s AND (t.to_on IS NULL OR t.to_on > %(day)s) AND t.earns"

_EARNED = """
    SELECT t.version_id, t.position_id, t.principal, t.rate, {amount} AS amount
    FROM investments_positionterm t
    WHERE t.position_id >= %(first)s AND t.position_id < %(until)s
      AND {in_force} AND t.version_id = ANY (%(versions)s)
"""
_WRITE = """
    INSERT INTO investments_accrual (day, position_id, principal, rate, numerator, denominator, amount)
    SELECT %(day)s, position_id, principal, rate, {numerator}, {denominator}, amount FROM earned
"""
_SUMS = """
    INSERT INTO investments_productaccrual (product_id, day, slice_number, positions, amount)
    SELECT v.product_id, %(day)s, %(number)s, sum(x.positions), sum(x.amount)
    FROM (SELECT version_id, count(*) AS positions, sum(amount) AS amount FROM {rows} GROUP BY version_id) x
    JOIN investments_productversion v ON v.id = x.version_id
    GROUP BY v.product_id
    RETURNING positions
"""

_FRESH = """
WITH earned AS MATERIALIZED ({earned}), kept AS ({write}), sums AS ({sums_of_earned})
SELECT COALESCE(sum(positions), 0) FROM sums
"""

_ADDED = """
WITH earned AS MATERIALIZED ({earned}), kept AS (
    {write}
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
    SELECT e.version_id, e.amount FROM kept k JOIN earned e USING (position_id)
), sums AS ({sums_of_counted})
SELECT COALESCE(sum(positions), 0) FROM sums
"""


@dataclass(frozen=True, slots=True)
class Share:
    """The versions whose rate a day earns one and the same fraction of."""

    fraction: rules.Fraction
    versions: list[UUID] = field(default_factory=list)
    products: set[UUID] = field(default_factory=set)

    def fresh(self) -> str:
        """The statement for a slice that nobody has worked on: a row that is there already is an error."""
        return self._statement(_FRESH)

    def added(self) -> str:
        """The statement for what a slice still lacks; a row whose settlement has passed comes in with the next one."""
        return self._statement(_ADDED)

    def _statement(self, form: str) -> str:
        numerator, denominator = (str(int(part)) for part in self.fraction)
        return form.format(
            earned=_EARNED.format(amount=amount(numerator, denominator), in_force=IN_FORCE),
            write=_WRITE.format(numerator=numerator, denominator=denominator),
            sums_of_earned=_SUMS.format(rows="earned"),
            sums_of_counted=_SUMS.format(rows="counted"),
        )


HALVES = f"""
WITH earning AS (
    SELECT t.position_id, row_number() OVER (ORDER BY t.position_id) AS place, count(*) OVER () AS positions
    FROM investments_positionterm t
    WHERE t.position_id >= %(first)s AND t.position_id < %(until)s
      AND {IN_FORCE}
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


def amount(numerator: str, denominator: str) -> str:
    """Return the SQL of what a row of terms `t` earns by a fraction of its rate."""
    return rules.AMOUNT_SQL.format(principal="t.principal", rate="t.rate", numerator=numerator, denominator=denominator)


def shares(day: date) -> list[Share]:
    """Return the versions whose positions may earn, by the day's fraction of their rate; few terms make few shares.

    Those of a product that nobody ever held are left out: each share reads the whole slice.
    """
    held = Exists(Position.objects.filter(product=OuterRef("product")))
    versions = ProductVersion.objects.exclude(activated_at=None).filter(held)
    found: dict[rules.Fraction, Share] = {}
    for version, product, rate_period, day_count in versions.values_list("id", "product", "rate_period", "day_count"):
        fraction = rules.day_fraction(day, rate_period=rate_period, day_count=day_count)
        share = found.setdefault(fraction, Share(fraction))
        share.versions.append(version)
        share.products.add(product)
    return [found[fraction] for fraction in sorted(found)]


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
