from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from investments.tests.worlds import World
from tests.people import make_investor


@pytest.fixture
def world(db: None) -> World:
    """A platform on 1 June 2026; all in one transaction; ask for transactional_db as well to commit."""
    return World()


@pytest.fixture
def investor(db: None) -> Any:
    """Ana, at the KYC level that every product asks for."""
    return make_investor("Ana", kyc_level=1)


@pytest.fixture
def stranger(db: None) -> Any:
    """Eve, who has no right to anything of Ana's."""
    return make_investor("Eve", kyc_level=1)


@pytest.fixture
def clock(world: World) -> Iterator[Any]:
    """The world's own noon, for what reads the clock at the edge."""
    with time_machine.travel(world.now, tick=False) as traveller:
        yield traveller
