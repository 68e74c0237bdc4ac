"""JSON is read exactly or not at all; nothing in it makes a 500."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("endpoints")]


def send(client, raw: bytes | str):
    return client.post("/echo", raw, content_type="application/json")


@pytest.mark.parametrize(
    ("literal", "kind", "value"),
    [
        ("0.1", "ExactNumber", "0.1"),
        ("1.10", "ExactNumber", "1.10"),
        ("0.1000000000000000055511151231257827", "ExactNumber", "0.1000000000000000055511151231257827"),
        ("100", "int", "100"),
        ('"1.10"', "str", "1.10"),
        ("true", "bool", "True"),
        ("null", "NoneType", "None"),
    ],
)
def test_values_are_taken_exactly(ana_calls, literal, kind, value):
    answer = send(ana_calls, f'{{"value": {literal}}}')
    assert (answer.status_code, answer.json()) == (200, {"type": kind, "value": value})


def test_a_number_remembers_how_it_was_written():
    import io

    from api.parsers import JSONParser

    number = JSONParser().parse(io.BytesIO(b"[1.5e1, 1.50]"))
    assert [(each.written, each.is_plain) for each in number] == [("1.5e1", False), ("1.50", True)]
    assert number[0] == 15


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ('{"value": NaN}', "not-json"),
        ('{"value": Infinity}', "not-json"),
        ('{"value": -Infinity}', "not-json"),
        ('{"value": 1, "value": 2}', "not-json"),
        ('{"a": {"b": 1, "b": 1}}', "not-json"),
        ('{"value": ' + "9" * 61 + "}", "not-json"),
        ('{"value": ' + "9" * 10_000 + "}", "not-json"),
        ('{"value": 1e' + "9" * 30 + "}", "not-json"),
        ('{"value": "a\\u0000b"}', "nul-character"),
        ('{"a\\u0000b": 1}', "nul-character"),
        ('{"value": "\\ud800"}', "lone-surrogate"),
        ("[" * 40 + "]" * 40, "too-deep"),
        ("[" * 100_000 + "]" * 100_000, "too-deep"),
        ('{"a":' * 100_000, "too-deep"),
        (" ", "not-json"),
        ("{", "not-json"),
        ("{'value': 1}", "not-json"),
        ('{"value": 01}', "not-json"),
        ('{"value": .5}', "not-json"),
        ('{"value": 1}x', "not-json"),
        (b'{"value": "\xff"}', "not-utf-8"),
        ('\ufeff{"value": 1}', "not-json"),
        ('{"value": \uff11}', "not-json"),
    ],
)
def test_what_isnt_exact_json_is_a_400(ana_calls, raw, code):
    answer = send(ana_calls, raw.encode() if isinstance(raw, str) else raw)
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == code


@pytest.mark.parametrize("text", ["", "\u202e", "Ω≈ç√∫", "😍", "' OR 1=1 --", "<script>", "\u0001", "ﷺ" * 100])
def test_odd_texts_are_texts(ana_calls, text):
    answer = send(ana_calls, json.dumps({"value": text}))
    assert (answer.status_code, answer.json()["value"]) == (200, text)


def test_nothing_in_the_naughty_strings_makes_a_500(ana_calls, settings):
    listed = Path(settings.BASE_DIR) / "accounts/tests/data/naughty_strings.json"
    for text in json.loads(listed.read_text()):
        answer = send(ana_calls, json.dumps({"value": text}))
        assert answer.status_code in (200, 400), text
        assert ana_calls.get("/works", {"action": text}).status_code in (200, 400), text
        assert ana_calls.get("/works", {"cursor": text}).status_code in (200, 400, 404), text
