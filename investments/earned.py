"""What positions have earned: accrued, owed and paid, from the last settlement on. Reads only.

No lifetime sums: a settlement carries accrued and paid to date, so that only what came after it is added.
Source: docs/rules/returns.md §4.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db import connection

from investments import rules
from investments.models import Position, Settlement
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


# One row a position: what was accrued, and corrected, after the last settlement; in all, and of it up to the due day.
_SINCE = """
SELECT p.id,
       COALESCE(a.due, 0) + COALESCE(j.due, 0),
       COALESCE(a.total, 0) + COALESCE(j.total, 0)
FROM unnest(%s::uuid[], %s::date[], %s::date[]) AS p (id, since, due)
LEFT JOIN LATERAL (
    SELECT sum(x.amount) FILTER (WHERE x.day <= p.due) AS due, sum(x.amount) AS total
    FROM investments_accrual x WHERE x.position_id = p.id AND x.day > p.since
) a ON true
LEFT JOIN LATERAL (
    SELECT sum(x.amount) FILTER (WHERE x.booked_on <= p.due) AS due, sum(x.amount) AS total
    FROM investments_accrualadjustment x WHERE x.position_id = p.id AND x.booked_on > p.since
) j ON true
"""


def last_closed_day() -> date | None:
    """Return the day before the open one, or None while no ledger is open."""
    try:
        return days.open_day() - rules.ONE_DAY
    except days.NoOpenDay:
        return None


def of(positions: Iterable[Position], *, closed: date | None) -> dict[UUID, Earned]:
    """Return what each position has earned, with `closed` the last closed day, in two queries however many there are.

    Their `version` and `product` should be selected with them.
    """
    funded = [position for position in positions if position.funded_on is not None]
    if not funded or closed is None:
        return {}
    settled = _last_settlements(funded)
    due = {position.pk: _due_on(position, closed) for position in funded}
    since = {
        position.pk: settled[position.pk].due_on if position.pk in settled else position.funded_on
        for position in funded
    }
    sums = _sums([position.pk for position in funded], since, due)
    return {
        position.pk: _earned(
            settled.get(position.pk),
            sums[position.pk],
            exponent=amounts.exponent_of(position.product.currency),
            due_on=due[position.pk],
        )
        for position in funded
    }


def of_one(position: Position) -> Earned:
    """Return what one position has earned."""
    return of([position], closed=last_closed_day()).get(position.pk, Earned())


def _last_settlements(positions: list[Position]) -> dict[UUID, Settlement]:
    rows = Settlement.objects.filter(position__in=positions).order_by("position_id", "-due_on")
    return {row.position_id: row for row in rows.distinct("position_id")}


def _due_on(position: Position, closed: date) -> date | None:
    return rules.last_payout(closed, payout=position.version.payout, last_on=position.last_on)


def _sums(
    ids: list[UUID], since: dict[UUID, date | None], due: dict[UUID, date | None]
) -> dict[UUID, tuple[Decimal, Decimal]]:
    with connection.cursor() as cursor:
        cursor.execute(_SINCE, [ids, [since[key] for key in ids], [due[key] for key in ids]])
        return {row[0]: (row[1], row[2]) for row in cursor.fetchall()}


def _earned(settled: Settlement | None, sums: tuple[Decimal, Decimal], *, exponent: int, due_on: date | None) -> Earned:
    before, paid = (settled.accrued_to_date, settled.paid_to_date) if settled else (ZERO, ZERO)
    due, total = before + sums[0], before + sums[1]
    owed = max(rules.payable_to_date(due, exponent=exponent) - paid, ZERO)
    return Earned(
        accrued=total - owed - paid,
        owed=owed,
        paid=paid,
        settled_on=settled.due_on if settled else None,
        due_on=due_on,
    )
