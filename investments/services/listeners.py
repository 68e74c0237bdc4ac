"""What investments do when rooms below say that something happened. Each runs in the sender's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model

from core.errors import NotFound
from investments.models import ExitRequest, Position, Product
from investments.services import exits, funding


def fund_from_deposit(sender: Any, *, deposit: Any, now: datetime, **_: Any) -> None:
    """Fund the position that a confirmed deposit names with what arrived.

    A refusal is raised: `payments` runs each listener in a savepoint, keeps the money in the wallet and the reason on
    the deposit. Raises what `funding.add_money` raises.
    """
    if deposit.position_id is None:
        return
    try:
        position = Position.objects.owned_by(deposit.investor_id).lock(deposit.position_id)
    except Position.DoesNotExist:
        raise NotFound("The deposit names a position that its investor doesn't have.") from None
    funding.add_money(position, amount=deposit.arrived_amount, now=now, actor=None)


def lock_waiting_exits(sender: Any, *, scope: str, currency: str, **_: Any) -> None:
    """Lock the line that the money which is coming may pay."""
    product_id = _product_of(scope, currency)
    if product_id is not None:
        exits.lock_line(product_id)


def pay_waiting_exits(sender: Any, *, scope: str, currency: str, now: datetime, **_: Any) -> None:
    """Pay who waits as far as the money that came back goes."""
    product_id = _product_of(scope, currency)
    if product_id is not None and ExitRequest.objects.in_line(product_id).exists():
        exits.pay_line(product_id, now=now)


def owns_position(investor: Model, position_id: UUID, currency: str) -> bool:
    """Answer whether an investor's deposit in this currency may name this position."""
    return Position.objects.owned_by(investor).filter(pk=position_id, product__currency=currency).exists()


def exits_waiting(scope: str, currency: str) -> bool:
    """Answer whether investors of this product wait for their money: then nothing more is put to work.

    Inside a transaction the product's line is locked first, so that an exit that is just being put into it counts.
    """
    product_id = _product_of(scope, currency)
    if product_id is None:
        return False
    if connection.in_atomic_block:
        Product.objects.lock(product_id)
    return ExitRequest.objects.in_line(product_id).exists()


def scopes() -> Iterable[tuple[str, str]]:
    """The scopes of all products, with their currency."""
    return [(product.scope, product.currency) for product in Product.objects.all()]


def _product_of(scope: str, currency: str) -> UUID | None:
    code = scope.removeprefix("product:")
    if code == scope:
        return None
    return Product.objects.filter(code=code, currency=currency).values_list("pk", flat=True).first()
