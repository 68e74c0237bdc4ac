"""What positions have earned: accrued, owed and paid, from the last settlement on. Reads only.

No lifetime sums: a settlement carries accrued and paid to date, so that only what came after it is added.
Source: docs/rules/returns.md §4.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from investments import rules
from investments.holdings import Held
from investments.models import Position
from ledger import amounts, days

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Earned:
    """What one position has earned up to a day, at 18 decimals; the first three add up to `total`.

    `accrued` isn't due yet (and holds what is below one unit), `owed` is due and unpaid, `paid` is in the wallet.
    `settled_on` is the last day that was settled, `due_on` the last whose close settles.
    """

    accrued: Decimal = ZERO
    owed: Decimal = ZERO
    paid: Decimal = ZERO
    settled_on: date | None = None
    due_on: date | None = None

    @property
    def total(self) -> Decimal:
        return self.accrued + self.owed + self.paid


# One row a position: where its last paid settlement stands, and what was accrued, corrected and taken back since.
# A late accrual is one whose day a run had passed: it counts from the day that it was booked on.
_STANDING = """
SELECT p.id, l.due_on, COALESCE(l.accrued_to_date, 0), COALESCE(l.paid_to_date, 0) - COALESCE(b.amount, 0),
       COALESCE(a.due, 0) + COALESCE(j.due, 0), COALESCE(a.total, 0) + COALESCE(j.total, 0)
FROM (SELECT s.id, s.product_id, s.funded_on, asked.due
      FROM unnest(%s::uuid[], %s::date[]) AS asked (id, due) JOIN investments_position s ON s.id = asked.id) p
LEFT JOIN LATERAL (
    SELECT r.due_on, s.accrued_to_date, s.paid_to_date
    FROM investments_settlementrun r
    JOIN investments_settlement s ON s.run_id = r.id AND s.position_id = p.id
    WHERE r.product_id = p.product_id AND r.status = 'paid' AND r.due_on > p.funded_on
    ORDER BY r.due_on DESC LIMIT 1
) l ON true
LEFT JOIN LATERAL (
    SELECT sum(x.amount) FILTER (WHERE x.day <= p.due) AS due, sum(x.amount) AS total
    FROM investments_accrual x WHERE x.position_id = p.id AND x.day > COALESCE(l.due_on, p.funded_on)
) a ON true
LEFT JOIN LATERAL (
    SELECT sum(x.amount) FILTER (WHERE x.booked_on <= p.due) AS due, sum(x.amount) AS total
    FROM (
        SELECT booked_on, amount FROM investments_accrualadjustment WHERE position_id = p.id
        UNION ALL
        SELECT booked_on, amount FROM investments_lateaccrual WHERE position_id = p.id AND day <= l.due_on
    ) x WHERE x.booked_on > COALESCE(l.due_on, '-infinity')
) j ON true
LEFT JOIN LATERAL (
    SELECT sum(x.amount) AS amount FROM investments_settlementreversal x
    WHERE x.position_id = p.id AND x.booked_on > COALESCE(l.due_on, '-infinity')
) b ON true
"""


def last_closed_day() -> date | None:
    """Return the day before the open one, or None while no ledger is open."""
    try:
        return days.open_day() - rules.ONE_DAY
    except days.NoOpenDay:
        return None


def of(positions: Iterable[Position | Held], *, closed: date | None) -> dict[UUID, Earned]:
    """Return what each position has earned, with `closed` the last closed day, in one query however many there are.

    Their `version` and `product` should be selected with them.
    """
    funded = [position for position in positions if position.funded_on is not None]
    if not funded or closed is None:
        return {}
    due = [_due_on(position, closed) for position in funded]
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, [[position.id for position in funded], due])
        rows = {row[0]: row[1:] for row in cursor.fetchall()}
    return {
        position.id: _earned(rows[position.id], due_on=due_on, currency=position.currency)
        for position, due_on in zip(funded, due, strict=True)
    }


def of_one(position: Position) -> Earned:
    """Return what one position has earned."""
    return of([position], closed=last_closed_day()).get(position.pk, Earned())


def _due_on(position: Position | Held, closed: date) -> date | None:
    return rules.last_payout(closed, payout=position.version.payout, last_on=position.last_on)


def _earned(row: tuple[Any, ...], *, due_on: date | None, currency: str) -> Earned:
    settled_on, before, paid, due, total = row
    owed = max(rules.payable_to_date(before + due, exponent=amounts.exponent_of(currency)) - paid, ZERO)
    return Earned(before + total - owed - paid, owed, paid, settled_on=settled_on, due_on=due_on)
