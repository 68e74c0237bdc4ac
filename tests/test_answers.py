"""What endpoints answer is what the document says that they answer."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from drf_spectacular.generators import SchemaGenerator

from tests.endpoints import EVERY, call, operations

PAGE = {"next", "previous", "results"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads(json.dumps(SchemaGenerator().get_schema(public=True), default=str))


def described(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    return document["paths"][f"/api/v1{path}"][method]["responses"]


def require_described(document: dict[str, Any], method: str, path: str, answer: Any) -> None:
    """Hold status, media type and content of an answer against the document."""
    assert answer.status_code < 500
    responses = described(document, method, path)
    assert str(answer.status_code) in responses, (answer.status_code, answer.content)
    content = responses[str(answer.status_code)].get("content", {})
    if answer.content:
        schema = content[answer["Content-Type"]]["schema"]
        if schema.get("format") == "binary":
            return
        jsonschema.validate(answer.json(), {**schema, "components": document["components"]})


@pytest.mark.parametrize(("method", "path"), EVERY)
def test_an_answer_is_as_described(document, here, method, path):
    """To Ana, to an officer, to nobody; with a good body and with one that holds nothing but a wrong name."""
    line = EVERY[method, path]
    for person in (None, here.ana, here.officer):
        client = here.client(person)
        for body in (here.fill(line.body), {"unheard_of": 1}):
            require_described(document, method, path, call(client, method, here.path(path), body))


def test_every_list_is_a_page(document):
    """API.md, "Lists": none is a bare array, and all may be asked for a page of some size."""
    for method, path, operation in operations(document):
        schema = operation["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
        assert schema.get("type") != "array", path
        named = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
        if set(named.get("properties", {})) >= PAGE:
            assert {"limit", "cursor"} <= {parameter["name"] for parameter in operation["parameters"]}, (method, path)


def test_lists_that_are_longer_than_a_page_go_on(here):
    here.world.pay_in(here.ana, "5000", "XOF")
    ana, walked = here.client(here.ana), []
    address: str | None = here.path("/wallets") + "?limit=1"
    while address:
        page = ana.get(address).json()
        walked += [wallet["currency"] for wallet in page["results"]]
        address = page["next"]
    assert walked == ["USD", "XOF"]
    page = ana.get(here.path("/payment-methods") + "?limit=4").json()
    rest = ana.get(page["next"]).json()
    assert (len(page["results"]), rest["next"]) == (4, None)
    assert {row["currency"] for row in page["results"]}.isdisjoint(row["currency"] for row in rest["results"])
