"""The story, day by day: who joins, what they do, and what the officers do about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Protocol

from accounts.models import User
from backoffice import end_of_day
from backoffice.demo import cast, people, protected
from backoffice.demo.desk import CASH, Desk
from backoffice.demo.offers import Offers
from backoffice.demo.treasury import Treasury
from core.errors import DomainError
from core.money import Money
from investments import adjustments
from investments import services as investing
from investments.models import Position, PositionEvent, Product
from investments.services import catalogue
from ledger import accounts, balances, days
from oversight.models import ApprovalRequest

DAYS = 45
Status = Position.Status


class Teller(Protocol):
    """Hears what happens."""

    def day(self, number: int, day: date) -> None: ...

    def tell(self, what: str) -> None: ...


class StoryBroken(DomainError):
    code = "story-broken"
    title = "The demo didn't go as written"


@dataclass
class Story:
    """`first` is the first business day; the last is 44 days later and the day after it stays open."""

    first: date
    teller: Teller
    desk: Desk = field(init=False)
    treasury: Treasury = field(init=False)
    offers: Offers = field(init=False)
    people: dict[int, User] = field(default_factory=dict)
    paused: list[tuple[int, Position]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(cast.SEED + 1)  # noqa: S311
        self.joining = cast.investors()
        self.products: dict[str, Product] = {}

    @property
    def month_end(self) -> int:
        """The number of the day on which the Investor tier's pool runs dry: the last end of a month that leaves
        a week to put it right."""
        ends = [n for n in range(6, DAYS - 6) if self.on(n + 1).day == 1]
        return ends[-1]

    def on(self, number: int) -> date:
        return self.first + timedelta(days=number - 1)

    def clock(self, number: int, hour: int, minute: int = 0) -> None:
        """Set the story's clock; it is UTC, as the platform's zone is in the demo's reckoning."""
        self.desk.now = datetime.combine(self.on(number), time(hour, minute), tzinfo=UTC)

    def play(self) -> None:
        """Tell all of it."""
        days.open_ledger(self.first)
        with people.light_hashes():
            for number in range(1, DAYS + 1):
                self.teller.day(number, self.on(number))
                if number == 1:
                    self.begin()
                self.live(number)
                self.close(number)
        self.leave_work_for_tomorrow()

    def begin(self) -> None:
        """The day before, officers, products and who comes first; then the firm's capital and the first pools."""
        self.teller.tell("Two administrators hire three officers; the catalogue is activated by four and more eyes")
        now = datetime.combine(self.on(0), time(8), tzinfo=UTC)
        self.desk = people.hire(now)
        catalogue_entries = catalogue.read()
        investing.load_catalogue(catalogue_entries, by=self.desk.asks, now=now)
        for request in ApprovalRequest.objects.filter(status="requested").order_by("pk"):
            self.desk.approve(request)
        self.products = {product.code: product for product in Product.objects.all()}
        self.welcome(1)
        self.clock(1, 8)
        self.treasury = Treasury(self.desk, self.products, self.teller.tell)
        self.treasury.begin()
        self.offers = Offers(self.desk, self.people, self.on, self.teller.tell)

    def live(self, number: int) -> None:
        """One day from the morning to the evening's bank statement."""
        self.clock(number, 9)
        self.welcome(number + 1)
        while self.joining and self.joining[0].joins == number:
            self.join(self.joining.pop(0))
        self.clock(number, 11)
        self.everyday(number)
        self.clock(number, 14)
        self.treasury.work(number, month_end=self.month_end)
        self.offers.work(number)
        self.clock(number, 16)
        self.turn(number)
        self.clock(number, 18)
        self.treasury.state_balances(self.on(number))

    def welcome(self, joining_on: int) -> None:
        """Who joins tomorrow signs up, is known, and does today what a first investment waits a day for."""
        for investor in self.joining:
            if investor.joins == joining_on:
                person = self.people[investor.number] = people.welcome(investor, self.desk)
                protected.get_ready(investor, person, self.products[investor.product], now=self.desk.now)

    def join(self, investor: cast.Investor) -> None:
        """Send money, invest it."""
        person = self.people[investor.number]
        product = self.products[investor.product]
        money = Money(investor.amount, product.currency)
        if product.currency == "USDT":
            self.desk.deposit_token(person, money)
            self.desk.open(person, product, amount=investor.amount)
        elif investor.by_deposit:
            position = self.desk.open(person, product)
            self.desk.deposit(person, money, position=position.pk)
        else:
            self.desk.deposit(person, money)
            self.desk.open(person, product, amount=investor.amount)

    def everyday(self, number: int) -> None:
        """A top-up most days, a pause now and then, a withdrawal every third day."""
        if number < 4:
            return
        self.top_up()
        if number % 4 == 0:
            self.pause(number)
        for since, position in [each for each in self.paused if number - each[0] >= 5]:
            investing.resume(position.pk, owner=position.owner, now=self.desk.now)
            self.paused.remove((since, position))
        if number % 3 == 0:
            self.withdraw()

    def anyone(self, *codes: str) -> Position | None:
        """Draw an active position of these products."""
        found = Position.objects.filter(status=Status.ACTIVE, product__code__in=codes).select_related(
            "owner", "product", "version"
        )
        chosen = list(found.order_by("pk"))
        return self.random.choice(chosen) if chosen else None

    def top_up(self) -> PositionEvent | None:
        """A deposit that names its position."""
        position = self.anyone("basic", "premium", "vip3")
        if position is None:
            return None
        amount = Decimal(self.random.randrange(2, 8)) * (Decimal(50) if position.product.currency == "USD" else 5000)
        self.desk.deposit(position.owner, Money(amount, position.product.currency), position=position.pk)
        return position.events.first()

    def pause(self, number: int) -> None:
        position = self.anyone("basic", "premium", "vip1")
        if position is not None:
            investing.pause(position.pk, owner=position.owner, now=self.desk.now)
            self.paused.append((number, position))

    def withdraw(self) -> None:
        position = self.anyone("basic", "vip1", "vip2")
        if position is None:
            return
        amount = ((position.principal - position.version.minimum) / 2).quantize(Decimal(1))
        if amount > 0:
            investing.withdraw(position.pk, owner=position.owner, amount=amount, now=self.desk.now)

    def turn(self, number: int) -> None:
        """The days on which something happens that one remembers."""
        if number == 20:
            self.late_deposit()
        if number == 24:
            self.mistaken_top_up()
        if number == 36:
            self.leave_while_at_work()
        if number == 40:
            self.too_small_a_deposit()

    def late_deposit(self) -> None:
        """Money that arrived four days ago is booked today; what it would have earned is added."""
        position = self.anyone("premium")
        if position is None:
            raise StoryBroken("nobody holds Premium")
        value_on = days.platform_date(self.desk.now) - timedelta(days=4)
        self.desk.deposit(position.owner, Money(Decimal(600), "USD"), position=position.pk, value_on=value_on)
        event = position.events.first()
        assert event is not None
        request = adjustments.request_late_adjustment(
            event.pk,
            value_on=value_on,
            by=self.desk.asks,
            reason="The bank's advice reached us four days late",
            now=self.desk.now,
        )
        self.desk.approve(request)
        self.teller.tell("A deposit is booked four days late: its returns are added by an adjustment")

    def mistaken_top_up(self) -> None:
        """A top-up that the investor never meant is taken back by its exact mirror."""
        event = self.top_up()
        if event is None:
            raise StoryBroken("nobody to top up")
        request = investing.request_reversal(
            event.pk, by=self.desk.asks, reason="The investor meant the wallet, not the position", now=self.desk.now
        )
        self.desk.approve(request)
        self.teller.tell("A mistaken top-up is reversed, once, by two officers")

    def leave_while_at_work(self) -> None:
        """The largest position of the Investor tier is cancelled while nearly all of its money is at work."""
        position = (
            Position.objects.filter(product__code="investor", status=Status.ACTIVE).order_by("-principal").first()
        )
        if position is not None:
            investing.cancel(position.pk, owner=position.owner, now=self.desk.now)
            self.teller.tell("An Investor-tier position is cancelled and waits in line: the money is at work")

    def too_small_a_deposit(self) -> None:
        """A deposit names a position that refuses it: the wallet keeps the money, an alert stays open."""
        person, product = self.people[0], self.products["premium"]
        protected.accept_sheet(person, product, now=self.desk.now)
        position = self.desk.open(person, product)
        self.desk.deposit(person, Money(Decimal(250), "USD"), position=position.pk)
        self.teller.tell("A deposit is too small for the position that it names: it stays in the wallet")

    def close(self, number: int) -> None:
        """Five past midnight: the day that is over is closed."""
        now = datetime.combine(self.on(number + 1), time(0, 5), tzinfo=UTC)
        self.desk.now = now
        closing = end_of_day.close_days(now=now, until=self.on(number))
        if not closing.is_complete:
            raise StoryBroken(f"The close of {self.on(number)} is incomplete; see its end-of-day run.")

    def leave_work_for_tomorrow(self) -> None:
        """Today's morning: deposits that nobody has confirmed, and requests that wait for a second officer."""
        self.desk.now = datetime.combine(self.on(DAYS + 1), time(0, 30), tzinfo=UTC)
        for number in (1, 2, 3, 5, 8):
            person = self.people.get(number)
            if person is not None:
                deposit = self.desk.announce(person, Money(Decimal(100 * number), "USD"))
                if number < 3:
                    self.desk.ask_confirmation(deposit)
        self.treasury.ask_for_tomorrow()

    def cash(self, currency: str) -> Decimal:
        return balances.balance(accounts.open_account("cash", currency, scope=CASH))
