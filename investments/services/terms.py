"""Rewrite what a position earns by, from a day on. Steps; the position's row is locked by the caller.

A verb on day V takes effect on V + 1: the row that covers it is closed there and a further one begins; a second verb
on V rewrites the row that begins on V + 1. What began earlier never changes, and the database refuses it.
Source: docs/rules/returns.md §2.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.db.models import Case, F, Q, Value, When

from investments.models import Position, PositionTerm
from investments.rules import ONE_DAY


def begin(position: Position, *, from_on: date) -> None:
    """Write the first rows of a position that has just been funded; one with a term stops after its last day."""
    terms = [_row(position, from_on=from_on, to_on=_day_after(position.last_on), earns=True)]
    if position.last_on is not None:
        terms.append(_row(position, from_on=position.last_on + ONE_DAY, to_on=None, earns=False))
    PositionTerm.objects.bulk_create(terms)


def change_principal(position: Position, *, from_on: date, by: Decimal) -> None:
    """Add `by` (signed) to the principal from `from_on` on."""
    _split(position, from_on)
    position.terms.filter(from_on__gte=from_on).update(principal=F("principal") + by)


def stop_earning(position: Position, *, from_on: date) -> None:
    """Let it earn nothing from `from_on` on."""
    _split(position, from_on)
    position.terms.filter(from_on__gte=from_on).update(earns=False)


def start_earning(position: Position, *, from_on: date) -> None:
    """Let it earn again from `from_on` on, but never past its last day: a pause doesn't extend a term."""
    _split(position, from_on)
    within = Q() if position.last_on is None else Q(from_on__lte=position.last_on)
    position.terms.filter(from_on__gte=from_on).update(
        earns=Case(When(within, then=Value(True)), default=Value(False)) if within else True
    )


def _split(position: Position, on: date) -> None:
    """Make a row begin on `on`, if one covers it that began earlier."""
    covering = position.terms.filter(Q(to_on__isnull=True) | Q(to_on__gt=on), from_on__lt=on).first()
    if covering is None:
        return
    rest = PositionTerm(
        position=position,
        from_on=on,
        to_on=covering.to_on,
        principal=covering.principal,
        rate=covering.rate,
        earns=covering.earns,
    )
    covering.to_on = on
    covering.save(update_fields=["to_on"])
    rest.save(force_insert=True)


def _row(position: Position, *, from_on: date, to_on: date | None, earns: bool) -> PositionTerm:
    return PositionTerm(
        position=position,
        from_on=from_on,
        to_on=to_on,
        principal=position.principal,
        rate=position.version.rate,
        earns=earns,
    )


def _day_after(day: date | None) -> date | None:
    return None if day is None else day + ONE_DAY
