"""What every test of the project shares: the database with its two roles, and a broker for those who need one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import TransactionTestCase

pytest_plugins = ["tests.people"]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Give a worker whole files, and all of tests/faults to one: what those share takes half a minute to make."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "tests/faults" if nodeid.startswith("tests/faults/") else super()._split_scope(nodeid)

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Leave names alone: `django_db_setup` gives each worker its own."""


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    """PostgreSQL of this checkout, one database a worker, made through the owner."""
    from tests.database import worker_database, worker_name

    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), worker_database(worker_name()) as eraser:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: eraser.erase())
        django_db_blocker.block()
        yield
        django_db_blocker.unblock()


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """Let no test be throttled for what another one called."""
    cache.clear()


@pytest.fixture(autouse=True)
def nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave messages to a worker that isn't there; the tests of notifications, which send them, make this otherwise."""
    monkeypatch.setattr("notifications.services.telling._kick", lambda: None)


@pytest.fixture(scope="session")
def valkey() -> Iterator[Any]:
    """A broker and cache of the tests' own."""
    from config.embedded.places import place
    from config.embedded.valkey import Valkey
    from tests.database import worker_name

    with Valkey(place(f"test-valkey-{worker_name()}")).in_use() as server:
        yield server
