"""What the treasury does with an offer's money: at work, income, loss, each through its own verbs and four eyes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from core.errors import DomainError, IllegalMove
from ledger import verify
from ledger.models import Account, Fund, Transaction
from ledger.posting import FundCommitted
from offers import services
from offers.models import Offer
from offers.tests.worlds import World, broken, wallet
from treasury import services as treasury
from treasury.models import Asset, TreasuryMovement
from treasury.services import Counterparty, Paper
from treasury.services.terms import InvalidTerms

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


def in_state(world: World, state: str) -> Offer:
    """An offer in this state, of 300, 300 and 400 unless it is a draft; `called off` has failed after it closed."""
    if state == "draft":
        return world.draft()
    offer = world.offer()
    for name, amount in (("Ana", "300"), ("Kofi", "300"), ("Zoe", "400")):
        world.invest(world.investor(name, offer), offer, amount)
    given: Any = {"by": world.officers[0], "reason": "as agreed", "now": world.now}
    if state == "paused":
        services.pause_offer(offer.pk, **given)
    if state in ("closed", "matured", "called off"):
        world.later()
        given["now"] = world.now
        services.close_offer(offer.pk, **given)
    if state in ("failed", "called off"):
        world.approve(services.request_failure(offer.pk, **given))
    if state == "matured":
        services.mature_offer(offer.pk, on=offer.maturity_date, now=world.now)
    return Offer.objects.get(pk=offer.pk)


ASKED: dict[str, dict[str, Any]] = {
    "deploy": {"cash": "bank", "counterparty": MILL},
    "divest": {"cash": "bank", "counterparty": MILL},
    "record_income": {"cash": "bank", "counterparty": MILL, "income_basis": "rent"},
    "write_down": {},
    "write_up": {},
    "fund_pool": {},
    "make_good": {"purse": "capital"},
}
OF_ASSETS = ("deploy", "divest", "record_income", "write_down", "write_up")


def attempt(world: World, offer: Offer, verb: str, amount: str) -> str:
    """Ask, approve, and say what came of it."""
    asset = Asset.objects.get(scope=offer.scope)
    there = {"asset": asset.pk} if verb in OF_ASSETS else {"scope": offer.scope, "currency": "AED"}
    try:
        do(world, getattr(treasury, f"request_{verb}"), amount, **there, **ASKED[verb])
    except DomainError as refusal:
        return refusal.code
    return "done"


@pytest.mark.parametrize("state", ["draft", "live", "paused", "failed"])
def test_nothing_of_an_offer_that_never_closed_is_the_treasurys(world: World, state: str) -> None:
    """Not even where somebody had opened an asset for it."""
    offer = in_state(world, state)
    officer = world.officers[0]
    with pytest.raises(InvalidTerms):
        treasury.open_asset(scope=offer.scope, currency="AED", name="A cold store", by=officer, now=world.now)
    Asset.objects.create(scope=offer.scope, currency_id="AED", name="A cold store", opened_by=officer)
    world.pay_in(world.investor("Musa", offer, "0"), "100")
    do(world, treasury.request_pay_in_capital, "100", cash="bank", currency="AED", counterparty=MILL)
    for verb in ASKED:
        assert attempt(world, offer, verb, "40") == "invalid-terms", verb
    assert not Account.objects.filter(scope=offer.scope).exists() and TreasuryMovement.objects.count() == 1
    assert broken() == []


def test_all_of_a_closed_offer_is(world: World) -> None:
    offer = in_state(world, "closed")
    do(world, treasury.request_pay_in_capital, "100", cash="bank", currency="AED", counterparty=MILL)
    treasury.open_asset(scope=offer.scope, currency="AED", name="A store", by=world.officers[0], now=world.now)
    for verb, amount in (
        ("deploy", "900"),
        ("record_income", "40"),
        ("write_down", "100"),
        ("write_up", "30"),
        ("make_good", "70"),
        ("divest", "830"),
        ("fund_pool", "5"),
    ):
        assert attempt(world, offer, verb, amount) == "done", verb
    assert [balance(kind, offer) for kind in ("deployed", "shortfall", "returns_pool")] == [0, 0, 45]
    assert broken() == []


@pytest.mark.parametrize("state", ["matured", "called off"])
def test_of_an_offer_that_has_ended_only_what_comes_late_is(world: World, state: str) -> None:
    """It goes by what was put in: 300, 300 and 400 of 1,000."""
    offer = in_state(world, state)
    people = [row.investor for row in offer.investments.select_related("investor").order_by("id")]
    do(world, treasury.request_pay_in_capital, "100", cash="bank", currency="AED", counterparty=MILL)
    treasury.open_asset(scope=offer.scope, currency="AED", name="A store", by=world.officers[0], now=world.now)
    said = {verb: attempt(world, offer, verb, "40") for verb in ASKED}
    assert said == {
        "deploy": "fund-committed",
        "divest": "above-cost",
        "record_income": "done",
        "write_down": "above-cost",
        "write_up": "insufficient-balance",
        "fund_pool": "done",
        "make_good": "insufficient-balance",
    }
    assert list(services.with_late_income()) == [offer] and broken() == []
    asked = {"by": world.officers[0], "reason": "the insolvency paid", "now": world.now}
    world.approve(services.request_distribution(offer.pk, amount=Decimal(80), **asked))
    assert [wallet(person)[0] for person in people] == [10024, 10024, 10032]
    assert balance("returns_pool", offer) == 0 and not services.with_late_income().exists()
    with pytest.raises(IllegalMove):
        services.request_loss(offer.pk, amount=Decimal(1), **asked)
    assert broken() == [] and list(verify.checks()["treasury movements"]()) == []


def test_income_that_was_asked_for_before_the_end_is_recorded_after_it(world: World, closed: Offer, asset: Any) -> None:
    paper = Paper(source="Bank", reference="R-1", name="paper.pdf", content=b"%PDF")
    there = {"asset": asset.pk, "cash": "bank", "counterparty": MILL}
    given = {"paper": paper, "reason": "rent", "by": world.officers[0], "now": world.now}
    asked = treasury.request_record_income(amount=Decimal(40), **there, **given)
    assert services.mature_offer(closed.pk, on=closed.maturity_date, now=world.now)
    world.approve(asked)
    assert balance("returns_pool", closed) == 40 and broken() == []
    share = {"by": world.officers[0], "reason": "the rent", "now": world.now}
    world.approve(services.request_distribution(closed.pk, amount=Decimal(40), **share))
    assert balance("returns_pool", closed) == 0 and broken() == []
