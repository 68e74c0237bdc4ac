"""A deposit is booked while its investor uses the wallet, and another position of the product that it is for."""

from __future__ import annotations

import time
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.db import transaction

from api.keys import RequestKey
from core import commands
from core.money import Money
from investments import services
from investments.tests.test_readiness import accept, declare, open_position
from investments.tests.worlds import World, available, principal
from oversight import services as oversight
from payments.models import Deposit
from payments.services import credits, deposits
from protection import services as protection
from protection.tests.conftest import take_test
from tests.people import make_investor
from tests.races.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
LONG_ENOUGH = 0.4


def test_a_position_is_funded_from_both_sides_at_once(
    settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deposit locks wallet, then position; the investor position, then wallet: a deadlock, which is tried again.

    Seen to fail: with `core.commands.ATTEMPTS` at 1, one of the two ends in OperationalError (40P01).
    """
    settings.MEDIA_ROOT = tmp_path
    world = World()
    ana = make_investor("Ana", kyc_level=1)
    position = world.open(ana, "basic", "100.00")
    world.pay_in(ana, "10.00")
    request = _recorded(world, ana, position, reference="BANK-0001")
    tell = deposits._refusal_of_listeners

    def tell_late(*args: Any, **kwargs: Any) -> Any:
        time.sleep(LONG_ENOUGH)  # The wallet is locked; meanwhile the other locks the position.
        return tell(*args, **kwargs)

    def fund() -> Any:
        time.sleep(LONG_ENOUGH / 2)
        return services.fund_position(position.pk, owner=ana, amount=Decimal(10), now=world.now)

    monkeypatch.setattr(deposits, "_refusal_of_listeners", tell_late)
    answers = at_once([lambda: oversight.approve(request.pk, by=world.officers[1], now=world.now), fund])
    assert not [answer for answer in answers if isinstance(answer, Exception)], answers
    assert (principal(position), available(ana)) == (130, 0)


def test_a_deposit_and_a_funding_are_counted_together(
    settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deposit names one position while its investor funds another of the product, up to what needs no warning.

    The second of them is refused, and neither waits for what the other holds: no deadlock is tried again.
    Seen to fail: without `posting.enter` in `add_money` both come in, 5,010 of 5,000; with an advisory lock on owner
    and product in its place, one ends in OperationalError (40P01).
    """
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(commands, "ATTEMPTS", 1)
    world = World()
    ana = make_investor("Ana", kyc_level=1)
    with transaction.atomic():
        accept(world, ana)
        take_test(ana, now=world.now)
        declare(world, ana)
    world.pay_in(ana, "5000.00")
    named, other = (open_position(world, ana, amount=amount) for amount in ("100", "4870"))
    request = _recorded(world, ana, named, reference="BANK-0001")
    judge = protection.require_ready

    def judge_late(*args: Any, **kwargs: Any) -> Any:
        time.sleep(LONG_ENOUGH)
        return judge(*args, **kwargs)

    monkeypatch.setattr(protection, "require_ready", judge_late)
    confirm = partial(oversight.approve, request.pk, by=world.officers[1], now=world.now)
    fund = partial(services.fund_position, other.pk, owner=ana, amount=Decimal(20), now=world.now)
    confirmed, funded = at_once([confirm, fund])
    assert not isinstance(confirmed, Exception), confirmed
    refusal = Deposit.objects.get().position_refusal
    assert {refusal, getattr(funded, "code", "")} == {"", "risk-warning-unconfirmed"}, (refusal, funded)
    assert (principal(named) + principal(other), available(ana)) == (4990, 30)


def _recorded(world: World, ana: Any, position: Any, *, reference: str) -> Any:
    deposit = deposits.request_deposit(
        ana,
        key=RequestKey(ana.pk, "POST", "/api/v1/deposits", uuid4().hex, b"fingerprint"),
        amount=Money(Decimal(20), "USD"),
        method="bank_transfer",
        now=world.now,
        position_id=position.pk,
    )
    return credits.request_confirmation(
        deposit.pk,
        by=world.officers[0],
        now=world.now,
        bank_reference=reference,
        amount=Money(Decimal(20), "USD"),
        value_on=None,
        document=ContentFile(b"advice", name="advice.pdf"),
        reason="on the statement",
    )
