"""A deposit is booked while its investor uses the wallet."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile

from api.keys import RequestKey
from core.money import Money
from investments import services
from investments.tests.worlds import World, available, principal
from oversight import services as oversight
from payments.services import credits, deposits
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
