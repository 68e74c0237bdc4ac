from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from investments.tests.worlds import World
from tests.people import make_investor, make_ready


@pytest.fixture
def world(db: None, kept: Any) -> World:
    """A platform on 1 June 2026; what is done to it is one transaction; ask for transactional_db as well to commit."""
    made: World = kept.of(World)
    return made


@pytest.fixture
def investor(db: None, request: pytest.FixtureRequest) -> Any:
    """Ana, at the KYC level that every product asks for; she may invest in the world of the test, if it has one."""
    return _ready_in_its_world(make_investor("Ana", kyc_level=1), request)


@pytest.fixture
def stranger(db: None, request: pytest.FixtureRequest) -> Any:
    """Eve, who may invest as well, and has no right to anything of Ana's."""
    return _ready_in_its_world(make_investor("Eve", kyc_level=1), request)


def _ready_in_its_world(person: Any, request: pytest.FixtureRequest) -> Any:
    """What a test opens by `World.open` alone needs no world here: that lets the owner be ready, too."""
    if "world" in request.fixturenames:
        make_ready(person, at=request.getfixturevalue("world").now)
    return person


@pytest.fixture
def clock(world: World) -> Iterator[Any]:
    """The world's own noon, for what reads the clock at the edge."""
    with time_machine.travel(world.now, tick=False) as traveller:
        yield traveller
