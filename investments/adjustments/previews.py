"""What an adjustment would add, day by day: the ground of a request, computed again when it is approved.

Source: docs/rules/returns.md §4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet

from core.errors import DomainError
from investments import accrual, rules
from investments.models import Accrual, AccrualSlice, Correction, Position, PositionEvent, PositionTerm
from ledger import amounts, days

FUNDINGS = (PositionEvent.Verb.FUND, PositionEvent.Verb.TOP_UP)


class NothingToAdjust(DomainError):
    code = "nothing-to-adjust"
    title = "No day would change"
    status = 422


class NotAdjustable(DomainError):
    code = "not-adjustable"
    title = "This can't be adjusted so"
    status = 422


@dataclass(frozen=True, slots=True)
class Line:
    """One day of a correction: what is added to it (signed, 18 places), and from which principal to which."""

    corrects_on: date
    amount: Decimal
    principal_before: Decimal
    principal_after: Decimal
    rate: Decimal
    fraction: rules.Fraction

    def as_json(self) -> dict[str, Any]:
        return {
            "corrects_on": self.corrects_on.isoformat(),
            "amount": f"{self.amount:f}",
            "principal_before": f"{self.principal_before:f}",
            "principal_after": f"{self.principal_after:f}",
            "rate": f"{self.rate:f}",
            "numerator": self.fraction.numerator,
            "denominator": self.fraction.denominator,
        }


def preview(position: Position, *, by: Decimal, from_on: date, until: date) -> list[Line]:
    """Return what each day of [from_on, until] would have earned more, had the principal been higher by `by` (signed).

    A day on which the position was paused stays as it is; one before its funding counts from nothing.
    Raises NotAdjustable, NothingToAdjust.
    """
    if position.funded_on is None or until < from_on:
        raise NothingToAdjust
    lines = [line for day in _days(from_on, until) if (line := _line(position, day, by))]
    if not lines:
        raise NothingToAdjust
    return lines


def preview_late(event: PositionEvent, *, value_on: date) -> list[Line]:
    """Return what money that arrived on `value_on`, but was booked as `event`, would have earned until it was.

    Raises NotAdjustable (not a funding; a product with a term keeps its own days), NothingToAdjust.
    """
    if event.verb not in FUNDINGS:
        raise NotAdjustable("Only money that came in can have come in earlier.")
    if not event.position.version.is_open_ended:
        raise NotAdjustable("A product with a term pays its days from its funding on, no more of them.")
    return preview(event.position, by=event.amount, from_on=value_on + rules.ONE_DAY, until=event.value_on)


def preview_rerun(position: Position, *, day: date) -> list[Line]:
    """Return the one line that brings what stands for a day that was accrued to what its terms give now.

    What earlier reruns of the day adjusted stands too; other adjustments are facts of their own and aren't counted.
    Raises NotAdjustable (its terms can still change, or its accrual isn't complete), NothingToAdjust.
    """
    if day > days.open_day():
        raise NotAdjustable(f"What is done today still changes the terms of {day}; ask once that day is open.")
    if day not in _complete_days(position, from_on=day, until=day):
        raise NotAdjustable(f"The accrual of {day} isn't complete; run accrue_returns --on {day} first.")
    difference = accrual.compare_position(position, [day]).get(day)
    if difference is None:
        raise NothingToAdjust
    term = _term_on(position, day)
    after = term.principal if term and term.earns else Decimal(0)
    rate = term.rate if term else position.version.rate
    return [Line(day, difference.amount, _counted(position, day), after, rate, _fraction(position, day))]


def differing_days(position: Position, *, from_on: date, until: date) -> dict[date, accrual.Difference]:
    """Return the days of [from_on, until] that a rerun would give another amount, oldest first."""
    return accrual.compare_position(position, _complete_days(position, from_on=from_on, until=until))


def reruns_of(position: Position, day: date) -> QuerySet[Correction]:
    """The corrections that brought a day to its terms, oldest first."""
    key = rerun_key(position, day)
    return Correction.objects.filter(Q(source_key=key) | Q(source_key__startswith=f"{key}:")).order_by("pk")


def rerun_key(position: Position, day: date) -> str:
    return f"{accrual.RERUN}{position.pk}:{day}"


def _complete_days(position: Position, *, from_on: date, until: date) -> list[date]:
    """The days whose slice of this position is done, without a position that failed alone."""
    of_position = AccrualSlice.objects.filter(first__lte=position.pk, until__gt=position.pk, done_at__isnull=False)
    found = of_position.filter(problems=0, day__gte=from_on, day__lte=until)
    return sorted(found.values_list("day", flat=True))


def _counted(position: Position, day: date) -> Decimal:
    """The principal that a day has earned on so far."""
    earlier = reruns_of(position, day).last()
    if earlier is not None:
        return Decimal(earlier.lines[0]["principal_after"])
    accrued = Accrual.objects.filter(day=day, position_id=position.pk).first()
    return accrued.principal if accrued else Decimal(0)


def _days(from_on: date, until: date) -> Iterator[date]:
    return (from_on + timedelta(days=n) for n in range((until - from_on).days + 1))


def _line(position: Position, day: date, by: Decimal) -> Line | None:
    term = _term_on(position, day)
    if term is not None and not term.earns:
        return None
    before = term.principal if term else Decimal(0)
    rate = term.rate if term else position.version.rate
    after = before + by
    if after < 0:
        was = amounts.show(before, position.currency)
        raise NotAdjustable(f"On {day} the principal was {was}; it can't have been less than nothing.")
    fraction = _fraction(position, day)
    amount = rules.accrual_amount(after, rate, fraction) - rules.accrual_amount(before, rate, fraction)
    return Line(day, amount, before, after, rate, fraction) if amount else None


def _term_on(position: Position, day: date) -> PositionTerm | None:
    return position.terms.filter(Q(to_on__isnull=True) | Q(to_on__gt=day), from_on__lte=day).first()


def _fraction(position: Position, day: date) -> rules.Fraction:
    terms = position.version.terms
    return rules.day_fraction(day, rate_period=terms.rate_period, day_count=terms.day_count)
