from __future__ import annotations

from typing import Any

import pytest

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
