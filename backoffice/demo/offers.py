"""The offers of the demo, one in each state; among them the worked example, to the last dirham."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from accounts.models import User
from backoffice.demo import protected
from backoffice.demo.desk import Desk
from core.money import Money
from ledger import days
from offers import services
from offers.errors import OfferFull
from offers.models import Offer, OfferInvestment
from treasury import services as treasury
from treasury.models import Asset, Verb
from treasury.services import Counterparty

BASIC = 60
AED_HELD = Decimal(600)
"""What each of the three of the worked example has in the wallet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An offer and the days of the story on which it opens and ends."""

    code: str
    name: str
    text: str
    currency: str = "USD"
    cap: int
    target: int
    ticket: int = 100
    opens: int
    deadline: int
    matures: int
    expected: str
    risk: int


BRIDGE = Plan(
    code="bridge",
    name="Porto-Novo bridge loan",
    text="A builder is paid in five weeks by the city; the loan lasts until then.",
    cap=6000,
    target=3000,
    opens=3,
    deadline=9,
    matures=40,
    expected="0.01",
    risk=3,
)
MILL = Plan(
    code="mill",
    name="Bohicon palm-oil mill",
    text="A second press for a mill that turns farmers away in season.",
    cap=9000,
    target=2000,
    opens=3,
    deadline=11,
    matures=376,
    expected="0.09",
    risk=5,
)
ORCHARD = Plan(
    code="orchard",
    name="Cashew orchard, Parakou",
    text="Forty hectares are planted if all of the price comes together.",
    cap=80000,
    target=50000,
    opens=4,
    deadline=15,
    matures=1500,
    expected="0.11",
    risk=6,
)
MARKET = Plan(
    code="market",
    name="Dantokpa market hall",
    text="Stalls under one roof, let by the month.",
    cap=40000,
    target=5000,
    opens=28,
    deadline=60,
    matures=760,
    expected="0.08",
    risk=4,
)
HARBOUR = Plan(
    code="harbour",
    name="Harbour cold store",
    text="A cold store beside the fishing harbour, for the catch of forty boats.",
    currency="AED",
    cap=1000,
    target=500,
    opens=38,
    deadline=75,
    matures=440,
    expected="0.08",
    risk=5,
)
SOLAR = Plan(
    code="solar",
    name="Solar cold chain",
    text="Panels on the roofs of six cold stores; its papers aren't complete yet.",
    cap=25000,
    target=10000,
    ticket=200,
    opens=44,
    deadline=90,
    matures=800,
    expected="0.07",
    risk=4,
)

BUILDER = Counterparty("Ouémé Travaux SA", "BJ", "unrelated")
PRESS = Counterparty("Huilerie de Bohicon SARL", "BJ", "unrelated")

INCOME = {"bridge": Decimal("31.17"), "mill": Decimal("123.45")}
LOST = Decimal(150)


@dataclass
class Offers:
    """The desk of offers over the days of the story; `people` are those who have joined, by number."""

    desk: Desk
    people: Mapping[int, User]
    on: Callable[[int], date]
    tell: Callable[[str], None]
    live: dict[str, Offer] = field(default_factory=dict)
    assets: dict[str, Asset] = field(default_factory=dict)

    def work(self, number: int) -> None:
        """One afternoon."""
        for plan in (BRIDGE, MILL, ORCHARD, MARKET, HARBOUR):
            if plan.opens == number:
                self.publish(plan)
        turns: dict[int, Callable[[], object]] = {
            5: lambda: self.gather((BRIDGE, MILL, ORCHARD), (600, 900, 400), count=3),
            7: lambda: self.gather((BRIDGE, MILL), (500, 750), count=5),
            16: self.put_to_work,
            24: self.collect,
            25: self.distribute,
            32: self.lose,
            33: lambda: self.gather((MARKET,), (700,), count=6),
            35: self.pause,
            39: self.bring_back,
            40: self.fill_the_harbour,
            41: self.give_a_place_on,
            SOLAR.opens: lambda: self.draft(SOLAR),
        }
        if number in turns:
            turns[number]()

    def draft(self, plan: Plan) -> Offer:
        """Finance writes an offer down."""
        deadline, matures = self.on(plan.deadline), self.on(plan.matures)
        return services.draft_offer(
            {
                "code": plan.code,
                "name": plan.name,
                "description": plan.text,
                "currency": plan.currency,
                "max_amount": Decimal(plan.cap),
                "minimum_ticket": Decimal(plan.ticket),
                "target": Decimal(plan.target),
                "funding": "all_or_nothing",
                "deadline": deadline,
                "maturity_date": matures,
                "expected_return": Decimal(plan.expected),
                "return_basis": "of the principal in a year, after costs, before tax",
                "risk_class": plan.risk,
                "kyc_level": 1,
                "disclosure": f"{plan.name}. {plan.text} You may lose all of what you invest; nobody guarantees it.",
                "disclosure_version": "1",
                "metadata": {},
            },
            by=self.desk.asks,
            now=self.desk.now,
        )

    def publish(self, plan: Plan) -> None:
        offer = self.draft(plan)
        reason = "The papers are complete"
        self.desk.approve(services.request_publication(offer.pk, by=self.desk.asks, reason=reason, now=self.desk.now))
        self.live[plan.code] = Offer.objects.get(pk=offer.pk)
        self.tell(f"An offer opens: {plan.name}, up to {plan.cap:,} {plan.currency}")

    def gather(self, plans: Sequence[Plan], amounts: Sequence[int], *, count: int) -> None:
        """So many investors each put a sum into each of these offers."""
        for person in self.some(count):
            for plan, amount in zip(plans, amounts, strict=True):
                self.desk.deposit(person, Money(Decimal(amount), plan.currency))
                self.invest(person, plan, amount)

    def some(self, count: int) -> list[User]:
        """Holders of Basic who came before yesterday: what they declared bears these sums without a warning."""
        since = self.desk.now - timedelta(days=2)
        known = [self.people[number] for number in sorted(self.people) if number < BASIC]
        return [person for person in known if person.created_at < since][:count]

    def invest(self, person: User, plan: Plan, amount: int, **more: Any) -> OfferInvestment:
        """Read the sheet, accept it, invest."""
        offer = self.live[plan.code]
        protected.accept(person, offer.scope, offer.disclosure_version, now=self.desk.now)
        return services.invest(
            person,
            offer=offer.pk,
            amount=Decimal(amount),
            currency=offer.currency,
            disclosure_version=offer.disclosure_version,
            now=self.desk.now,
            **more,
        )

    def put_to_work(self) -> None:
        """What the two closed offers gathered is lent; the orchard has failed, and everybody got their money back."""
        for code, party in (("bridge", BUILDER), ("mill", PRESS)):
            offer = Offer.objects.get(pk=self.live[code].pk)
            asset = self.assets[code] = self.desk.open_asset(offer, offer.name)
            self.desk.deploy(asset, offer.committed_amount, party)
            self.desk.value(asset, offer.committed_amount, days.platform_date(self.desk.now))
        self.tell("Two offers have closed and their money is put to work; one failed and gave all of it back")

    def collect(self) -> None:
        for code, party in (("bridge", BUILDER), ("mill", PRESS)):
            self.desk.income(self.assets[code], INCOME[code], party)

    def distribute(self) -> None:
        """Each investor gets a share of the income, to the cent."""
        for code, amount in INCOME.items():
            self.ask(services.request_distribution, code, amount, "The interest of the first weeks")
        self.tell("Two offers distribute their income, pro rata and to the last cent")

    def lose(self) -> None:
        """A shaft breaks: what is lost is written down, and the mill's investors bear it, as their sheet says."""
        reason = "The press's shaft broke; the insurer doesn't pay for wear"
        self.desk.move(
            treasury.REQUESTS[Verb.WRITE_DOWN], "loss-report", asset=self.assets["mill"].pk, amount=LOST, reason=reason
        )
        self.ask(services.request_loss, "mill", LOST, reason)
        self.tell("The mill's investors bear a loss, each in proportion")

    def ask(self, verb: Callable[..., Any], code: str, amount: Decimal, reason: str) -> None:
        offer = self.live[code]
        self.desk.approve(verb(offer.pk, amount=amount, by=self.desk.asks, reason=reason, now=self.desk.now))

    def pause(self) -> None:
        services.pause_offer(
            self.live["market"].pk, by=self.desk.asks, reason="The city asks for another survey", now=self.desk.now
        )
        self.tell("An offer is paused while a question is open")

    def bring_back(self) -> None:
        """The builder repays: tomorrow the offer matures, at the close of the day."""
        offer = Offer.objects.get(pk=self.live["bridge"].pk)
        self.desk.divest(self.assets["bridge"], offer.committed_amount, BUILDER)
        self.tell("The bridge loan is repaid: its offer matures tomorrow")

    def fill_the_harbour(self) -> None:
        """500 of 500 asked for, 500 of 600, then nothing is left: who comes third waits for a place."""
        first, second, third = self.some(9)[6:]
        for person in (first, second, third):
            protected.simulate(person, Decimal(40_000), "AED", now=self.desk.now)
            self.desk.deposit_token(person, Money(AED_HELD, "AED"))
        self.invest(first, HARBOUR, 500)
        self.invest(second, HARBOUR, 600)
        try:
            self.invest(third, HARBOUR, 500)
        except OfferFull:
            self.invest(third, HARBOUR, 500, join_waiting_list=True)
        self.tell("The harbour's offer is full: 500, then 500 of the 600 asked for; the third waits")

    def give_a_place_on(self) -> None:
        """The second thinks better of it within four days; the third gets exactly that place."""
        harbour = self.live["harbour"]
        second = OfferInvestment.objects.of(harbour).select_related("investor").get(requested_amount=600)
        services.withdraw(second.pk, investor=second.investor, now=self.desk.now + timedelta(minutes=1))
        self.tell("One investor takes the money back while it may be; who waited gets the place")
