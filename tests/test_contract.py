"""The OpenAPI document and the endpoints behind it, all of them: what API.md promises of every one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from api.permissions import DenyAll

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def schema(tmp_path_factory) -> dict:
    """The document, which must come without a single warning."""
    written = tmp_path_factory.mktemp("schema") / "schema.json"
    call_command("spectacular", format="openapi-json", file=str(written), validate=True, fail_on_warn=True)
    return json.loads(written.read_text())


def operations(schema: dict) -> Iterator[tuple[str, str, dict]]:
    for path, item in schema["paths"].items():
        for method in METHODS & set(item):
            yield method, path, item[method]


def addresses(patterns: list, prefix: str = "") -> Iterator[tuple[str, type[APIView]]]:
    """Every address with the class that answers there."""
    for pattern in patterns:
        here = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern) and hasattr(pattern.callback, "cls"):
            yield here, pattern.callback.cls


def test_every_endpoint_names_who_may_call_it():
    found = dict(addresses(get_resolver().url_patterns))
    assert len(found) > 10
    unnamed = [
        address
        for address, view in found.items()
        if DenyAll in view.permission_classes or not any("permission_classes" in vars(each) for each in _own(view))
    ]
    assert unnamed == []


def _own(view: type[APIView]) -> list[type]:
    return [each for each in view.__mro__ if each.__module__.split(".")[0] not in {"rest_framework", "drf_spectacular"}]


def test_every_endpoint_of_the_prefix_is_in_the_document(schema):
    described = {path.replace("{", "<").replace("}", ">").removeprefix("/") for path in schema["paths"]}
    for address, view in addresses(get_resolver().url_patterns):
        if address.startswith("api/v1/") and view.__module__ != "api.root":
            plain = "<".join(part.rpartition(":")[2] if ":" in part else part for part in address.split("<"))
            assert plain in described, address


def test_every_operation_has_examples_and_says_how_it_fails(schema):
    for method, path, operation in operations(schema):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["description"], where
        contents = [*operation.get("requestBody", {}).get("content", {}).values()]
        for status, answer in operation["responses"].items():
            if status.startswith("2"):
                contents += answer.get("content", {}).values()
        assert all("example" in content or "examples" in content for content in contents), where
        assert {"429", "500"} <= set(operation["responses"]), where
        if any(operation.get("security", [])):
            assert {"401", "403"} <= set(operation["responses"]), where
        if "{" in path:
            assert "404" in operation["responses"], where


def test_a_keyed_endpoint_says_so(schema):
    keyed = {
        (method, path)
        for method, path, operation in operations(schema)
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", []))
    }
    accounts = "/api/v1/investment/accounts"
    verbs = ("fund", "withdraw", "pause", "resume", "cancel")
    moves = {("post", f"{accounts}/{{position_id}}/{verb}") for verb in verbs}
    posts = {("post", "/api/v1/deposits"), ("post", accounts), ("post", "/api/v1/offers/{offer_id}/invest")}
    assert keyed >= posts | moves
