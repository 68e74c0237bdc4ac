"""Closing, failing, maturity: for all investors at once, to the unit."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.db import DatabaseError, transaction

from core.errors import Forbidden, IllegalMove
from ledger.models import Account, Transaction
from ledger.posting import FundCommitted
from offers import errors, services
from offers.models import Offer, OfferInvestment
from offers.tests.worlds import World, broken, committed, wallet
from tests.people import make_officer

Status = OfferInvestment.Status


def status_of(row: Offer | OfferInvestment) -> str:
    return type(row).objects.values_list("status", flat=True).get(pk=row.pk)


def principal_of(investment: OfferInvestment) -> Decimal:
    return Account.objects.get(kind="principal", subject=str(investment.pk)).live_balance


def test_closing_makes_principal_of_what_was_reserved(world: World, offer: Offer) -> None:
    ana, kofi = world.investor("Ana", offer), world.investor("Kofi", offer)
    first, second = world.invest(ana, offer, "500"), world.invest(kofi, offer, "500")
    waiting = world.invest(world.investor("Zoe", offer), offer, "100", join_waiting_list=True)
    world.later()
    closed = services.close_offer(offer.pk, by=world.officers[0], reason="full", now=world.now)
    assert closed.status == "closed" and closed.closed_on == world.day
    assert [status_of(row) for row in (first, second, waiting)] == ["committed", "committed", "lapsed"]
    assert principal_of(first) == principal_of(second) == 500
    assert wallet(ana) == wallet(kofi) == (9500, 0)
    assert broken() == []


def test_nothing_closes_while_somebody_reflects(world: World, offer: Offer) -> None:
    world.invest(world.investor("Ana", offer), offer, "600")
    with pytest.raises(errors.ReflectionRunning):
        services.close_offer(offer.pk, by=world.officers[0], reason="full", now=world.now)
    assert status_of(offer) == "live" and not Transaction.objects.filter(kind="offer_commit").exists()


def test_less_than_the_target_does_not_close_early(world: World, offer: Offer) -> None:
    world.invest(world.investor("Ana", offer), offer, "499")
    world.later()
    with pytest.raises(errors.TargetNotReached):
        services.close_offer(offer.pk, by=world.officers[0], reason="enough", now=world.now)
    assert status_of(offer) == "live"


def test_closing_takes_a_permission(world: World, offer: Offer) -> None:
    with pytest.raises(Forbidden):
        services.close_offer(offer.pk, by=make_officer("Mia", "support"), reason="why not", now=world.now)
    assert status_of(offer) == "live"


@pytest.mark.parametrize(
    ("funding", "came", "ends"),
    [
        ("all_or_nothing", "499", "failed"),
        ("all_or_nothing", "500", "closed"),
        ("keep_what_came", "100", "closed"),
        ("keep_what_came", None, "failed"),
    ],
)
def test_at_the_deadline(world: World, funding: str, came: str | None, ends: str) -> None:
    offer = world.offer(funding=funding)
    ana = world.investor("Ana", offer)
    held = world.invest(ana, offer, came) if came else None
    world.later(timedelta(days=30))
    assert services.end_gathering(offer.pk, on=world.day - timedelta(days=1), now=world.now) is None
    assert services.end_gathering(offer.pk, on=world.day, now=world.now) == ends
    assert services.end_gathering(offer.pk, on=world.day, now=world.now) is None, "once"
    assert status_of(offer) == ends
    if held and ends == "failed":
        assert status_of(held) == "released" and wallet(ana) == (10000, 0) and committed(offer) == 0
    assert broken() == []


def test_a_reflection_puts_the_end_off(world: World, offer: Offer) -> None:
    ana = world.investor("Ana", offer)
    world.later(timedelta(days=28))
    world.invest(ana, offer, "600")
    world.later(timedelta(days=3))
    assert services.end_gathering(offer.pk, on=world.day, now=world.now) is None
    world.later(timedelta(days=1))
    assert services.end_gathering(offer.pk, on=world.day, now=world.now) == "closed"


def test_maturity_repays(world: World, closed: Offer) -> None:
    assert not services.mature_offer(closed.pk, on=closed.maturity_date - timedelta(days=1), now=world.now)
    assert services.mature_offer(closed.pk, on=closed.maturity_date, now=world.now)
    assert not services.mature_offer(closed.pk, on=closed.maturity_date, now=world.now), "once"
    assert status_of(closed) == "matured"
    for investment in closed.investments.select_related("investor"):
        assert investment.status == "repaid" and investment.principal == 0
        assert wallet(investment.investor) == (10000, 0)
    assert broken() == []


def test_maturity_waits_for_the_money(world: World, closed: Offer) -> None:
    world.put_to_work(closed, "400")
    with pytest.raises(FundCommitted):
        services.mature_offer(closed.pk, on=closed.maturity_date, now=world.now)
    assert status_of(closed) == "closed" and not Transaction.objects.filter(kind="offer_repay").exists()
    world.bring_back(closed, "400")
    assert services.mature_offer(closed.pk, on=closed.maturity_date, now=world.now)


def test_no_income_is_left_behind(world: World, closed: Offer) -> None:
    world.fill_pool(closed, "10")
    for end in (
        partial(services.mature_offer, closed.pk, on=closed.maturity_date, now=world.now),
        partial(services.request_failure, closed.pk, by=world.officers[0], reason="called off", now=world.now),
    ):
        with pytest.raises(errors.IncomeLeft):
            end()
    given = {"by": world.officers[0], "reason": "the last of it", "now": world.now}
    world.approve(services.request_distribution(closed.pk, amount=Decimal(10), **given))
    assert services.mature_offer(closed.pk, on=closed.maturity_date, now=world.now)


def test_failing_takes_two_and_gives_everybody_their_money(world: World, offer: Offer) -> None:
    ana = world.investor("Ana", offer)
    held = world.invest(ana, offer, "500")
    asked = services.request_failure(offer.pk, by=world.officers[0], reason="the site is lost", now=world.now)
    assert status_of(offer) == "live" and wallet(ana) == (9500, 500)
    world.approve(asked)
    assert status_of(offer) == "failed" and status_of(held) == "released" and wallet(ana) == (10000, 0)
    assert broken() == []


def test_no_offer_fails_over_money_in_its_pool(world: World, offer: Offer) -> None:
    """Of an offer that gathers the treasury takes none; if some came past it, nobody could distribute it."""
    ana = world.investor("Ana", offer)
    held = world.invest(ana, offer, "400")
    asked = services.request_failure(offer.pk, by=world.officers[0], reason="called off", now=world.now)
    world.fill_pool(offer, "10")
    with pytest.raises(errors.IncomeLeft):
        world.approve(asked)
    world.later(timedelta(days=30))
    with pytest.raises(errors.IncomeLeft):
        services.end_gathering(offer.pk, on=world.day, now=world.now)
    assert status_of(offer) == "live" and status_of(held) == "reserved" and wallet(ana) == (9600, 400)
    assert broken() == ["offer:harbour: its returns_pool holds 10 AED, but it never closed"]


def test_an_offer_closes_once(world: World, closed: Offer) -> None:
    """What has closed is the treasury's for ever, so that it needs no lock to ask: the database keeps the day."""
    for changes in ({"closed_on": None, "status": "live"}, {"closed_on": closed.deadline}):
        with pytest.raises(DatabaseError, match="frozen"), transaction.atomic():
            Offer.objects.filter(pk=closed.pk).update(**changes)
    assert Offer.objects.get(pk=closed.pk).closed_on == closed.closed_on


def test_failing_after_the_close_repays(world: World, closed: Offer) -> None:
    world.approve(services.request_failure(closed.pk, by=world.officers[0], reason="called off", now=world.now))
    assert status_of(closed) == "failed"
    assert {(row.status, wallet(row.investor)) for row in closed.investments.all()} == {("repaid", (10000, 0))}
    with pytest.raises(IllegalMove):
        services.request_failure(closed.pk, by=world.officers[0], reason="again", now=world.now)
    assert broken() == []
