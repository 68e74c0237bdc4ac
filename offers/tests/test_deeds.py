"""Distributions and losses: shared pro rata to the last unit, with four eyes, once."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction
from uuid_utils.compat import uuid7

from core.errors import IllegalMove
from ledger.models import Account, Transaction
from ledger.posting import InsufficientBalance
from offers import errors, rules, services
from offers.models import Offer, OfferDeed, OfferShare
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


def test_a_tie_goes_to_the_earlier(world: World, closed: Offer) -> None:
    world.fill_pool(closed, "100")
    shares = [share.amount for share in distribute(world, closed, "0.01").shares.order_by("investment_id")]
    assert shares == [CENT], "only who gets something has a row"
    assert OfferShare.objects.get().investment == closed.investments.order_by("-principal", "id").first()


def test_a_preview_is_what_is_posted(world: World, closed: Offer) -> None:
    world.fill_pool(closed, "100")
    shared, shown = services.preview(closed, Decimal("99.97"))
    deed = distribute(world, closed, "99.97")
    assert {row.investment: row.amount for row in shown} == {
        share.investment_id: share.amount for share in deed.shares.all()
    }
    assert (shared.investments, shared.principal) == (deed.investments, deed.principal)


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
