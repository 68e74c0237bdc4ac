"""A position's returns line by line, each explaining itself. Reads only. Source: docs/rules/returns.md §4.

What was recorded is read; `projected` is computed from the terms and never stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import groupby

from django.db import connection

from investments import earned, rules
from investments.models import AccrualAdjustment, Position, PositionTerm
from investments.rules import ONE_DAY

PROJECTED, ACCRUED, OWED, PAID = "projected", "accrued", "owed", "paid"
STATUSES = (PROJECTED, ACCRUED, OWED, PAID)
DAILY, MONTHLY, ANNUAL = "daily", "monthly", "annual"
PERIODS = {DAILY: "day", MONTHLY: "month", ANNUAL: "year"}
PROJECTED_DAYS = 365


@dataclass(frozen=True, slots=True)
class Line:
    """What was earned by one term row over some days of one period.

    `amount` = principal × rate × numerator / denominator, each day rounded to 18 decimals. A correction has no
    terms: its `from_on` and `to_on` are the days that it corrects, `booked_on` the day that it counts from.
    """

    period: date
    status: str
    from_on: date
    to_on: date
    days: int
    amount: Decimal
    principal: Decimal | None = None
    rate: Decimal | None = None
    numerator: int | None = None
    denominator: int | None = None
    term: int | None = None
    booked_on: date | None = None
    reason: str = ""


_RECORDED = """
SELECT date_trunc(%(unit)s::text, a.day)::date AS period,
       CASE WHEN a.day <= %(settled_on)s::date THEN 'paid' WHEN a.day <= %(due_on)s::date THEN 'owed'
            ELSE 'accrued' END AS status,
       min(a.day), max(a.day), count(*), sum(a.amount), a.principal, a.rate, sum(a.numerator), a.denominator, t.id
FROM investments_accrual a
LEFT JOIN investments_positionterm t
    ON t.position_id = a.position_id AND t.from_on <= a.day AND (t.to_on IS NULL OR t.to_on > a.day)
WHERE a.position_id = %(position)s::uuid AND a.day > %(funded_on)s::date
GROUP BY period, status, a.principal, a.rate, a.denominator, t.id
"""


def lines(position: Position, *, period: str = DAILY, status: str | None = None) -> list[Line]:
    """Return a position's returns, newest first; `projected` ones only when asked for."""
    if position.funded_on is None:
        return []
    if status == PROJECTED:
        found = _projected(position, period)
    else:
        standing = earned.of_one(position)
        found = [*_recorded(position, period, standing), *_corrections(position, period, standing)]
        found = [line for line in found if status in (None, line.status)]
    return sorted(found, key=lambda line: (line.booked_on or line.to_on, line.from_on), reverse=True)


def forecast(position: Position, *, from_on: date, until: date) -> Iterator[tuple[PositionTerm, rules.Line]]:
    """Yield what the terms promise for each day of [from_on, until] that earns, oldest first."""
    terms = position.version.terms
    for term in position.terms.filter(earns=True).order_by("from_on"):
        first = max(from_on, term.from_on)
        last = until if term.to_on is None else min(until, term.to_on - ONE_DAY)
        term_rules = replace(terms, rate=term.rate)
        for each in rules.forecast(term.principal, term_rules, from_on=first, until=last):
            yield term, each


def horizon(position: Position, *, from_on: date, days: int) -> date:
    """Return the last day to look ahead to: `days` days, but never past the last one that earns."""
    until = from_on + (days - 1) * ONE_DAY
    return until if position.last_on is None else min(until, position.last_on)


def first_open_day(position: Position) -> date | None:
    """Return the first day whose accrual isn't recorded yet; None when there is no open ledger."""
    closed = earned.last_closed_day()
    if closed is None or position.funded_on is None:
        return None
    return max(closed, position.funded_on) + ONE_DAY


def _projected(position: Position, period: str) -> list[Line]:
    first = first_open_day(position)
    if first is None:
        return []
    until = horizon(position, from_on=first, days=PROJECTED_DAYS)
    days = ((_period_of(day.day, period), term, day) for term, day in forecast(position, from_on=first, until=until))
    found = []
    for (start, term_id, _), group in groupby(days, key=lambda each: (each[0], each[1].pk, each[2].fraction[1])):
        found.append(_summed(start, term_id, [each[2] for each in group]))
    return found


def _summed(period: date, term_id: int, days: list[rules.Line]) -> Line:
    return Line(
        period=period,
        status=PROJECTED,
        from_on=days[0].day,
        to_on=days[-1].day,
        days=len(days),
        amount=sum((day.amount for day in days), Decimal(0)),
        principal=days[0].principal,
        rate=days[0].rate,
        numerator=sum(day.fraction.numerator for day in days),
        denominator=days[0].fraction.denominator,
        term=term_id,
    )


def _recorded(position: Position, period: str, standing: earned.Earned) -> list[Line]:
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORDED,
            {
                "unit": PERIODS[period],
                "settled_on": standing.settled_on,
                "due_on": standing.due_on,
                "position": position.pk,
                "funded_on": position.funded_on,
            },
        )
        return [Line(*row) for row in cursor.fetchall()]


def _corrections(position: Position, period: str, standing: earned.Earned) -> Iterable[Line]:
    rows = AccrualAdjustment.objects.filter(position=position).order_by("booked_on", "correction_id", "corrects_on")
    for (booked_on, _), group in groupby(rows, key=lambda row: (row.booked_on, row.correction_id)):
        parts = list(group)
        yield Line(
            period=_period_of(booked_on, period),
            status=_status_on(booked_on, standing),
            from_on=parts[0].corrects_on,
            to_on=parts[-1].corrects_on,
            days=len(parts),
            amount=sum((part.amount for part in parts), Decimal(0)),
            booked_on=booked_on,
            reason=parts[0].reason,
        )


def _status_on(day: date, standing: earned.Earned) -> str:
    if standing.settled_on is not None and day <= standing.settled_on:
        return PAID
    return OWED if standing.due_on is not None and day <= standing.due_on else ACCRUED


def _period_of(day: date, period: str) -> date:
    if period == DAILY:
        return day
    return day.replace(day=1) if period == MONTHLY else day.replace(month=1, day=1)
