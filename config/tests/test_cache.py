"""The cache counts in one round trip, and exactly."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from config.cache import Cache


@pytest.fixture
def make_cache(valkey: Any) -> Callable[[], Cache]:
    made = lambda: Cache(valkey.url(3), {})  # noqa: E731
    made().clear()
    return made


def test_a_key_that_is_not_there_is_not_counted(make_cache):
    cache = make_cache()
    with pytest.raises(ValueError, match="not found"):
        cache.incr("calls")
    assert cache.get("calls") is None


def test_a_count_keeps_the_time_that_its_key_has(make_cache):
    cache = make_cache()
    cache.add("calls", 0, timeout=50)
    assert [cache.incr("calls"), cache.incr("calls", 4), cache.decr("calls")] == [1, 5, 4]
    assert cache.get("calls") == 4
    assert 0 < cache._cache.get_client().ttl(cache.make_key("calls")) <= 50


def test_calls_at_once_are_all_counted(make_cache):
    make_cache().add("calls", 0, timeout=50)
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: make_cache().incr("calls"), range(200)))
    assert sorted(counts) == list(range(1, 201))


def test_it_takes_one_round_trip(make_cache):
    cache = make_cache()
    cache.add("calls", 0, timeout=50)
    client = cache._cache.get_client()
    before = client.info("commandstats")
    cache.incr("calls")
    after = client.info("commandstats")
    asked = {name for name in after if after[name]["calls"] != before.get(name, {"calls": 0})["calls"]}
    assert asked - {"cmdstat_info"} == {"cmdstat_eval", "cmdstat_exists", "cmdstat_incrby"}
