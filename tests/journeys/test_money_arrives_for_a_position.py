"""Ana opens a position, announces the money for it, sends it by bank; two officers book it, and it is invested."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone
from rest_framework.test import APIClient

from core.money import Money
from investments.models import Position
from investments.tests.worlds import World, available, principal
from ledger.models import Transaction
from oversight import services as oversight
from oversight.models import Alert
from payments.models import Deposit
from payments.services import credits
from tests.people import make_investor


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def world(db: None) -> World:
    return World()


@pytest.fixture
def ana(db: None) -> Any:
    return make_investor("Ana", kyc_level=1)


def api(person: Any, method: str, url: str, body: Any = None, key: str = "k") -> Any:
    client = APIClient()
    client.force_authenticate(person)
    content = json.dumps(body) if body is not None else None
    send = getattr(client, method)
    return send(f"/api/v1{url}", content, content_type="application/json", headers={"Idempotency-Key": key})


def announce(ana: Any, position: Position, amount: str) -> Deposit:
    body = {"amount": amount, "currency": "USD", "method": "bank_transfer", "investment_account": str(position.pk)}
    answer = api(ana, "post", "/deposits", body, key=amount)
    assert answer.status_code == 201, answer.content
    assert answer.json()["investment_account"] == str(position.pk)
    return Deposit.objects.get(pk=answer.json()["id"])


def book(world: World, deposit: Deposit, amount: str) -> Deposit:
    now = timezone.now()
    request = credits.request_confirmation(
        deposit.pk,
        by=world.officers[0],
        now=now,
        bank_reference=f"BANK-{deposit.reference}",
        amount=Money(Decimal(amount), "USD"),
        value_on=None,
        document=ContentFile(b"advice", name="advice.pdf"),
        reason="on the statement",
    )
    oversight.approve(request.pk, by=world.officers[1], now=now)
    deposit.refresh_from_db()
    return deposit


def test_the_money_is_invested_in_the_same_transaction(world: World, ana: Any) -> None:
    position = world.open(ana, "basic")
    deposit = book(world, announce(ana, position, "250.00"), "250.00")
    position.refresh_from_db()
    assert (deposit.status, deposit.position_refusal) == ("confirmed", "")
    assert (position.status, principal(position), available(ana)) == ("active", 250, 0)
    shown = api(ana, "get", "/transactions").json()["results"]
    assert [(row["type"], row["direction"], row["amount"]) for row in shown] == [
        ("investment", "out", "250.00"),
        ("deposit", "in", "250.00"),
    ]
    statement = api(ana, "get", "/wallets/USD/statement").json()["results"]
    assert [line["balance"] for line in statement] == ["0.00", "250.00"]
    assert api(ana, "get", "/wallets/USD").json()["available"] == "0.00"


def test_a_product_that_refuses_leaves_the_money_in_the_wallet(world: World, ana: Any) -> None:
    position = world.open(ana, "basic")
    deposit = book(world, announce(ana, position, "50.00"), "50.00")
    position.refresh_from_db()
    assert (deposit.status, deposit.position_refusal) == ("confirmed", "below-minimum")
    assert (position.status, principal(position), available(ana)) == ("pending_funding", 0, 50)
    assert api(ana, "get", f"/deposits/{deposit.pk}").json()["investment_refusal"] == "below-minimum"
    assert Alert.objects.filter(kind="deposit-not-invested", target_id=str(deposit.pk)).count() == 1
    assert Transaction.objects.filter(kind="position_fund").count() == 0


def test_money_in_suspense_funds_nothing_until_it_is_allotted(world: World, ana: Any) -> None:
    position = world.open(ana, "basic")
    deposit = book(world, announce(ana, position, "250.00"), "240.00")
    assert (deposit.status, available(ana), principal(position)) == ("pending", 0, 0)
    from payments.services import suspense

    request = suspense.request_allotment(
        deposit.credits.get().pk,
        deposit_id=deposit.pk,
        by=world.officers[0],
        now=timezone.now(),
        reason="the bank took a charge",
    )
    oversight.approve(request.pk, by=world.officers[1], now=timezone.now())
    assert (principal(position), available(ana)) == (240, 0)


def test_a_position_of_somebody_else_is_unknown(world: World, ana: Any) -> None:
    eve = make_investor("Eve", kyc_level=1)
    position = world.open(ana, "basic")
    body = {"amount": "250.00", "currency": "USD", "method": "bank_transfer", "investment_account": str(position.pk)}
    answer = api(eve, "post", "/deposits", body)
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/investment_account"]
    assert Deposit.objects.count() == 0
