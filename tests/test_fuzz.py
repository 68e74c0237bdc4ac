"""Schemathesis over the whole OpenAPI document: no 5xx, no status and no body that the document doesn't describe.

`FUZZ_EXAMPLES=100` tries as many requests of each operation.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core import signals
from django.core.cache import cache
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import checks

from config.wsgi import application
from tests.endpoints import AnasWorld, make_world
from tests.test_roles import undone

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "5"))
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture
def here(db: None) -> Iterator[AnasWorld]:
    """The world, in a transaction that the server's own signals don't end."""
    ends = (signals.request_started, signals.request_finished)
    for signal in ends:
        signal.disconnect(close_old_connections)
    yield make_world()
    for signal in ends:
        signal.connect(close_old_connections)


@pytest.fixture
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(SchemaGenerator().get_schema(public=True), default=str))
    return found


def test_nothing_that_is_sent_breaks_it(here: AnasWorld, document: dict[str, Any]) -> None:
    """As Ana and as an officer, about what is there and what isn't; each request is undone."""
    broken, tried = broken_operations(document, here)
    assert broken == {}
    assert tried > 80


def test_what_the_document_hides_is_found(here: AnasWorld, document: dict[str, Any]) -> None:
    """The control: a status and a field that the document doesn't know."""
    paths = ("/api/v1/wallets", "/api/v1/investment/products/{product_id}")
    wallets, product = (document["paths"][path] for path in paths)
    del product["get"]["responses"]["404"]
    wallets["get"]["responses"]["200"]["content"]["application/json"]["schema"] = {"type": "array"}
    document["paths"] = dict(zip(paths, (wallets, product), strict=True))
    broken, _ = broken_operations(document, here)
    assert set(broken) == {"GET /api/v1/wallets", "GET /api/v1/investment/products/{product_id}"}


def broken_operations(document: dict[str, Any], here: AnasWorld) -> tuple[dict[str, str], int]:
    """Return what is wrong with which operations, and how many there are."""
    schema = schemathesis.openapi.from_dict(document)
    schema.app = application
    broken, tried = {}, 0
    for result in schema.get_all_operations():
        operation = result.ok()
        tried += 1
        try:
            fuzz(operation, here)
        except BaseException as error:
            broken[operation.label] = str(error)[:2000]
    return broken, tried


def fuzz(operation: Any, here: AnasWorld) -> None:
    """Send drawn requests, each by Ana and by an officer, each with drawn ids and with hers."""

    @seed(20261122)
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def send(case: Any) -> None:
        for person in (here.ana, here.officer):
            for known in ({}, {name: here.ids[name] for name in case.path_parameters or {} if name in here.ids}):
                cache.clear()
                case.path_parameters = {**(case.path_parameters or {}), **known}
                case.headers = {**(case.headers or {}), "Authorization": f"Bearer {here.tokens[person.pk]}"}
                with undone():
                    case.call_and_validate(checks=CHECKS)

    send()
