"""The arithmetic of returns: pure, exact, no float, no clock.

Source: docs/rules/returns.md.
"""

from __future__ import annotations

from calendar import isleap, monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import NamedTuple

PRECISION = 60
ACCRUAL_PLACES = 18
GUARD_PLACES = 6
DEFAULT_RATE_CEILING = Decimal("0.36")
ONE_DAY = timedelta(days=1)

DAY, MONTH, YEAR = "day", "month", "year"
ACT_365F, ACT_360, THIRTY_E_360, ACT_ACT_ISDA = "ACT/365F", "ACT/360", "30E/360", "ACT/ACT ISDA"
DAILY, MONTHLY, AT_MATURITY = "daily", "monthly", "at_maturity"
PERIODS_A_YEAR = {DAY: 365, MONTH: 12, YEAR: 1}

# What PostgreSQL computes: the denominator's 40 places make its quotient exact to the 18th, as 60 digits do here.
AMOUNT_SQL = "round({principal} * {rate} * {numerator}::numeric / {denominator}::numeric(48, 40), 18)"


class Fraction(NamedTuple):
    """A part of the rate's period, kept as two integers."""

    numerator: int
    denominator: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What of a product's terms the arithmetic needs; `rate` is a decimal fraction per `rate_period`."""

    rate: Decimal
    rate_period: str
    day_count: str
    payout: str
    term_days: int | None = None


class Line(NamedTuple):
    """What one position earns on one day, and why."""

    day: date
    principal: Decimal
    rate: Decimal
    fraction: Fraction
    amount: Decimal


def _exact() -> Context:
    return Context(prec=PRECISION, rounding=ROUND_HALF_UP)


def _days_30e_360(on: date) -> int:
    return on.year * 360 + on.month * 30 + min(on.day, 30)


def day_fraction(on: date, *, rate_period: str, day_count: str) -> Fraction:
    """Return which part of the rate's period the day `on` is.

    A daily rate counts each day whole, a monthly one a day over the days of its month, a yearly one the year
    fraction of [on − 1, on), so that the days of a span add up to the fraction of the span.
    Source: ISDA 2006 definitions §4.16 (b), (d), (e), (g).
    """
    if rate_period == DAY:
        return Fraction(1, 1)
    if rate_period == MONTH:
        return Fraction(1, monthrange(on.year, on.month)[1])
    before = on - ONE_DAY
    if day_count == ACT_365F:
        return Fraction(1, 365)
    if day_count == ACT_360:
        return Fraction(1, 360)
    if day_count == THIRTY_E_360:
        return Fraction(_days_30e_360(on) - _days_30e_360(before), 360)
    if day_count == ACT_ACT_ISDA:
        return Fraction(1, 366 if isleap(before.year) else 365)
    raise ValueError(f"no such day count: {day_count!r} for a rate per {rate_period!r}")


def accrual_amount(principal: Decimal, rate: Decimal, fraction: Fraction) -> Decimal:
    """Return principal × rate × fraction at 18 places, ties away from zero, as PostgreSQL's `round` has it."""
    context = _exact()
    product = context.multiply(context.multiply(principal, rate), Decimal(fraction.numerator))
    return _round_half_away(context.divide(product, Decimal(fraction.denominator)), ACCRUAL_PLACES)


def _round_half_away(amount: Decimal, places: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP, context=_exact())


def _floor(amount: Decimal, places: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_FLOOR, context=_exact())


def payable_to_date(total: Decimal, *, exponent: int) -> Decimal:
    """Return what of everything earned so far can be posted: floor(round(total, exponent + 6), exponent).

    The rounding heals thirty days of a thirtieth (24.99…99); the floor keeps what is below one unit owed.
    """
    return _floor(_round_half_away(total, exponent + GUARD_PLACES), exponent)


def early_exit_penalty(amount: Decimal, fraction: Decimal, *, exponent: int) -> Decimal:
    """Return the part of `amount` that an early exit costs, rounded down: the payer is favoured."""
    return _floor(_exact().multiply(amount, fraction), exponent)


def yearly_equivalent(rate: Decimal, rate_period: str) -> Decimal:
    """Return the simple yearly rate: × 365, × 12 or × 1; never compounded."""
    return rate * PERIODS_A_YEAR[rate_period]


def is_above_ceiling(rate: Decimal, rate_period: str, *, ceiling: Decimal) -> bool:
    return yearly_equivalent(rate, rate_period) > ceiling


def last_day(funded_on: date, term_days: int | None) -> date | None:
    """Return the last day that earns, or None for an open-ended product."""
    return None if term_days is None else funded_on + timedelta(days=term_days)


def month_end(on: date) -> date:
    return on.replace(day=monthrange(on.year, on.month)[1])


def is_due(on: date, *, payout: str, last_on: date | None) -> bool:
    """Say whether the close of `on` settles: whatever the rhythm, once the last day is over."""
    ended = last_on is not None and last_on <= on
    return ended or payout == DAILY or (payout == MONTHLY and on == month_end(on))


def next_payout(after: date, *, payout: str, last_on: date | None) -> date | None:
    """Return the first day later than `after` whose close settles; None when nothing more is coming."""
    if last_on is not None and last_on <= after:
        return None
    following = after + ONE_DAY
    if payout == DAILY:
        return following
    if payout == MONTHLY:
        end = month_end(following)
        return end if last_on is None else min(end, last_on)
    return last_on


def last_payout(until: date, *, payout: str, last_on: date | None) -> date | None:
    """Return the latest day up to `until` whose close settles; None for a term that isn't over."""
    if payout == DAILY or (last_on is not None and last_on <= until):
        return until
    if payout == MONTHLY:
        return until if until == month_end(until) else until.replace(day=1) - ONE_DAY
    return None


def line(on: date, principal: Decimal, terms: Terms) -> Line:
    fraction = day_fraction(on, rate_period=terms.rate_period, day_count=terms.day_count)
    return Line(on, principal, terms.rate, fraction, accrual_amount(principal, terms.rate, fraction))


def forecast(principal: Decimal, terms: Terms, *, from_on: date, until: date) -> Iterator[Line]:
    """Yield what the terms promise for each day of [from_on, until] on an unchanged principal."""
    day = from_on
    while day <= until:
        yield line(day, principal, terms)
        day += ONE_DAY
