"""Many positions at once, for tests and measurements of the set-based runs.

Written in bulk past the services, with wallets but without principal in the ledger: what the runs read is the terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from uuid_utils.compat import uuid7

from investments.models import Position, PositionTerm
from investments.tests.worlds import World
from ledger import accounts
from tests.people import make_investor


def crowd(world: World, code: str, principals: Sequence[Decimal], *, owners: int = 20) -> list[Position]:
    """Open a funded position for each principal on the world's day, shared out among some owners."""
    version = world.version(code)
    people: list[Any] = [make_investor(f"Crowd{n}", kyc_level=1) for n in range(owners)]
    with transaction.atomic():
        for person in people:
            accounts.wallet(person, version.product.currency)
        positions = [_position(version, people[n % owners], principal, world) for n, principal in enumerate(principals)]
        Position.objects.bulk_create(positions, batch_size=2000)
        terms = [
            PositionTerm(
                position=position,
                from_on=world.day + timedelta(days=1),
                principal=position.principal,
                rate=version.rate,
                earns=True,
            )
            for position in positions
        ]
        PositionTerm.objects.bulk_create(terms, batch_size=2000)
    return positions


def _position(version: Any, owner: Any, principal: Decimal, world: World) -> Position:
    return Position(
        id=uuid7(),
        owner=owner,
        product=version.product,
        version=version,
        status="active",
        disclosure_version=version.disclosure_version,
        initial_principal=principal,
        principal=principal,
        deposited=principal,
        opened_at=world.now,
        funded_on=world.day,
        last_on=None,
    )
