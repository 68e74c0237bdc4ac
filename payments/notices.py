"""What investors hear of their deposits."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from notifications import kinds, services
from notifications.kinds import MONEY, Kind, Priority
from payments.models import BankCredit, Deposit

SAMPLE: Final = {
    "deposit": "01997f3e-5c1a-7d2b-9e4f-8a6b7c5d4e3f",
    "reference": "FD-7K2-94QX",
    "amount": "1250.00",
    "currency": "USD",
}
CONFIRMED, HELD, EXPIRED, REVERSED = "deposit_confirmed", "deposit_held", "deposit_expired", "deposit_reversed"
KINDS: Final = (
    Kind(code=CONFIRMED, category=MONEY, path="/deposits/{deposit}", facts=SAMPLE),
    Kind(code=HELD, category=MONEY, priority=Priority.HIGH, path="/deposits/{deposit}", facts=SAMPLE),
    Kind(code=EXPIRED, category=MONEY, path="/deposits/{deposit}", facts=SAMPLE),
    Kind(code=REVERSED, category=MONEY, priority=Priority.HIGH, path="/deposits/{deposit}", facts=SAMPLE),
)


def register() -> None:
    """Make the kinds known."""
    kinds.register(*KINDS)


def tell_confirmed(deposit: Deposit, *, now: datetime) -> None:
    """Tell that what arrived was credited; after a reversal, another credit is told again (a step)."""
    assert deposit.arrived_amount is not None
    _tell(CONFIRMED, deposit, deposit.arrived_amount, key=f"{deposit.pk}:{deposit.transaction_id}", now=now)


def tell_held(deposit: Deposit, credit: BankCredit, *, now: datetime) -> None:
    """Tell that what arrived isn't what was announced, so that an officer looks at it first (a step)."""
    facts = _facts(deposit, credit.amount) | {"currency": credit.currency_id}
    services.notify(deposit.investor, HELD, facts=facts, key=str(credit.pk), now=now)


def tell_reversed(deposit: Deposit, amount: Decimal, *, transaction_id: Any, now: datetime) -> None:
    """Tell that a credit was taken back (a step)."""
    _tell(REVERSED, deposit, amount, key=f"{deposit.pk}:{transaction_id}", now=now)


def tell_expired(deposits: Iterable[Deposit], *, now: datetime) -> None:
    """Tell whoever announced money that hasn't come (a step)."""
    rows = [(each.investor_id, str(each.pk), _facts(each, each.amount)) for each in deposits]
    services.notify_each(EXPIRED, rows, now=now)


def _tell(kind: str, deposit: Deposit, amount: Decimal, *, key: str, now: datetime) -> None:
    services.notify(deposit.investor, kind, facts=_facts(deposit, amount), key=key, now=now)


def _facts(deposit: Deposit, amount: Decimal) -> dict[str, str]:
    return {
        "deposit": str(deposit.pk),
        "reference": deposit.shown_reference,
        "amount": f"{amount.normalize():f}",
        "currency": deposit.currency_id,
    }
