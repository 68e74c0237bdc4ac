"""What the tests of the whole house share."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import TestCase


@pytest.fixture(scope="module")
def _world(django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    """Ana's world, made once for all tests of a file: it takes most of them longer than what they try."""
    from tests.endpoints import make_world

    with django_db_blocker.unblock():
        begun = TestCase._enter_atomics()  # As of a TestCase's class: commands may open their outer transaction in it.
        try:
            yield make_world()
        finally:
            TestCase._rollback_atomics(begun)


@pytest.fixture
def here(_world: Any, db: None) -> Any:
    """Ana's world, in a transaction that isn't committed; what a test does to it is gone after it."""
    return copy.deepcopy(_world)
