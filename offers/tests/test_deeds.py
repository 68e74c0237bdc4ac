"""Distributions and losses: shared pro rata to the last unit, with four eyes, once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from uuid_utils.compat import uuid7

from accounts.models import User
from core.errors import IllegalMove
from ledger.models import Account, Transaction
from ledger.posting import InsufficientBalance
from offers import errors, rules, services
from offers.models import Offer, OfferDeed, OfferShare
from offers.services import deeds
from offers.services.rows import has_part
from offers.tests.worlds import World, broken, wallet
from oversight import services as oversight
from oversight.models import ApprovalRequest

CENT = Decimal("0.01")


def distribute(world: World, offer: Offer, amount: str) -> OfferDeed:
    asked = services.request_distribution(
        offer.pk, amount=Decimal(amount), by=world.officers[0], reason="rent", now=world.now
    )
    world.approve(asked)
    return OfferDeed.objects.get(request=asked.pk)


def lose(world: World, offer: Offer, amount: str) -> OfferDeed:
    asked = services.request_loss(offer.pk, amount=Decimal(amount), by=world.officers[0], reason="fire", now=world.now)
    world.approve(asked)
    return OfferDeed.objects.get(request=asked.pk)


def test_a_distribution_is_shared_to_the_last_cent(world: World, closed: Offer) -> None:
    """300, 300 and 400 of 1,000: of 10.01 the third cent that is left goes to the earlier of two equal remainders."""
    world.fill_pool(closed, "100")
    deed = distribute(world, closed, "10.01")
    shares = [share.amount for share in deed.shares.order_by("investment_id")]
    assert shares == [Decimal("3.00"), Decimal("3.00"), Decimal("4.01")] and sum(shares) == Decimal("10.01")
    assert shares == rules.shares(Decimal("10.01"), [Decimal(300), Decimal(300), Decimal(400)], exponent=2)
    held = [wallet(row.investor)[0] for row in closed.investments.order_by("id")]
    assert held == [Decimal("9703.00"), Decimal("9703.00"), Decimal("9604.01")]
    assert Account.objects.get(kind="returns_pool", scope=closed.scope).live_balance == Decimal("89.99")
    assert Account.objects.get(kind="returns_due", scope=closed.scope).live_balance == 0
    assert broken() == []


def test_the_units_that_are_left_go_to_the_largest_remainders(world: World, closed: Offer) -> None:
    world.fill_pool(closed, "100")
    shares = [share.amount for share in distribute(world, closed, "0.01").shares.order_by("investment_id")]
    assert shares == [CENT], "only who gets something has a row"
    assert OfferShare.objects.get().investment == closed.investments.order_by("-principal", "id").first()


def test_a_preview_is_what_is_posted(world: World, closed: Offer) -> None:
    world.fill_pool(closed, "100")
    shared, shown = services.preview(closed, OfferDeed.Verb.DISTRIBUTE, Decimal("99.97"))
    deed = distribute(world, closed, "99.97")
    assert {row.investment: row.amount for row in shown} == {
        share.investment_id: share.amount for share in deed.shares.all()
    }
    assert (shared.investments, shared.principal) == (deed.investments, deed.principal)


def test_a_preview_asks_once_whether_anything_is_at_work(world: World, closed: Offer) -> None:
    world.fill_pool(closed, "100")
    with CaptureQueriesContext(connection) as seen:
        services.preview(closed, OfferDeed.Verb.DISTRIBUTE, Decimal(100))
    assert sum('"principal" > ' in query["sql"] and "LIMIT 1" in query["sql"] for query in seen) == 1


def test_a_preview_refuses_what_asking_would_and_opens_no_account(world: World, closed: Offer) -> None:
    accounts = Account.objects.count()
    with pytest.raises(InsufficientBalance):
        services.preview(closed, OfferDeed.Verb.DISTRIBUTE, CENT)
    with pytest.raises(errors.DeedRefused):
        services.preview(closed, OfferDeed.Verb.LOSE, CENT)
    assert Account.objects.count() == accounts


def test_approvers_read_amounts_with_separators_and_currency(world: World) -> None:
    offer = world.offer(max_amount=Decimal(9000), target=Decimal(2000))
    request = ApprovalRequest.objects.get(verb="offers.publish")
    told = dict(request.summary)
    assert (told["Cap"], told["Target"]) == ("9,000.00 AED", "2,000.00 AED, all or nothing")
    assert (told["Tickets"], told["Expected, not promised"][:3]) == ("from 100.00 AED to the cap", "8 %")
    for name in ("Ana", "Kofi"):
        world.invest(world.investor(name, offer), offer, "3150")
    world.later()
    closed = services.close_offer(offer.pk, by=world.officers[0], reason="full", now=world.now)
    asked = services.request_failure(closed.pk, by=world.officers[0], reason="no site", now=world.now)
    assert dict(asked.summary)["Goes back"] == "6,300.00 AED"
    world.fill_pool(closed, "2000")
    given = {"amount": Decimal(2000), "by": world.officers[0], "reason": "rent", "now": world.now}
    asked = services.request_distribution(closed.pk, **given)
    assert dict(asked.summary) == {
        "Offer": "Harbour cold store",
        "Amount": "2,000.00 AED",
        "Among": "2 investments of 6,300.00 AED",
        "Shares": "1,000.00 AED to 1,000.00 AED",
    }
    world.approve(asked)
    assert str(OfferDeed.objects.get()) == "distribution of 2,000.00 AED"


def test_no_more_than_the_pool_holds(world: World, closed: Offer) -> None:
    world.fill_pool(closed, "10")
    with pytest.raises(InsufficientBalance):
        distribute(world, closed, "10.01")
    assert not OfferDeed.objects.exists()


def test_shares_that_changed_since_are_refused(world: World, closed: Offer) -> None:
    world.fill_pool(closed, "100")
    asked = services.request_distribution(
        closed.pk, amount=Decimal("0.02"), by=world.officers[0], reason="rent", now=world.now
    )
    world.put_to_work(closed, "10")
    world.write_down(closed, "10")
    lose(world, closed, "0.05")
    with pytest.raises(errors.SharesChanged):
        oversight.approve(asked.pk, by=world.officers[1], now=world.now)
    asked.refresh_from_db()
    assert asked.status == "requested" and not Transaction.objects.filter(kind="distribution").exists()


def test_a_loss_is_shared_and_taken_from_principal(world: World, closed: Offer) -> None:
    world.put_to_work(closed, "1000")
    world.write_down(closed, "100")
    with pytest.raises(errors.DeedRefused):
        lose(world, closed, "100.01")
    lose(world, closed, "100")
    held = [row.principal for row in closed.investments.order_by("id")]
    assert held == [270, 270, 360]
    world.bring_back(closed, "900")
    assert services.mature_offer(closed.pk, on=closed.maturity_date, now=world.now)
    assert [wallet(row.investor)[0] for row in closed.investments.order_by("id")] == [9970, 9970, 9960]
    assert broken() == []


def test_everything_may_be_lost(world: World, closed: Offer) -> None:
    world.put_to_work(closed, "1000")
    world.write_down(closed, "1000")
    lose(world, closed, "1000")
    assert {row.principal for row in closed.investments.all()} == {0}
    assert services.mature_offer(closed.pk, on=closed.maturity_date, now=world.now)
    assert not Transaction.objects.filter(kind="offer_repay").exists()
    assert broken() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verb", ["distribute", "lose"])
@pytest.mark.parametrize("place", ["after the shares", "after the ledger"])
def test_a_deed_that_is_killed_half_way_is_done_once(
    world: World, closed: Offer, monkeypatch: pytest.MonkeyPatch, verb: str, place: str
) -> None:
    """Nothing of it stands, the request is open still, and approved again it is done."""
    world.fill_pool(closed, "100")
    world.put_to_work(closed, "100")
    world.write_down(closed, "100")
    request = services.request_distribution if verb == "distribute" else services.request_loss
    asked = request(closed.pk, amount=Decimal("9.99"), by=world.officers[0], reason="rent", now=world.now)
    post_query, before = deeds.posting.post_query, [wallet(row.investor) for row in closed.investments.order_by("id")]

    def dies(*args: Any, **kwargs: Any) -> None:
        if place == "after the ledger":
            post_query(*args, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(deeds.posting, "post_query", dies)
        with pytest.raises(KeyboardInterrupt):
            oversight.approve(asked.pk, by=world.officers[1], now=world.now)
    asked.refresh_from_db()
    assert asked.status == "requested" and not OfferDeed.objects.exists() and not OfferShare.objects.exists()
    assert [wallet(row.investor) for row in closed.investments.order_by("id")] == before and broken() == []
    oversight.approve(asked.pk, by=world.officers[1], now=world.now)
    assert sum(share.amount for share in OfferDeed.objects.get().shares.all()) == Decimal("9.99")
    assert broken() == []


def test_income_after_all_is_lost_goes_by_what_was_put_in(world: World, closed: Offer) -> None:
    """What an insolvency pays late is still the investors': 300, 300 and 400 of 1,000, and then the offer may end."""
    world.put_to_work(closed, "1000")
    world.write_down(closed, "1000")
    lose(world, closed, "1000")
    world.fill_pool(closed, "10.01")
    with pytest.raises(errors.IncomeLeft):
        services.mature_offer(closed.pk, on=closed.maturity_date, now=world.now)
    deed = distribute(world, closed, "10.01")
    shares = [share.amount for share in deed.shares.order_by("investment_id")]
    assert (deed.principal, shares) == (1000, [Decimal("3.00"), Decimal("3.00"), Decimal("4.01")])
    assert services.mature_offer(closed.pk, on=closed.maturity_date, now=world.now)
    assert broken() == []


def test_a_tie_goes_to_the_earlier(world: World, closed: Offer) -> None:
    """Of 0.02 to 300, 300 and 400: 0.6, 0.6 and 0.8 cents; one goes to the 400, the other to the first of equals."""
    world.fill_pool(closed, "100")
    shares = distribute(world, closed, "0.02").shares.order_by("investment_id")
    first, _, third = closed.investments.order_by("id")
    assert [(share.investment_id, share.amount) for share in shares] == [(first.pk, CENT), (third.pk, CENT)]


@pytest.mark.parametrize("amount", ["0", "-1", "0.001"])
def test_amounts_that_the_currency_does_not_have(world: World, closed: Offer, amount: str) -> None:
    world.fill_pool(closed, "100")
    with pytest.raises(errors.DeedRefused):
        distribute(world, closed, amount)
    assert not OfferDeed.objects.exists() and not ApprovalRequest.objects.filter(verb="offers.distribute").exists()


def test_only_a_closed_offer_shares(world: World, offer: Offer) -> None:
    with pytest.raises(IllegalMove):
        distribute(world, offer, "10")
    assert not OfferDeed.objects.exists() and not ApprovalRequest.objects.filter(verb="offers.distribute").exists()


def test_whose_money_it_is_neither_asks_nor_approves(world: World, offer: Offer) -> None:
    """Omar and Lin may both ask and approve; Lin holds a place, so Nia decides. One who was repaid may again."""
    omar, lin, nia = world.officers
    world.make_ready(lin)
    User.objects.filter(pk=lin.pk).update(kyc_level=1)
    lin.refresh_from_db()
    world.pay_in(lin, "10000", offer.currency)
    world.invest(lin, offer, "600")
    world.later()
    services.close_offer(offer.pk, by=omar, reason="full", now=world.now)
    given = {"reason": "rent", "now": world.now}
    with pytest.raises(oversight.OwnRequest):
        services.request_failure(offer.pk, by=lin, **given)
    world.fill_pool(offer, "10")
    with pytest.raises(oversight.OwnRequest):
        services.request_distribution(offer.pk, amount=Decimal(10), by=lin, **given)
    asked = services.request_distribution(offer.pk, amount=Decimal(10), by=omar, **given)
    with pytest.raises(oversight.OwnRequest):
        oversight.approve(asked.pk, by=lin, now=world.now)
    with pytest.raises(oversight.OwnRequest):
        oversight.reject(asked.pk, by=lin, now=world.now, note="not now")
    oversight.approve(asked.pk, by=nia, now=world.now)
    assert wallet(lin)[0] == 9410
    failing = services.request_failure(offer.pk, by=omar, **given)
    oversight.approve(failing.pk, by=nia, now=world.now)
    assert not has_part(str(offer.pk), lin) and wallet(lin) == (10010, 0)
    assert broken() == []


def test_who_asks_does_not_approve(world: World, closed: Offer) -> None:
    world.fill_pool(closed, "100")
    asked = services.request_distribution(
        closed.pk, amount=Decimal(10), by=world.officers[0], reason="rent", now=world.now
    )
    with pytest.raises(oversight.OwnRequest):
        oversight.approve(asked.pk, by=world.officers[0], now=world.now)
    asked.refresh_from_db()
    assert asked.status == "requested" and not OfferDeed.objects.exists()


def test_a_share_is_of_a_deed_and_of_an_investment_in_the_same_offer(world: World, closed: Offer) -> None:
    world.fill_pool(closed, "10")
    deed = distribute(world, closed, "1")
    other = world.offer(code="mill")
    ana = world.investor("Ana of the mill", other)
    strange = world.invest(ana, other, "100")
    for wrong in ((deed.pk, strange.pk), (deed.pk, uuid7()), (uuid7(), closed.investments.earliest("id").pk)):
        with pytest.raises(DatabaseError, match="no-deed"), transaction.atomic():
            OfferShare.objects.bulk_create([OfferShare(deed_id=wrong[0], investment_id=wrong[1], amount=CENT)])
