"""The arithmetic of coverage and pools. Rounding: ratios and days are rounded down, so that nothing looks better.

Source: docs/rules/coverage.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from typing import Final

STATEMENT_MAX_AGE_DAYS: Final = 3
VALUATION_MAX_AGE_DAYS: Final = 90
POOL_KEEPS_DAYS: Final = 30
MINIMUM_INVESTORS: Final = 20
RATIO_DIGITS: Final = Decimal("0.000001")
DAYS_DIGITS: Final = Decimal("0.1")

CLAIMS: Final = ("available", "locked", "in_payout", "principal", "suspense")
RING_FENCED: Final = ("returns_pool", "returns_due", "referral_budget")
OWN: Final = ("capital", "fees", "penalties")
NEVER_ASSETS: Final = ("receivable", "shortfall", "fx")
DEBIT_NORMAL: Final = ("cash", "deployed", *NEVER_ASSETS)
KINDS: Final = (*CLAIMS, *RING_FENCED, *OWN, *DEBIT_NORMAL)

# Sums of a million positions at 18 decimals exceed the 28 digits that Decimal keeps by default.
_EXACT: Final = Context(prec=80)
# Apart: a context that rounds down makes -0 of x - x.
_DOWN: Final = Context(prec=80, rounding=ROUND_FLOOR)
_NOTHING: Final = Decimal(0)


def is_fresh(evidence_on: date | None, *, on: date, max_age_days: int) -> bool:
    """Say whether evidence of a day still confirms on `on`: not later than it, and not older than allowed."""
    return evidence_on is not None and on - timedelta(days=max_age_days) <= evidence_on <= on


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum."""
    result = _NOTHING
    for amount in amounts:
        result = _EXACT.add(result, amount)
    return result


def minus(amount: Decimal, less: Decimal) -> Decimal:
    """Return the exact difference."""
    return _EXACT.subtract(amount, less)


def plain(amount: Decimal) -> str:
    """Write an amount exactly, without an exponent and without zeros that say nothing."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def as_stored(amount: Decimal, places: int) -> Decimal:
    """Return an amount as a column of so many decimals keeps it, half to even: a mean has no end."""
    return amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN, context=_EXACT)


def ratio(*, confirmed: Decimal, own: Decimal, claims: Decimal, ring_fenced: Decimal) -> Decimal | None:
    """Return (confirmed - own) / (claims + ring-fenced), rounded down to 6 digits; None where nothing is owed."""
    owed = _EXACT.add(claims, ring_fenced)
    if owed <= 0:
        return None
    return _DOWN.divide(minus(confirmed, own), owed).quantize(RATIO_DIGITS, context=_DOWN)


def days_of_cover(pool: Decimal, mean_accrual: Decimal) -> Decimal | None:
    """Return how many days of mean accrual the pool holds, rounded down to 1 digit; None where nothing accrues."""
    if mean_accrual <= 0:
        return None
    return _DOWN.divide(pool, mean_accrual).quantize(DAYS_DIGITS, context=_DOWN)


def pool_must_keep(*, owed: Decimal, accrued: Decimal, mean_accrual: Decimal) -> Decimal:
    """Return what may not leave a pool: all that is earned and unpaid, due or not, and 30 days of mean accrual.

    What is earned but not due counts as owed: a plan that pays at maturity has nothing due for months.
    """
    return total([owed, accrued, _EXACT.multiply(mean_accrual, Decimal(POOL_KEEPS_DAYS))])


@dataclass(frozen=True, slots=True)
class Part:
    """One cash account or asset: what the books say, and what evidence of which day says."""

    kind: str
    scope: str
    subject: str
    book: Decimal
    evidence_on: date | None = None
    evidence_amount: Decimal | None = None

    @property
    def max_age_days(self) -> int:
        return STATEMENT_MAX_AGE_DAYS if self.kind == "cash" else VALUATION_MAX_AGE_DAYS

    def is_evidenced(self, on: date) -> bool:
        """Say whether there is evidence, and fresh."""
        return self.evidence_amount is not None and is_fresh(self.evidence_on, on=on, max_age_days=self.max_age_days)

    def confirmed(self, on: date) -> Decimal:
        """Return min(book, evidence); without fresh evidence nothing, and an overdrawn book in full."""
        if self.evidence_amount is not None and self.is_evidenced(on):
            return min(self.book, self.evidence_amount)
        return min(self.book, _NOTHING)

    def unconfirmed(self, on: date) -> Decimal:
        """Return what the books say beyond what is confirmed; never negative."""
        return minus(self.book, self.confirmed(on))


@dataclass(frozen=True, slots=True)
class Figures:
    """The books of one currency on one day: a balance per kind, on its normal side, and the parts to confirm."""

    currency: str
    on: date
    balances: dict[str, Decimal]
    parts: tuple[Part, ...]

    def of(self, *kinds: str) -> Decimal:
        """Return the sum of these kinds."""
        return total(self.balances.get(kind, _NOTHING) for kind in kinds)

    @property
    def claims(self) -> Decimal:
        return self.of(*CLAIMS)

    @property
    def ring_fenced(self) -> Decimal:
        return self.of(*RING_FENCED)

    @property
    def own(self) -> Decimal:
        return self.of(*OWN)

    @property
    def confirmed(self) -> Decimal:
        return total(part.confirmed(self.on) for part in self.parts)

    def unconfirmed(self, kind: str) -> Decimal:
        """Return the unconfirmed sum of the `cash` or the `deployed` parts."""
        return total(part.unconfirmed(self.on) for part in self.parts if part.kind == kind)

    @property
    def ratio(self) -> Decimal | None:
        return ratio(confirmed=self.confirmed, own=self.own, claims=self.claims, ring_fenced=self.ring_fenced)

    def after(self, debit: tuple[str, str, str], credit: tuple[str, str, str], amount: Decimal) -> Figures:
        """Return the figures after one movement; a side is (kind, scope, subject)."""
        return self._moved(debit, amount, by_debit=True)._moved(credit, amount, by_debit=False)

    def _moved(self, side: tuple[str, str, str], amount: Decimal, *, by_debit: bool) -> Figures:
        kind, scope, subject = side
        signed = amount if by_debit == (kind in DEBIT_NORMAL) else amount.copy_negate()
        balances = {**self.balances, kind: _EXACT.add(self.of(kind), signed)}
        if kind not in ("cash", "deployed"):
            return replace(self, balances=balances)
        old = self.part(kind, scope, subject)
        changed = replace(old, book=_EXACT.add(old.book, signed))
        return replace(self, balances=balances).with_part(changed)

    def part(self, kind: str, scope: str, subject: str) -> Part:
        """Return that cash account or asset, with nothing in it if it isn't there yet."""
        for part in self.parts:
            if (part.kind, part.scope, part.subject) == (kind, scope, subject):
                return part
        return Part(kind, scope, subject, _NOTHING)

    def with_part(self, changed: Part) -> Figures:
        """Return the figures with that part in place of the one it stands for."""
        key = (changed.kind, changed.scope, changed.subject)
        others = tuple(part for part in self.parts if (part.kind, part.scope, part.subject) != key)
        return replace(self, parts=(*others, changed))


def rounded_up(amount: Decimal, exponent: int) -> Decimal:
    """Return what is owed at the currency's decimals, rounded up: a debt isn't made to look smaller."""
    return amount.quantize(Decimal(1).scaleb(-exponent), rounding=ROUND_CEILING, context=_EXACT)
