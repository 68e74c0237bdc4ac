"""What the treasury does with an offer's money: at work, income, loss, each through its own verbs and four eyes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ledger import verify
from ledger.models import Account, Fund, Transaction
from ledger.posting import FundCommitted
from offers import services
from offers.models import Offer
from offers.tests.worlds import World, broken
from treasury import services as treasury
from treasury.models import TreasuryMovement
from treasury.services import Counterparty, Paper

MILL = Counterparty("Harbour Cold Store SA", "BJ", "unrelated")


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


def do(world: World, request: Any, amount: str, **asked: Any) -> TreasuryMovement:
    world.references += 1
    paper = Paper(
        source="Bank",
        reference=f"P-{world.references}",
        name="paper.pdf",
        content=f"%PDF {world.references}".encode(),
    )
    given = {"paper": paper, "reason": "as it says", "by": world.officers[0], "now": world.now}
    approved = world.approve(request(amount=Decimal(amount), **given, **asked))
    return TreasuryMovement.objects.get(request=approved.pk)


def balance(kind: str, offer: Offer) -> Decimal:
    return sum((one.live_balance for one in Account.objects.filter(kind=kind, scope=offer.scope)), Decimal(0))


@pytest.fixture
def asset(world: World, closed: Offer) -> Any:
    return treasury.open_asset(
        scope=closed.scope, currency="AED", name="A cold store", by=world.officers[0], now=world.now
    )


def test_money_goes_to_work_earns_and_comes_back(world: World, closed: Offer, asset: Any) -> None:
    there = {"asset": asset.pk, "cash": "bank", "counterparty": MILL}
    do(world, treasury.request_deploy, "900", **there)
    with pytest.raises(FundCommitted):
        services.mature_offer(closed.pk, on=closed.maturity_date, now=world.now)
    do(world, treasury.request_record_income, "40.01", income_basis="rent", **there)
    assert (balance("deployed", closed), balance("returns_pool", closed)) == (900, Decimal("40.01"))
    do(world, treasury.request_divest, "900", **there)
    asked = {"by": world.officers[0], "reason": "the rent", "now": world.now}
    world.approve(services.request_distribution(closed.pk, amount=Decimal("40.01"), **asked))
    assert services.mature_offer(closed.pk, on=closed.maturity_date, now=world.now)
    assert broken() == [] and list(verify.checks()["treasury movements"]()) == []


def test_no_more_goes_to_work_than_investors_put_in(world: World, closed: Offer, asset: Any) -> None:
    with pytest.raises(FundCommitted):
        do(world, treasury.request_deploy, "1000.01", asset=asset.pk, cash="bank", counterparty=MILL)
    assert balance("deployed", closed) == 0 and not TreasuryMovement.objects.exists()


def test_a_loss_on_an_offers_asset_is_written_down_under_a_kind_of_its_own(
    world: World, closed: Offer, asset: Any
) -> None:
    """And written up again in part, before the rest is shared among the investors."""
    do(world, treasury.request_deploy, "900", asset=asset.pk, cash="bank", counterparty=MILL)
    down = do(world, treasury.request_write_down, "100", asset=asset.pk)
    assert (down.verb, Transaction.objects.get(pk=down.transaction_id).kind) == ("write_down", "offer_write_down")
    up = do(world, treasury.request_write_up, "30", asset=asset.pk)
    assert (up.verb, Transaction.objects.get(pk=up.transaction_id).kind) == ("write_up", "offer_write_up")
    fund = Fund.objects.get(scope=closed.scope)
    assert (fund.principal, fund.deployed, fund.shortfall) == (1000, 830, 70)
    omar = world.officers[0]
    world.approve(services.request_loss(closed.pk, amount=Decimal(70), by=omar, reason="fire", now=world.now))
    fund.refresh_from_db()
    assert (fund.principal, fund.deployed, fund.shortfall) == (930, 830, 0)
    assert broken() == [] and list(verify.checks()["treasury movements"]()) == []
