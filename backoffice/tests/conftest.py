"""A platform with a product, officers at their desks, and days that pass."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from backoffice import end_of_day
from backoffice.demo.desk import CASH, Desk
from core.money import Money
from investments.models import Position, Product
from investments.services import catalogue, load_catalogue
from ledger import accounts, balances, days
from oversight.models import ApprovalRequest
from tests.people import make_investor, make_officer, make_ready
from treasury.services import Counterparty

FIRST_DAY = date(2026, 6, 1)
LATE_IN_JUNE = date(2026, 6, 26)
OWNER = Counterparty("Fiducia Holding", "FR", "owner")


class Platform:
    """The whole house, from the first of June 2026 on, if no other day is given."""

    def __init__(self, first_day: date = FIRST_DAY) -> None:
        days.open_ledger(first_day)
        self.omar = make_officer("Omar", "finance", "compliance")
        self.lin = make_officer("Lin", "finance", "compliance")
        self.nadia = make_officer("Nadia", "finance", "compliance")
        self.today = first_day
        self.desk = Desk(asks=self.omar, approves=[self.lin, self.nadia], now=self.noon)
        load_catalogue(catalogue.read(), by=self.omar, now=self.noon)
        for request in ApprovalRequest.objects.filter(status="requested").order_by("pk"):
            self.desk.approve(request)

    @property
    def noon(self) -> datetime:
        return datetime.combine(self.today, time(12), tzinfo=UTC)

    def product(self, code: str) -> Product:
        return Product.objects.get(code=code)

    def investor(self, name: str, *, code: str = "basic", amount: str = "1000", currency: str = "USD") -> Position:
        """Make an investor who deposits and invests all of it today."""
        person = self.ready(name)
        self.desk.deposit(person, Money(Decimal(amount), currency))
        return self.desk.open(person, self.product(code), amount=Decimal(amount))

    def ready(self, name: str) -> Any:
        """Make an investor who has done all that products ask for."""
        person = make_investor(name, kyc_level=1)
        make_ready(person, at=self.noon)
        return person

    def fill(self, code: str, amount: str) -> None:
        product = self.product(code)
        self.desk.pay_in(Money(Decimal(amount), product.currency), OWNER)
        self.desk.fill_pool(product, Decimal(amount))

    def pass_day(self) -> None:
        """Let the clock go on to the next noon, without closing."""
        self.today += timedelta(days=1)
        self.desk.now = self.noon

    def close(self, **options: Any) -> end_of_day.Closing:
        """Go on to the next day and close what is over."""
        self.pass_day()
        return end_of_day.close_days(now=self.noon, **options)

    def close_until(self, day: date) -> None:
        while self.today <= day:
            assert self.close().is_complete

    def wallet(self, owner: Any, currency: str = "USD") -> Decimal:
        return balances.balance(accounts.wallet(owner, currency).available)

    def pool(self, code: str) -> Decimal:
        product = self.product(code)
        return balances.balance(accounts.open_account("returns_pool", product.currency, scope=product.scope))

    def cash(self, currency: str = "USD") -> Decimal:
        return balances.balance(accounts.open_account("cash", currency, scope=CASH))


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Any) -> None:
    """Documents go where the test ends with them."""
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def platform(transactional_db: None, kept: Any) -> Platform:
    """Committed, since a close is many transactions of its own."""
    made: Platform = kept.of(Platform)
    return made


def _late_in_june() -> Platform:
    return Platform(LATE_IN_JUNE)


@pytest.fixture
def late(transactional_db: None, kept: Any) -> Platform:
    """The same, from the 26th of June on: a month ends within days."""
    made: Platform = kept.of(_late_in_june)
    return made
