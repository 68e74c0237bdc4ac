"""A house and the model beside it: what the verbs of a random sequence share, and what must hold after each."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Self

from backoffice.tests.conftest import Platform
from core.errors import DomainError
from investments import earned
from investments import services as investing
from investments.models import (
    Accrual,
    AccrualAdjustment,
    Correction,
    ExitRequest,
    Position,
    PositionEvent,
    PositionTerm,
    Settlement,
)
from investments.terms import TERMS
from ledger import accounts, balances, days, verify
from ledger.models import Transfer
from tests.properties.model import Life, Model
from treasury import services as treasury
from treasury.models import Asset
from treasury.models import Verb as Deed

FIRST_DAY = date(2026, 6, 28)
CODES = ("vip0", "basic", "stake-30", "stake-90")
SHORTER = {
    "stake-30": {"term_days": 2},
    "stake-90": {"term_days": 4, "locked": False, "early_exit_penalty": Decimal("0.07"), "payout": "daily"},
}
EXPONENTS = {"XOF": 0, "USD": 2, "USDT": 6}
UNFORESEEN = ("database-refusal", "posting-refused")
"""What only the database refused: the service should have."""
EACH_STEP = (
    "balances",
    "trial balance",
    "funds",
    "transactions",
    "principal of positions",
    "terms of positions",
    "rates of positions",
    "accruals",
    "missing accruals",
    "settlements",
    "paid settlements",
    "returns due",
    "exits in line",
)
ROWS = (
    Transfer,
    Position,
    PositionTerm,
    PositionEvent,
    ExitRequest,
    Accrual,
    Correction,
    AccrualAdjustment,
    Settlement,
)


class Desks:
    """The house, the model beside it, and how often each verb was taken (by its name) or refused (and by what)."""

    def __init__(self, platform: Platform, said: Counter[str]) -> None:
        self.house, self.said, self.model = platform, said, Model()
        self.minutes = 0
        self.people = [platform.ready(name) for name in ("Ana", "Eve")]
        self.products = [platform.product(code) for code in CODES]
        self.assets: dict[Any, Asset] = {}

    @property
    def now(self) -> datetime:
        return self.house.noon + timedelta(minutes=self.minutes)

    @property
    def today(self) -> date:
        return self.house.today

    def again(self, said: Counter[str]) -> Self:
        """The same beginning for a further sequence."""
        other = copy.deepcopy(self, {id(self.house): copy.copy(self.house), id(self.said): said})
        other.house.desk = copy.copy(self.house.desk)
        return other

    def life(self, place: int) -> Life:
        return self.model.lives[place % len(self.model.lives)]

    def amount(self, product: Any, size: int) -> Decimal:
        """Quarters of the minimum, and some of the smallest units."""
        unit = Decimal(1).scaleb(-EXPONENTS[product.currency])
        minimum: Decimal = product.versions.order_by("-number")[0].minimum
        return (minimum * size / 4).quantize(unit) + size * unit

    def attempt(self, verb: str, deed: Callable[[], Any]) -> Any:
        """Do it; a refusal by the service is an answer, and has changed nothing. Answers None then."""
        before = [model._default_manager.count() for model in ROWS]
        self.minutes += 1
        self.house.desk.now = self.now
        try:
            done = deed()
        except DomainError as refusal:
            assert refusal.code not in UNFORESEEN, (verb, refusal)
            assert [model._default_manager.count() for model in ROWS] == before, (verb, refusal)
            self.said[f"{verb}: {refusal.code}"] += 1
            return None
        self.said[verb] += 1
        return done if done is not None else True

    def product_of(self, life: Life) -> Any:
        return next(one for one in self.products if one.pk == life.version.product_id)

    def principal_of(self, life: Life) -> Decimal:
        return Position.objects.get(pk=life.id).principal

    def owned(self, verb: Any, life: Life, **more: Any) -> Any:
        owner = next(one for one in self.people if one.pk == life.owner)
        return verb(life.id, owner=owner, now=self.now, **more)

    def approved(self, verb: str, ask: Any, subject: Any, **terms: Any) -> Any:
        """Ask for it and have it approved."""

        def deed() -> Any:
            request = ask(subject, by=self.house.omar, reason="As the paper says", now=self.now, **terms)
            return self.house.desk.approve(request)

        return self.attempt(verb, deed)

    def move(self, verb: str, deed: Deed, amount: Decimal, **terms: Any) -> Any:
        return self.attempt(
            verb, lambda: self.house.desk.move(treasury.REQUESTS[deed], deed.value, amount=amount, **terms)
        )

    def lent(self, place: int, size: int) -> tuple[Any, Asset, Decimal]:
        product = self.products[place % len(CODES)]
        return product, self.assets[product.pk], self.amount(product, size)

    def deltas(self, life: Life, by: Fraction, first: date, last: date) -> dict[date, Fraction]:
        """What each day would give more; a refusal of the service if the model has none."""
        found = {}
        for n in range((last - first).days + 1):
            day = first + timedelta(days=n)
            with suppress(ValueError):
                found[day] = life.earned_on(day, more=by) - life.earned_on(day)
        return {day: amount for day, amount in found.items() if amount}

    def correct(self, life: Life, deltas: dict[date, Fraction]) -> None:
        """Hold what was approved against the model, day by day, to the last place; the next close books it."""
        correction = Correction.objects.filter(position=life.id).order_by("-pk")[0]
        lines = {date.fromisoformat(line["corrects_on"]): Fraction(line["amount"]) for line in correction.lines}
        assert lines == deltas
        life.waiting += sum(deltas.values())

    def owed(self, product: Any) -> dict[Life, Fraction]:
        waiting = self.model.unpaid[product]
        return {life: max(due - life.paid, Fraction(0)) for due_day in waiting for life, due in due_day.items()}

    def agrees(self) -> None:
        """Hold wallets, pools, principal and what was earned and paid against the model, rows against each other."""
        for (owner, currency), amount in self.model.wallets.items():
            assert amount >= 0
            person = next(one for one in self.people if one.pk == owner)
            assert self.house.wallet(person, currency) == amount, (person, currency)
        for product in self.products:
            pool = accounts.open_account("returns_pool", product.currency, scope=product.scope)
            assert balances.balance(pool) == self.model.pools[product.pk] >= 0, product
            assert self.model.free(product.pk) >= 0
        rows = {row.pk: row for row in Position.objects.select_related("version", "product")}
        shown = earned.of(rows.values(), closed=earned.last_closed_day())
        newest = {row.position_id: row.overpaid for row in Settlement.objects.order_by("due_on")}
        for life in self.model.lives:
            assert rows[life.id].principal == life.principal >= 0, rows[life.id]
            found = shown.get(life.id, earned.Earned())
            ahead = sum(amount for day, amount in life.counted.items() if day >= days.open_day())
            assert (found.paid, found.total) == (life.paid, life.booked + ahead), (rows[life.id], found)
            # What a correction takes from a monthly position after its payout is overpaid from the next payout on.
            assert life.paid <= max(life.payable(), life.due, 0) + Fraction(newest.get(life.id, 0))
        checks = verify.checks()
        assert [what for name in EACH_STEP for what in checks[name]()] == []


def offer(house: Platform, product: Any, changed: dict[str, Any], *, now: datetime) -> None:
    """Draft a version of a product from its last one, and have it approved."""
    last = product.versions.order_by("-number")[0]
    terms = {name: getattr(last, name) for name in TERMS} | changed
    draft = investing.draft_version(product.pk, terms, by=house.omar, now=now)
    house.desk.approve(
        investing.request_activation(draft.pk, by=house.omar, reason="Other terms", justification="Agreed", now=now)
    )
