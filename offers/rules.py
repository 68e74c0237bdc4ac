"""Pure arithmetic of offers. Source: docs/rules/offers.md."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

ZERO = Decimal(0)


def accepted(requested: Decimal, remaining: Decimal) -> Decimal:
    """Return what is accepted of a request: as much as is left, even if that is less than the minimum ticket."""
    return max(min(requested, remaining), ZERO)


def reflects_until(reserved_at: datetime, *, days: int) -> datetime:
    """Return the moment from which an investment can't be taken back any more."""
    return reserved_at + timedelta(days=days)


def shares(amount: Decimal, principals: Sequence[Decimal], *, exponent: int) -> list[Decimal]:
    """Share an amount pro rata to the currency's unit by the largest remainder; the sum is exact.

    `principals` stand in the order of the investments: among equal remainders the earlier gets the unit. The services
    do the same in SQL; this is what they are held against.
    """
    units, total = int(amount.scaleb(exponent)), sum(principals, ZERO)
    scaled = [int(principal.scaleb(exponent)) for principal in principals]
    whole = int(total.scaleb(exponent))
    floors = [units * principal // whole for principal in scaled]
    by_remainder = sorted(range(len(scaled)), key=lambda place: (-(units * scaled[place] % whole), place))
    for place in by_remainder[: units - sum(floors)]:
        floors[place] += 1
    return [Decimal(floor).scaleb(-exponent) for floor in floors]
