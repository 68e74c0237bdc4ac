"""Who may put money into a product: what protection asks of investors of it. Source: docs/rules/protection.md §1."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db.models import Sum

from core.money import Money
from investments.models import Position, Product
from protection import services as protection


def require_ready(position: Position, *, amount: Decimal, now: datetime) -> None:
    """Refuse an owner who hasn't done yet what this position asks for, or may not hold such a product (step).

    The warning counts all that the owner would then have in the product: who brings an amount has locked the wallet
    that it comes from, so that nothing is added meanwhile. Raises IncentiveClosed, and what `protection.require_ready`
    raises.
    """
    owner, product = position.owner, position.product
    if product.kind == Product.Kind.VIP:
        protection.require_incentive(owner, "vip")
    held = Position.objects.owned_by(owner).filter(product=product).aggregate(held=Sum("principal"))["held"]
    protection.require_ready(
        owner,
        subject=product.scope,
        version=position.disclosure_version,
        amount=Money((held or Decimal(0)) + amount, product.currency),
        now=now,
    )
