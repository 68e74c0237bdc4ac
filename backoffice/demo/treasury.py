"""What the demo's finance officers do: capital, pools, loans, income, a loss and how it is made good."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal

from backoffice.demo import cast
from backoffice.demo.desk import CASH, Desk
from core.money import Money
from investments.models import Product
from ledger import accounts, balances, days
from ledger.models import Account, Fund
from oversight import alerts
from oversight.models import Alert
from treasury import services
from treasury.models import Asset, Verb
from treasury.services import Counterparty

CURRENCIES = ("USD", "USDT", "XOF")

CAPITAL = {"USD": Decimal(140000), "XOF": Decimal(3000000), "USDT": Decimal(3000)}
POOLS = {
    "basic": 14000, "premium": 16000, "professional": 45000, "investor": 2000, "vip0": 20000, "vip1": 60000,
    "vip2": 120000, "vip3": 400000, "stake-30": 60, "stake-90": 250, "stake-180": 250, "stake-365": 400,
}  # fmt: skip
REFILL = Decimal(70000)
LOSS = Decimal(6000)


@dataclass(frozen=True, slots=True)
class Loan:
    """What a product's money is put into: the share of principal, the income of a week in thousandths of the cost."""

    product: str
    name: str
    party: Counterparty
    share: Decimal
    weekly: Decimal


def _loan(product: str, name: str, party: tuple[str, str, str], share: str, weekly: int) -> Loan:
    return Loan(product, name, Counterparty(*party), Decimal(share), Decimal(weekly))


LOANS = (
    _loan("basic", "Sika oil mill, working capital", ("Sika Oil Mill SA", "BJ", "unrelated"), "0.4", 5),
    _loan("premium", "Parakou cashew press", ("Parakou Cashew SARL", "BJ", "unrelated"), "0.4", 6),
    _loan("professional", "Cotonou cold store", ("Atlantic Cold Chain SA", "BJ", "unrelated"), "0.5", 4),
    _loan("investor", "Lomé logistics yard", ("Fiducia Logistics SARL", "TG", "group"), "0.95", 3),
    _loan("vip3", "Bohicon millers' cooperative", ("Coopérative de Bohicon", "BJ", "unrelated"), "0.5", 2),
)


@dataclass
class Treasury:
    """The finance desk over the days of the story."""

    desk: Desk
    products: Mapping[str, Product]
    tell: Callable[[str], None]
    assets: dict[str, Asset] = field(default_factory=dict)

    def begin(self) -> None:
        """The owner pays in capital; the pools get their first fill from it."""
        for currency in CURRENCIES:
            self.desk.pay_in(Money(CAPITAL[currency], currency), cast.OWNER)
        for code, amount in POOLS.items():
            self.desk.fill_pool(self.products[code], Decimal(amount))

    def work(self, number: int, *, month_end: int) -> None:
        """One afternoon."""
        if number in (8, 18):
            self.put_to_work()
        if number > 8 and number % 7 == 5:
            self.collect()
        if number == 27:
            self.lose()
        if number == 30:
            self.value()
        if number == 33:
            self.make_good()
        if number == min(month_end + 5, 43):
            self.refill()
        if number == 42:
            self.repay()

    def put_to_work(self) -> None:
        """Lend a share of what lies idle in each product that has a borrower."""
        for loan in LOANS:
            product = self.products[loan.product]
            asset = self.assets.get(loan.product) or self.desk.open_asset(product, loan.name)
            self.assets[loan.product] = asset
            amount = whole(self.free(product) * loan.share)
            if amount > 0:
                self.desk.deploy(asset, amount, loan.party)
                self.desk.value(asset, self.cost(asset), days.platform_date(self.desk.now))
        self.tell("Client money is put to work with five borrowers")

    def collect(self) -> None:
        """A week's interest of each borrower goes to its product's pool."""
        for loan in LOANS:
            asset = self.assets.get(loan.product)
            if asset is not None:
                amount = whole(self.cost(asset) * loan.weekly / 1000)
                if amount > 0:
                    self.desk.income(asset, amount, loan.party)
        self.tell("Interest of the week comes in, with its counterparties named")

    def lose(self) -> None:
        """The cold store's stock spoils: a loss that the firm must bear."""
        self.desk.move(
            services.REQUESTS[Verb.WRITE_DOWN],
            "loss-report",
            asset=self.assets["professional"].pk,
            amount=LOSS,
            reason="A compressor failed; the insurer's report says what is lost",
        )
        self.tell("A loss is written down: coverage falls under 100 % until the firm makes it good")

    def value(self) -> None:
        """Valuers look at every asset again."""
        for asset in self.assets.values():
            self.desk.value(asset, self.cost(asset), days.platform_date(self.desk.now))

    def make_good(self) -> None:
        """The firm pays the loss out of its own capital."""
        product = self.products["professional"]
        self.desk.pay_in(Money(LOSS, "USD"), cast.OWNER)
        self.desk.move(
            services.REQUESTS[Verb.MAKE_GOOD],
            "board-minute",
            scope=product.scope,
            currency="USD",
            purse="capital",
            amount=LOSS,
            source="Board of Fiducia",
        )
        self.close_alerts("treasury.coverage-below", "The firm has made the loss on the cold store good.")
        self.tell("The firm makes the loss good: coverage is whole again")

    def refill(self) -> None:
        """The Investor tier's pool ran dry; the owner pays in, and what is owed is paid in the next close."""
        self.desk.pay_in(Money(REFILL, "USD"), cast.OWNER)
        self.desk.fill_pool(self.products["investor"], REFILL)
        self.close_alerts("returns-pool-short", "The owner paid in 70,000 USD; the next close pays what is owed.")
        self.tell("The Investor tier's dry pool is refilled by the owner; what is owed is paid tonight")

    def close_alerts(self, kind: str, word: str) -> None:
        """Close what was put right, with a word."""
        for alert in Alert.objects.filter(kind=kind, closed_at=None):
            alerts.close_alert(alert.pk, by=self.desk.asks, now=self.desk.now, word=word)

    def repay(self) -> None:
        """The logistics yard repays part of its loan: whoever waits in line is paid from it at once."""
        asset = self.assets["investor"]
        amount = min(self.cost(asset), Decimal(20000))
        self.desk.divest(asset, amount, LOANS[3].party)
        self.tell("A borrower repays: the exit that waited in line is paid")

    def state_balances(self, day: date) -> None:
        """What the bank says at the end of the day."""
        for account in Account.objects.filter(kind="cash", scope=CASH).order_by("currency_id"):
            self.desk.state(Money(balances.balance(account), account.currency_id), day)

    def ask_for_tomorrow(self) -> None:
        """A request that waits for the second officer."""
        services.REQUESTS[Verb.PAY_IN_CAPITAL](
            paper=self.desk.paper("capital-call"),
            reason="The owner's transfer of this morning",
            by=self.desk.asks,
            now=self.desk.now + timedelta(minutes=1),
            cash=CASH,
            currency="USD",
            amount=Decimal(15000),
            counterparty=cast.OWNER,
        )

    def cost(self, asset: Asset) -> Decimal:
        account = accounts.open_account("deployed", asset.currency_id, scope=asset.scope, subject=str(asset.pk))
        return balances.balance(account)

    def free(self, product: Product) -> Decimal:
        fund = Fund.objects.filter(scope=product.scope, currency_id=product.currency).first()
        return fund.free if fund else Decimal(0)


def whole(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal(1), rounding=ROUND_DOWN)
