"""The day's step of offers: it closes, fails and matures them on their dates, once, whatever is killed in between."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from backoffice import end_of_day, steps
from backoffice.models import EndOfDayProblem, EndOfDayStep
from backoffice.tests.conftest import FIRST_DAY, OWNER, Platform
from core.money import Money
from ledger import verify
from ledger.models import Transaction
from offers import services
from offers.models import Offer, OfferInvestment
from offers.services import waiting
from offers.tests.worlds import terms
from tests.people import enter, make_investor, make_ready
from treasury import services as treasury
from treasury.models import Coverage, TreasuryMovement, Verb

pytestmark = pytest.mark.django_db(transaction=True)

DEADLINE, MATURITY = date(2026, 6, 7), date(2026, 6, 10)


def offer(platform: Platform, code: str, *, deadline: date = DEADLINE, maturity: date = MATURITY) -> Offer:
    """A live offer of 1,000 dollars, until 7 June; it matures on the 10th."""
    given = terms(code=code, currency="USD", deadline=deadline, maturity_date=maturity)
    draft = services.draft_offer(given, by=platform.omar, now=platform.noon)
    platform.desk.approve(services.request_publication(draft.pk, by=platform.omar, reason="ready", now=platform.noon))
    return Offer.objects.get(pk=draft.pk)


def invest(platform: Platform, into: Offer, name: str, amount: str, **more: Any) -> OfferInvestment:
    """Somebody new deposits twice as much and invests it."""
    person = make_investor(name, kyc_level=1)
    make_ready(person, at=platform.noon)
    platform.desk.deposit(person, Money(2 * Decimal(amount), "USD"))
    given = {"currency": "USD", "disclosure_version": into.disclosure_version, "now": platform.noon}
    return services.invest(person, offer=into.pk, amount=Decimal(amount), **given, **more)


def statuses() -> dict[str, str]:
    return dict(Offer.objects.values_list("code", "status"))


def posted() -> Counter[str]:
    return Counter(Transaction.objects.filter(kind__startswith="offer_").values_list("kind", flat=True))


def three_offers() -> Platform:
    """Two offers that get what they need, with two investors each, and one that doesn't."""
    platform = Platform()
    for code, amounts in (("harbour", ("300", "400")), ("mill", ("500", "500")), ("quay", ("100",))):
        for number, amount in enumerate(amounts):
            invest(
                platform,
                offer(platform, code) if number == 0 else Offer.objects.get(code=code),
                f"{code} {number}",
                amount,
            )
    return platform


@pytest.fixture
def three(transactional_db: None, kept: Any) -> Platform:
    made: Platform = kept.of(three_offers)
    return made


def test_offers_close_fail_and_mature_on_their_dates_once(three: Platform) -> None:
    three.close_until(date(2026, 6, 6))
    assert statuses() == {"harbour": "live", "mill": "live", "quay": "live"}
    assert three.close().is_complete
    assert statuses() == {"harbour": "closed", "mill": "closed", "quay": "failed"}
    assert posted() == {"offer_reserve": 5, "offer_commit": 4, "offer_release": 1}
    assert ["offers closed or failed", "3"] in EndOfDayStep.objects.get(run_id=DEADLINE, name="offers").figures
    three.close_until(date(2026, 6, 9))
    assert statuses()["mill"] == "closed"
    three.close_until(date(2026, 6, 12))
    assert statuses() == {"harbour": "matured", "mill": "matured", "quay": "failed"}
    assert posted() == {"offer_reserve": 5, "offer_commit": 4, "offer_release": 1, "offer_repay": 4}
    assert ["offers matured", "2"] in EndOfDayStep.objects.get(run_id=MATURITY, name="offers").figures
    for row in OfferInvestment.objects.select_related("investor"):
        assert three.wallet(row.investor) == 2 * row.requested_amount
    closed = Transaction.objects.filter(kind="offer_commit").values_list("effective_on", flat=True)
    assert set(closed) == {DEADLINE}
    assert verify.run() == []


def test_days_that_were_missed_are_each_closed_as_they_were(three: Platform) -> None:
    """Nobody closed a day for two weeks: one run closes, fails and repays, each on its own day."""
    for _ in range(14):
        three.pass_day()
    assert end_of_day.close_days(now=three.noon).is_complete
    assert statuses() == {"harbour": "matured", "mill": "matured", "quay": "failed"}
    assert posted() == {"offer_reserve": 5, "offer_commit": 4, "offer_release": 1, "offer_repay": 4}
    days = Transaction.objects.exclude(kind="offer_reserve").filter(kind__startswith="offer_")
    assert set(days.values_list("kind", "effective_on")) == {
        ("offer_commit", DEADLINE),
        ("offer_release", DEADLINE),
        ("offer_repay", MATURITY),
    }
    assert verify.run() == []


@pytest.mark.parametrize("kind", ["offer_commit", "offer_repay"])
def test_a_close_that_is_killed_between_two_offers_goes_on_with_the_other(
    three: Platform, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The first has committed when the process dies; run again, each is done once."""
    day = DEADLINE if kind == "offer_commit" else MATURITY
    three.close_until(day - timedelta(days=1))
    before, done = steps.counted, []

    def dies(work: steps.Work, label: str, body: Any) -> int:
        if label in ("offers closed or failed", "offers matured"):
            if done:
                raise KeyboardInterrupt
            done.append(label)
        return before(work, label, body)

    three.pass_day()
    with monkeypatch.context() as killed:
        killed.setattr(steps, "counted", dies)
        with pytest.raises(KeyboardInterrupt):
            end_of_day.close_days(now=three.noon)
    assert posted()[kind] == 2, "of two investors of the first offer"
    assert end_of_day.close_days(now=three.noon).is_complete
    assert posted()[kind] == 4
    assert statuses()["harbour"] == statuses()["mill"] == ("closed" if kind == "offer_commit" else "matured")
    assert verify.run() == []


def test_somebody_who_reflects_puts_the_end_off(platform: Platform) -> None:
    late = offer(platform, "harbour")
    platform.close_until(date(2026, 6, 5))
    invest(platform, late, "Ana", "600")
    platform.close_until(date(2026, 6, 8))
    assert statuses() == {"harbour": "live"}
    platform.close_until(date(2026, 6, 9))
    assert statuses() == {"harbour": "closed"}


def test_money_that_is_not_in_the_bank_is_a_problem_of_the_day_and_tried_again(three: Platform) -> None:
    three.close_until(DEADLINE)
    mill = Offer.objects.get(code="mill")
    asset = treasury.open_asset(scope=mill.scope, currency="USD", name="A mill", by=three.omar, now=three.noon)
    there = {"asset": asset.pk, "cash": "bank", "counterparty": OWNER, "amount": Decimal(400)}
    three.desk.move(treasury.REQUESTS[Verb.DEPLOY], "loan", **there)
    console = Client()
    enter(console, three.omar)
    page = console.get(f"/admin/offers/offer/{mill.pk}/change/").content.decode()
    assert (
        "Key information sheet, version" in page
        and f"/admin/treasury/treasurymovement/{TreasuryMovement.objects.get().pk}/" in page
    )
    three.close_until(date(2026, 6, 9))
    assert not three.close().is_complete
    assert statuses() == {"harbour": "matured", "mill": "closed", "quay": "failed"}
    problem = EndOfDayProblem.objects.get()
    assert (problem.step, problem.subject) == ("offers", str(mill.pk)) and posted()["offer_repay"] == 2
    three.desk.move(treasury.REQUESTS[Verb.DIVEST], "loan", **there)
    assert three.close().is_complete
    assert statuses()["mill"] == "matured" and posted()["offer_repay"] == 4
    assert verify.run() == []


def test_income_that_comes_late_is_a_problem_of_each_day_until_it_is_distributed(three: Platform) -> None:
    three.close_until(DEADLINE)
    mill = Offer.objects.get(code="mill")
    asset = treasury.open_asset(scope=mill.scope, currency="USD", name="A mill", by=three.omar, now=three.noon)
    three.close_until(MATURITY)
    there = {"asset": asset.pk, "cash": "bank", "counterparty": OWNER, "amount": Decimal(40)}
    three.desk.move(treasury.REQUESTS[Verb.RECORD_INCOME], "rent", income_basis="rent", **there)
    assert not three.close().is_complete
    problem = EndOfDayProblem.objects.get()
    assert (problem.step, problem.subject) == ("offers", str(mill.pk)) and statuses()["mill"] == "matured"
    given: Any = {"by": three.omar, "reason": "the last rent", "now": three.noon}
    three.desk.approve(services.request_distribution(mill.pk, amount=Decimal(40), **given))
    assert three.close().is_complete
    assert verify.run() == []


def test_coverage_counts_what_offers_owe(three: Platform) -> None:
    """Locked while they gather, principal once they close, at work until it is lost, each day as it was."""

    def row(day: date) -> tuple[Decimal, ...]:
        found = Coverage.objects.get(day_id=day, currency_id="USD")
        return tuple(getattr(found, name) for name in ("available", "locked", "principal", "deployed", "shortfall"))

    three.close_until(DEADLINE)
    assert row(DEADLINE - timedelta(days=1)) == (1800, 1800, 0, 0, 0)
    assert row(DEADLINE) == (1900, 0, 1700, 0, 0), "harbour's 700 and mill's 1,000; quay's 100 went back"
    mill = Offer.objects.get(code="mill")
    asset = treasury.open_asset(scope=mill.scope, currency="USD", name="A mill", by=three.omar, now=three.noon)
    there = {"asset": asset.pk, "cash": "bank", "counterparty": OWNER, "amount": Decimal(400)}
    three.desk.move(treasury.REQUESTS[Verb.DEPLOY], "loan", **there)
    three.desk.move(
        treasury.REQUESTS[Verb.WRITE_DOWN], "loss", asset=asset.pk, amount=Decimal(30), reason="The shaft broke"
    )
    assert three.close().is_complete
    assert row(DEADLINE + timedelta(days=1)) == (1900, 0, 1700, 370, 30)
    given = {"amount": Decimal(30), "by": three.omar, "reason": "The shaft broke", "now": three.noon}
    three.desk.approve(services.request_loss(mill.pk, **given))
    assert three.close().is_complete
    assert row(DEADLINE + timedelta(days=2)) == (1900, 0, 1670, 370, 0)
    found = Coverage.objects.get(day_id=DEADLINE + timedelta(days=2), currency_id="USD")
    assert found.claims == found.cash + found.deployed == 3570 and verify.run() == []


def test_a_place_that_nobody_gave_on_is_given_on(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever took it back was killed before those who wait were asked; who isn't covered lapses."""
    full = offer(platform, "harbour")
    ana = invest(platform, full, "Ana", "1000")
    zoe = invest(platform, full, "Zoe", "300", join_waiting_list=True)
    musa = invest(platform, full, "Musa", "700", join_waiting_list=True)
    with monkeypatch.context() as killed:
        killed.setattr(waiting, "give_places", lambda *args, **kwargs: None)
        services.withdraw(ana.pk, investor=ana.investor, now=platform.noon)
    assert platform.close().is_complete
    given = dict(full.investments.values_list("pk", "status"))
    assert given == {ana.pk: "withdrawn", zoe.pk: "reserved", musa.pk: "reserved"}
    assert ["waiting for a place and served", "2"] in EndOfDayStep.objects.get(run_id=FIRST_DAY, name="offers").figures
    assert verify.run() == []
