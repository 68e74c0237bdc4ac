"""Every parameter, field and header of every endpoint tried wrong: a 4xx that points at it, nothing changed, no 500.

The rooms' own tests try every naughty string where it matters most; here every place gets some of them, each its own.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import pytest
from drf_spectacular.generators import SchemaGenerator

from tests.endpoints import EVERY, OFFER, AnasWorld, Whose, call, operations, rows_of_everything

ROOT = Path(__file__).parents[1]
NAUGHTY: list[str] = json.loads((ROOT / "accounts/tests/data/naughty_strings.json").read_text())
AMOUNTS: list[str] = json.loads((ROOT / "payments/tests/data/bad_amounts.json").read_text())
STRIDE = 30
NO_STRINGS: list[Any] = [None, True, 0, -1, 1.5, [], ["x"], {}, {"a": 1}]
# What isn't JSON has no member to point at; NUL is refused before any field is looked at.
WHOLE_BODY = {"not-json", "nul-character", "lone-surrogate", "not-utf-8"}
WRITES = [key for key, line in EVERY.items() if line.body is not None]
OPTIONAL = {
    ("amount", "/investment/accounts"),
    ("investment_account", "/deposits"),
    ("quiet_hours", "/notifications/preferences"),
}
FIGURES = {"income", "assets", "commitments"}  # amounts that may be nothing
RATES = {"expected_return"}  # numbers that may have more places
NUMBERS = {"amount", "max_amount", "minimum_ticket", "target", *FIGURES, *RATES}
QUERIES = {
    path: [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"]
    for method, path, operation in operations(SchemaGenerator().get_schema(public=True))
    if method == "get" and any(parameter["in"] == "query" for parameter in operation.get("parameters", []))
}
PATHS = [key for key in EVERY if "{" in key[1]]


BEFORE: dict[str, str] = {}


@pytest.fixture
def untouched(here) -> Iterator[None]:
    """The world stands again as it stood before the first test, and after each."""
    BEFORE.update({} if BEFORE else rows_of_everything())
    yield
    assert rows_of_everything() == BEFORE


def some(*place: str) -> list[str]:
    """A few naughty strings, others for each place: all places together get each of them."""
    return NAUGHTY[zlib.crc32(" ".join(place).encode()) % STRIDE :: STRIDE]


def caller(here: AnasWorld, path: str, method: str = "get") -> Any:
    """Who may call it with success, so that nothing but the value is wrong."""
    return here.client(here.officer if EVERY[method, path].whose is Whose.STAFF else here.ana)


def require_refusal(answer: Any, pointer: str, tried: Any) -> None:
    document = answer.json()
    assert answer.status_code == 400, (tried, answer.status_code, document)
    assert answer["Content-Type"] == "application/problem+json"
    pointed = {error["pointer"] for error in document.get("errors", [])}
    assert pointer in {place[: len(pointer)] for place in pointed} or document["code"] in WHOLE_BODY, (tried, document)


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_field_that_is_no_string(here, untouched, method, path):
    client, body = caller(here, path, method), here.fill(EVERY[method, path].body)
    for name in body:
        for wrong in NO_STRINGS:
            if (wrong is None and (name, path) in OPTIONAL) or (name in NUMBERS - RATES and wrong == 1.5):
                continue
            if name in FIGURES and wrong == 0:
                continue
            require_refusal(call(client, method, here.path(path), {**body, name: wrong}), f"/{name}", wrong)


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_naughty_string_in_a_field(here, untouched, method, path):
    client, line = caller(here, path, method), EVERY[method, path]
    body = here.fill(line.body)
    for name in set(body) - set(line.free):
        for text in (*some(method, path, name), "\x00", "'; --", "1e3"):
            if text.strip() and not (name in NUMBERS and text in {"1", "1.00"}):
                require_refusal(call(client, method, here.path(path), {**body, name: text}), f"/{name}", text)


@pytest.mark.parametrize(("method", "path"), [key for key in WRITES if EVERY[key].free])
def test_a_naughty_string_in_a_field_of_free_text(here, method, path):
    client, line = caller(here, path, method), EVERY[method, path]
    body = here.fill(line.body)
    for name in line.free:
        for text in some(method, path, name):
            answer = call(client, method, here.path(path), {**body, name: text})
            assert answer.status_code < 500, (text, answer.content)


@pytest.mark.parametrize(("method", "path"), [key for key in WRITES if "amount" in (EVERY[key].body or {})])
def test_a_bad_amount(here, untouched, method, path):
    body = {name: value for name, value in here.fill(EVERY[method, path].body).items() if name != "amount"}
    rest = "".join(f", {json.dumps(name)}: {json.dumps(value)}" for name, value in body.items())
    for raw in AMOUNTS:
        if raw != "null" or ("amount", path) not in OPTIONAL:
            answer = call(here.client(here.ana), method, here.path(path), f'{{"amount": {raw}{rest}}}')
            require_refusal(answer, "/amount", raw)


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_body_that_is_something_else(here, untouched, method, path):
    client = caller(here, path, method)
    for raw in ("[", "[1]", '"x"', "7", "true", "\x00", "{}x", '{"a": 1, "a": 2}', '{"amount": NaN}', "[" * 9000):
        answer = call(client, method, here.path(path), raw)
        assert answer.status_code == 400, (raw[:20], answer.content)
    require_refusal(call(client, method, here.path(path), {"unheard_of": 1}), "/unheard_of", "unheard_of")


@pytest.mark.parametrize("path", QUERIES)
def test_a_query_parameter(here, untouched, path):
    client, address = caller(here, path), here.path(path)
    for name in QUERIES[path]:
        counts = name in {"limit", "days"}
        for text in ["", "\x00", "0", "-1", "201x", "9" * 40, "2026-02-30", "٣", *some(path, name)]:
            answer = client.get(f"{address}?{urlencode({name: text})}")
            if name == "verb" and "\x00" not in text:
                assert answer.status_code < 500  # any text may be asked for
            elif not (counts and text.isascii() and text.isdigit() and 0 < int(text) <= 200):
                require_refusal(answer, f"/{name}", text)
        require_refusal(client.get(f"{address}?{name}=x&{name}=x"), f"/{name}", "twice")
    require_refusal(client.get(f"{address}?unheard_of=1"), "/unheard_of", "unheard_of")


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_an_id_in_a_path(here, untouched, method, path):
    names = [part.partition("}")[0] for part in path.split("{")[1:]]
    client, body = caller(here, path, method), here.fill(EVERY[method, path].body)
    for text in (str(uuid4()), "0", "null", "..", "%00", "USD%20", "usd", *map(quote, some(method, path))):
        there = here.path(path, **{name: text.replace("/", "%2F") or "x" for name in names})
        answer = call(client, method, there, body)
        assert answer.status_code == 404, (text, answer.status_code)
        assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("key", ["", " ", "k" * 256])
def test_a_key_that_is_none(here, untouched, key):
    for method, path in (("post", "/deposits"), ("post", "/investment/accounts"), ("post", f"{OFFER}/invest")):
        body = json.dumps(here.fill(EVERY[method, path].body))
        answer = here.client(here.ana).post(
            here.path(path), body, content_type="application/json", headers={"Idempotency-Key": key}
        )
        assert answer.status_code == 400
        assert answer.json()["code"] in {"idempotency-key-missing", "idempotency-key-too-long"}
