"""What a person has with us in money, which stands in the way of deleting them."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import F

from accounts.models import User
from accounts.obstacles import Obstacle
from ledger.models import Account
from payments.models import Deposit


def money(person: User) -> Iterable[Obstacle]:
    """Object to money on its way to them or in an account of theirs: wallets, positions, offers, what they owe.

    All their accounts are read in one statement, so that money which goes from one to another is in one of them.
    """
    if Deposit.objects.owned_by(person).waiting().exists():
        yield Obstacle("deposit-awaited", "a deposit of theirs is on its way")
    held = Account.objects.owned_by(person).exclude(debits=F("credits"))
    currencies = sorted(set(held.values_list("currency_id", flat=True)))
    if currencies:
        yield Obstacle("money", f"money in {', '.join(currencies)}")
