"""What every test of the project shares: the database with its two roles, and a broker for those who need one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import TransactionTestCase

pytest_plugins = ["tests.people"]
WORLDS = pytest.StashKey[Any]()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Give a worker whole files, and all of tests/faults to one: what those share takes many seconds to make."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "tests/faults" if nodeid.startswith("tests/faults/") else super()._split_scope(nodeid)

    config.option.loadscopereorder = False
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files of slow tests, then those of most tests: begun last, one would keep a worker busy alone."""
    slow = {item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("browser")}
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path not in slow, -tests[item.path]))


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Leave names alone: `django_db_setup` gives each worker its own."""


@pytest.fixture(scope="session")
def django_db_setup(kept_worlds: Any) -> None:
    """PostgreSQL of this checkout, one database a worker, made through the owner."""


@pytest.fixture(scope="session")
def kept_worlds(request: pytest.FixtureRequest, django_test_environment: None, django_db_blocker: Any) -> Iterator[Any]:
    """The worlds that this worker has made, and their database."""
    from tests.database import worker_database, worker_name
    from tests.kept import KeptWorlds

    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), worker_database(worker_name()) as eraser:
        worlds = request.config.stash[WORLDS] = KeptWorlds(eraser)
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: worlds.litter())
        django_db_blocker.block()
        yield worlds
        django_db_blocker.unblock()


@pytest.fixture
def kept(kept_worlds: Any) -> Any:
    """The same, for what asks for one of them."""
    return kept_worlds


@pytest.fixture(scope="module", autouse=True)
def _worlds_of_one_file(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave no world to the next file, whose own fixtures may write before its first test does."""
    yield
    _clear(request)


@pytest.fixture(autouse=True)
def _nobody_elses_world(request: pytest.FixtureRequest) -> None:
    """Let no test see a world that another one has asked for."""
    if "kept" not in request.fixturenames:
        _clear(request)


def _clear(request: pytest.FixtureRequest) -> None:
    worlds = request.config.stash.get(WORLDS, None)
    if worlds is not None:
        worlds.clear()


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
