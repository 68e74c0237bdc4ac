from __future__ import annotations

from typing import Any

import pytest

from offers import services
from offers.models import Offer
from offers.tests.worlds import World


@pytest.fixture
def world(db: None, kept: Any) -> World:
    """A platform on 1 June 2026; what is done to it is one transaction; ask for transactional_db as well to commit."""
    made: World = kept.of(World)
    return made


@pytest.fixture
def offer(world: World) -> Offer:
    """A live offer of 1,000 AED."""
    return world.offer()


@pytest.fixture
def closed(world: World, offer: Offer) -> Offer:
    """A closed offer of 300, 300 and 400."""
    for name, amount in (("Ana", "300"), ("Kofi", "300"), ("Zoe", "400")):
        world.invest(world.investor(name, offer), offer, amount)
    world.later()
    return services.close_offer(offer.pk, by=world.officers[0], reason="full", now=world.now)
