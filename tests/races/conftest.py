from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connections

from offers import seeds
from tests.races.offer_locks import Edit


@pytest.fixture
def function(transactional_db: None) -> Iterator[Edit]:
    """Write the room's function otherwise for one test: one text in the place of another."""
    written = (seeds.FUNCTIONS / "offers_invest.sql").read_text()
    present = written

    def replace(text: str) -> None:
        with psycopg.connect(**connections["owner"].get_connection_params(), autocommit=True) as owner:
            owner.execute(text)  # type: ignore[call-overload]

    def edit(old: str, new: str) -> None:
        nonlocal present
        assert old in present
        present = present.replace(old, new)
        replace(present)

    yield edit
    replace(written)
