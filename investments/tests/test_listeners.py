"""A confirmed deposit funds a position, capital that comes back pays who waits: with payments and treasury."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile

from api.keys import RequestKey
from core.money import Money
from investments import services
from investments.models import ExitRequest, Position
from investments.tests.worlds import available, principal
from oversight import services as oversight
from oversight.models import Alert
from payments.services import credits, deposits
from treasury import services as treasury
from treasury.services import Counterparty, Paper
from treasury.services.checks import ExitsWaiting


def arrived(world, investor, position, amount):
    """A deposit that names a position, recorded by one officer and approved by another."""
    money = Money(Decimal(amount), "USD")
    key = RequestKey(investor.pk, "POST", "/api/v1/deposits", str(uuid4()), b"fingerprint")
    deposit = deposits.request_deposit(
        investor, key=key, amount=money, method="bank_transfer", now=world.now, position_id=position.pk
    )
    request = credits.request_confirmation(
        deposit.pk,
        by=world.officers[0],
        now=world.now,
        bank_reference=uuid4().hex[:12],
        amount=money,
        value_on=None,
        document=ContentFile(b"%PDF-1.7 advice", name="advice.pdf"),
        reason="on the statement",
    )
    oversight.approve(request.pk, by=world.officers[1], now=world.now)
    deposit.refresh_from_db()
    return deposit


def test_a_confirmed_deposit_funds_the_position_that_it_names(world, investor):
    position = world.open(investor, "basic")
    deposit = arrived(world, investor, position, "100.00")
    position.refresh_from_db()
    assert (deposit.status, deposit.position_refusal) == ("confirmed", "")
    assert (position.status, position.principal, available(investor)) == ("active", 100, 0)


def test_a_deposit_that_its_position_refuses_stays_in_the_wallet(world, investor):
    position = world.open(investor, "premium")
    deposit = arrived(world, investor, position, "100.00")
    position.refresh_from_db()
    assert (deposit.status, deposit.position_refusal) == ("confirmed", "below-minimum")
    assert (position.status, position.principal, available(investor)) == ("pending_funding", 0, 100)
    assert Alert.objects.count() == 1


def test_a_deposit_for_a_retired_product_stays_in_the_wallet(world, investor):
    position = world.open(investor, "basic", "100")
    world.approve(
        services.request_retirement(position.product_id, by=world.officers[0], reason="Enough", now=world.now)
    )
    deposit = arrived(world, investor, position, "50.00")
    assert (deposit.position_refusal, available(investor)) == ("product-retired", 50)


def desk(world, verb, **asked):
    """A verb of the treasury, asked by one officer and approved by another."""
    paper = Paper(source="Bank", reference=uuid4().hex, name="paper.pdf", content=b"%PDF paper")
    request = verb(paper=paper, reason="as it says", by=world.officers[0], now=world.now, **asked)
    return oversight.approve(request.pk, by=world.officers[1], now=world.now)


def deployed(world, amount):
    scope = world.product("basic").scope
    asset = treasury.open_asset(scope=scope, currency="USD", name="Mill", by=world.officers[0], now=world.now)
    desk(world, treasury.request_deploy, asset=asset.pk, cash="bank", amount=Decimal(amount), counterparty=MILL)
    return asset


MILL = Counterparty("Mill", "BJ", "unrelated")


def test_what_comes_back_pays_who_waits_in_the_same_transaction(world, investor):
    position = world.open(investor, "basic", "300")
    asset = deployed(world, "300")
    services.withdraw(position.pk, owner=investor, amount=Decimal(100), now=world.now)
    assert (ExitRequest.objects.get().status, available(investor)) == ("waiting", 0)
    desk(world, treasury.request_divest, asset=asset.pk, cash="bank", amount=Decimal(60), counterparty=MILL)
    assert (ExitRequest.objects.get().status, available(investor)) == ("waiting", 0)
    desk(world, treasury.request_divest, asset=asset.pk, cash="bank", amount=Decimal(60), counterparty=MILL)
    position.refresh_from_db()
    assert (ExitRequest.objects.get().status, available(investor)) == ("paid", 100)
    assert position.principal == principal(position) == 200


def test_nothing_is_put_to_work_while_somebody_waits(world, investor):
    position = world.open(investor, "basic", "300")
    asset = deployed(world, "250")
    services.withdraw(position.pk, owner=investor, amount=Decimal(100), now=world.now)
    with pytest.raises(ExitsWaiting):
        desk(world, treasury.request_deploy, asset=asset.pk, cash="bank", amount=Decimal(10), counterparty=MILL)
    assert Position.objects.get().principal == 300


def test_while_a_loss_is_not_made_good_nobody_new_may_fund(world, investor):
    from ledger.posting import FundShortfall

    world.open(investor, "basic", "300")
    asset = deployed(world, "250")
    desk(world, treasury.request_write_down, asset=asset.pk, amount=Decimal(50))
    with pytest.raises(FundShortfall):
        world.open(investor, "basic", "100")
    assert Position.objects.count() == 1
    assert available(investor) == 100
