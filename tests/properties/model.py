"""What positions hold, earn and are paid, in as few lines as say it: what the platform is held against.

Exact fractions, no rounding but the two that the rules name. Source: docs/rules/returns.md.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from math import floor
from typing import Any

ONE_DAY = timedelta(days=1)


def rounded(amount: Fraction, places: int) -> Fraction:
    """Half away from zero."""
    size = Fraction(floor(abs(amount) * 10**places + Fraction(1, 2)), 10**places)
    return size if amount >= 0 else -size


@dataclass(eq=False)
class Life:
    """A position. `changes`: from a day on, so much more principal, and whether it earns (None: as before).

    `counted` is what each day was accrued at, `brought` what a rerun of it added, `booked` all that was earned and
    corrected up to the last close, `waiting` the corrections that the next one books, `due` what was payable at the
    last due day.
    """

    id: Any
    owner: Any
    version: Any
    currency: str
    exponent: int
    changes: list[tuple[date, Fraction, bool | None]] = field(default_factory=list)
    funded_on: date | None = None
    last_on: date | None = None
    has_ended: bool = False
    is_held: bool = False
    counted: dict[date, Fraction] = field(default_factory=dict)
    brought: dict[date, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    booked: Fraction = Fraction(0)
    waiting: Fraction = Fraction(0)
    due: Fraction = Fraction(0)
    paid: Fraction = Fraction(0)

    def change(self, since: date, *, by: Fraction = Fraction(0), earns: bool | None = None) -> None:
        self.changes.append((since, by, earns))

    @property
    def principal(self) -> Fraction:
        return sum((by for _, by, _ in self.changes), Fraction(0))

    def earned_on(self, day: date, *, more: Fraction = Fraction(0)) -> Fraction:
        """What the day gives on the principal of its opening, or on so much more; a day of pause gives nothing."""
        told = [earns for since, _, earns in self.changes if since <= day and earns is not None]
        if (told and not told[-1]) or (self.last_on is not None and day > self.last_on):
            return Fraction(0)
        principal = sum((by for since, by, _ in self.changes if since <= day), more)
        if principal < 0:
            raise ValueError("less than nothing")
        per = monthrange(day.year, day.month)[1] if self.version.rate_period == "month" else 1
        return rounded(principal * Fraction(self.version.rate) / per, 18)

    def is_due(self, day: date) -> bool:
        if self.funded_on is None or day <= self.funded_on:
            return False
        is_month_end = (day + ONE_DAY).day == 1
        ended = self.last_on is not None and self.last_on <= day
        return ended or self.version.payout == "daily" or (self.version.payout == "monthly" and is_month_end)

    def payable(self) -> Fraction:
        return Fraction(floor(rounded(self.booked, self.exponent + 6) * 10**self.exponent), 10**self.exponent)


class Model:
    """Wallets, pools, what is at work of each product, the lines in which exits wait, the days that wait to be paid."""

    def __init__(self) -> None:
        self.lives: list[Life] = []
        self.wallets: dict[tuple[Any, str], Fraction] = defaultdict(Fraction)
        self.pools: dict[Any, Fraction] = defaultdict(Fraction)
        self.at_work: dict[Any, Fraction] = defaultdict(Fraction)
        self.lines: dict[Any, list[tuple[Life, Fraction, str]]] = defaultdict(list)
        self.unpaid: dict[Any, list[dict[Life, Fraction]]] = defaultdict(list)

    def of(self, product: Any) -> list[Life]:
        return [life for life in self.lives if life.version.product_id == product]

    def free(self, product: Any) -> Fraction:
        return sum((life.principal for life in self.of(product)), Fraction(0)) - self.at_work[product]

    def fund(self, life: Life, amount: Fraction, *, on: date) -> None:
        first = life.funded_on is None
        if first:
            life.funded_on = on
            life.last_on = on + timedelta(days=life.version.term_days) if life.version.term_days else None
        self.wallets[life.owner, life.currency] -= amount
        life.change(on + ONE_DAY, by=amount, earns=True if first else None)

    def leave_or_wait(self, life: Life, amount: Fraction, kind: str, *, on: date) -> None:
        product = life.version.product_id
        if not life.is_held and not self.lines[product] and amount <= self.free(product):
            self.leave(life, amount, kind, on=on)
        else:
            self.lines[product].append((life, amount, kind))

    def leave(self, life: Life, amount: Fraction, kind: str, *, on: date) -> None:
        early = life.version.term_days and life.last_on is not None and on < life.last_on
        unit = 10**life.exponent
        penalty = Fraction(floor(amount * Fraction(life.version.early_exit_penalty) * unit), unit) if early else 0
        self.wallets[life.owner, life.currency] += amount - penalty
        life.change(on + ONE_DAY, by=-amount, earns=False if kind == "cancellation" else None)
        if kind == "cancellation":
            self.end(life, on=on)

    def end(self, life: Life, *, on: date) -> None:
        life.has_ended, life.last_on = True, on if life.last_on is None else min(life.last_on, on)

    def in_line(self, life: Life) -> Fraction:
        return sum((amount for who, amount, _ in self.lines[life.version.product_id] if who is life), Fraction(0))

    def pay_line(self, product: Any, *, on: date) -> None:
        for entry in list(self.lines[product]):
            life, amount, kind = entry
            if life.is_held:
                continue
            if amount > self.free(product):
                break
            self.leave(life, amount, kind, on=on)
            self.lines[product].remove(entry)

    def pay_due(self, product: Any) -> None:
        """The oldest unpaid day whole, then the next, as far as the pool goes."""
        while self.unpaid[product]:
            owed = {life: max(due - life.paid, Fraction(0)) for life, due in self.unpaid[product][0].items()}
            if sum(owed.values()) > self.pools[product]:
                break
            for life, amount in owed.items():
                life.paid += amount
                self.wallets[life.owner, life.currency] += amount
            self.pools[product] -= sum(owed.values())
            self.unpaid[product].pop(0)

    def accrue(self, day: date) -> None:
        for life in self.lives:
            life.counted.setdefault(day, life.earned_on(day))

    def close(self, day: date) -> None:
        for life in self.lives:
            life.booked, life.waiting = life.booked + life.waiting, Fraction(0)
        self.accrue(day)
        for life in self.lives:
            life.booked += life.counted[day]
            life.due = life.payable() if life.is_due(day) else life.due
        products = {life.version.product_id for life in self.lives}
        for product in products:
            self.unpaid[product].append({life: life.due for life in self.of(product) if life.is_due(day)})
            self.pay_due(product)
        for life in self.lives:
            if not life.has_ended and not life.is_held and life.last_on is not None and life.last_on <= day:
                life.has_ended = True
                if amount := life.principal - self.in_line(life):
                    self.leave_or_wait(life, amount, "maturity", on=day)
        for product in products:
            self.pay_line(product, on=day)
