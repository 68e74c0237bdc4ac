"""What the treasury must know of each product for a day's coverage, in a few queries however many products."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import ROUND_UP, Decimal
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef

from investments.models import Position, Product, ProductVersion, RateCeiling
from treasury.coverage import ProductCover

MEAN_DAYS = 30
RATE_DIGITS = Decimal("0.000001")
"""What is stored is what is hashed, so figures are rounded to their columns here: rates up, never down."""


def covers_of(day: date) -> list[ProductCover]:
    """Return one cover a product that was ever activated, in order of its scope.

    `owed` is what runs that are due haven't paid; `accrued` what was earned beyond all runs; the mean is over those
    of the last 30 days on which something accrued, so that a young product's pool isn't made to look deep.
    """
    ceiling = RateCeiling.objects.current()
    rates = _yearly_rates()
    sums = _sums(day)
    activated = ProductVersion.objects.exclude(activated_at=None)
    products = Product.objects.filter(pk__in=activated.values("product")).order_by("code")
    return [
        ProductCover(
            scope=product.scope,
            currency=product.currency,
            name=product.display_name,
            yearly_rate=rates[product.pk].quantize(RATE_DIGITS, rounding=ROUND_UP),
            rate_ceiling=ceiling,
            above_ceiling=rates[product.pk] > ceiling,
            **_figures(sums.get(product.pk, {})),
        )
        for product in products
    ]


def _yearly_rates() -> defaultdict[Any, Decimal]:
    """The highest yearly equivalent of each product's versions that are on offer or still held."""
    held = Position.objects.filter(version=OuterRef("pk"), principal__gt=0)
    active = ProductVersion.objects.filter(status=ProductVersion.Status.ACTIVE)
    retired = ProductVersion.objects.filter(Exists(held), status=ProductVersion.Status.RETIRED)
    rates: defaultdict[Any, Decimal] = defaultdict(Decimal)
    for version in [*active, *retired]:
        rates[version.product_id] = max(rates[version.product_id], version.yearly_equivalent)
    return rates


def _figures(row: dict[str, Decimal]) -> dict[str, Decimal]:
    zero = Decimal(0)
    owed = row.get("owed", zero)
    accrued = row.get("earned", zero) - row.get("paid", zero) - owed
    return {"owed": owed, "accrued": max(accrued, zero), "mean_accrual": row.get("mean", zero)}


def _sums(day: date) -> dict[Any, dict[str, Decimal]]:
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, {"day": day, "days": MEAN_DAYS})
        return {
            product: {"earned": earned, "mean": mean, "paid": paid, "owed": owed}
            for product, earned, mean, paid, owed in cursor.fetchall()
        }


# `stuck`: products with a run that its pool doesn't cover, and the first such day. Of these everything is owed that was
# earned up to the last due day of their rhythm and isn't paid, and all that positions earned that ended since then.
_SUMS = """
    WITH accrued AS (
        SELECT product_id, sum(amount) AS total,
               round(sum(amount) FILTER (WHERE day > %(day)s::date - %(days)s::int)
                     / NULLIF(count(DISTINCT day) FILTER (WHERE day > %(day)s::date - %(days)s::int), 0), 18) AS mean
        FROM investments_productaccrual WHERE day <= %(day)s GROUP BY product_id
    ), adjusted AS (
        SELECT p.product_id, sum(a.amount) AS total
        FROM investments_accrualadjustment a JOIN investments_position p ON p.id = a.position_id
        WHERE a.booked_on <= %(day)s GROUP BY p.product_id
    ), reversed AS (
        SELECT r.product_id, sum(x.amount) AS total
        FROM investments_settlementreversal x JOIN investments_settlementrun r ON r.id = x.run_id GROUP BY r.product_id
    ), slices AS (
        SELECT s.run_id, sum(s.amount) AS total FROM investments_settlementslice s
        JOIN investments_settlementrun r ON r.id = s.run_id AND r.status = 'reserved'
        WHERE s.done_at IS NOT NULL GROUP BY s.run_id
    ), runs AS (
        SELECT r.product_id,
               sum(CASE r.status WHEN 'paid' THEN r.amount WHEN 'reserved' THEN COALESCE(s.total, 0)
                   ELSE 0 END) AS paid,
               sum(CASE r.status WHEN 'reserved' THEN r.amount - COALESCE(s.total, 0) ELSE 0 END) AS reserved,
               min(r.due_on) FILTER (WHERE r.status = 'due') AS stuck_since
        FROM investments_settlementrun r LEFT JOIN slices s ON s.run_id = r.id
        WHERE r.due_on <= %(day)s GROUP BY r.product_id
    ), stuck AS (
        SELECT r.product_id, r.stuck_since,
               CASE v.payout WHEN 'daily' THEN %(day)s::date
                             WHEN 'monthly' THEN (date_trunc('month', %(day)s::date + 1) - interval '1 day')::date
               END AS due_through
        FROM runs r
        CROSS JOIN LATERAL (
            SELECT payout FROM investments_productversion
            WHERE product_id = r.product_id AND activated_at IS NOT NULL ORDER BY number DESC LIMIT 1) v
        WHERE r.stuck_since IS NOT NULL
    ), through AS (
        SELECT s.product_id, sum(a.amount) AS total
        FROM stuck s JOIN investments_productaccrual a ON a.product_id = s.product_id AND a.day <= s.due_through
        GROUP BY s.product_id
    ), ended AS (
        SELECT s.product_id, sum(a.amount) AS total
        FROM stuck s
        JOIN investments_position p ON p.product_id = s.product_id AND p.last_on BETWEEN s.stuck_since AND %(day)s
        JOIN investments_accrual a ON a.position_id = p.id AND a.day > COALESCE(s.due_through, '-infinity')
            AND a.day <= %(day)s
        GROUP BY s.product_id
    )
    SELECT p.id, COALESCE(c.total, 0) + COALESCE(j.total, 0), COALESCE(c.mean, 0),
           COALESCE(r.paid, 0) - COALESCE(x.total, 0),
           GREATEST(COALESCE(r.reserved, 0),
                    CASE WHEN k.due_through IS NULL THEN 0
                         ELSE COALESCE(t.total, 0) + COALESCE(j.total, 0) - COALESCE(r.paid, 0) + COALESCE(x.total, 0)
                    END + COALESCE(e.total, 0))
    FROM investments_product p
    LEFT JOIN accrued c ON c.product_id = p.id
    LEFT JOIN adjusted j ON j.product_id = p.id
    LEFT JOIN reversed x ON x.product_id = p.id
    LEFT JOIN runs r ON r.product_id = p.id
    LEFT JOIN stuck k ON k.product_id = p.id
    LEFT JOIN through t ON t.product_id = p.id
    LEFT JOIN ended e ON e.product_id = p.id
"""
