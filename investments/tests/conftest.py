from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from investments.tests.worlds import World
from tests.people import make_investor, make_ready


@pytest.fixture
def world(db: None) -> World:
    """A platform on 1 June 2026; all in one transaction; ask for transactional_db as well to commit."""
    return World()


@pytest.fixture
def investor(world: World) -> Any:
    """Ana, at the KYC level that every product asks for, who has done what protection asks for."""
    ana = make_investor("Ana", kyc_level=1)
    make_ready(ana, at=world.now)
    return ana


@pytest.fixture
def stranger(world: World) -> Any:
    """Eve, who may invest as well, and has no right to anything of Ana's."""
    eve = make_investor("Eve", kyc_level=1)
    make_ready(eve, at=world.now)
    return eve


@pytest.fixture
def clock(world: World) -> Iterator[Any]:
    """The world's own noon, for what reads the clock at the edge."""
    with time_machine.travel(world.now, tick=False) as traveller:
        yield traveller
