"""Pages by cursor; what a client may choose is checked."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from oversight import audit

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("endpoints")]

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def seven(ana, eve):
    """Seven events of Ana's, two of each moment; one of Eve's."""
    audit.record("tests.other", actor=eve, at=START, after={"amount": "0"})
    return [
        str(audit.record("tests.worked", actor=ana, at=START + timedelta(hours=n // 2), after={"amount": str(n)}).pk)
        for n in range(7)
    ]


def amounts(answer) -> list[str]:
    return [row["amount"] for row in answer.json()["results"]]


def follow(client, link: str):
    return client.get(urlsplit(link).path, {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()})


def test_a_list_is_walked_there_and_back(ana_calls, seven):
    first = ana_calls.get("/works", {"limit": "3"})
    assert (amounts(first), first.json()["previous"]) == (["6", "5", "4"], None)
    second = follow(ana_calls, first.json()["next"])
    assert amounts(second) == ["3", "2", "1"]
    third = follow(ana_calls, second.json()["next"])
    assert (amounts(third), third.json()["next"]) == (["0"], None)
    back = follow(ana_calls, third.json()["previous"])
    assert amounts(back) == ["3", "2", "1"]
    assert amounts(follow(ana_calls, back.json()["previous"])) == ["6", "5", "4"]


def test_a_row_that_comes_meanwhile_moves_nothing(ana_calls, ana, seven):
    first = ana_calls.get("/works", {"limit": "3"})
    audit.record("tests.worked", actor=ana, at=START, after={"amount": "new"})
    assert amounts(follow(ana_calls, first.json()["next"])) == ["3", "2", "1"]


@pytest.mark.parametrize("ordering", ["at", "-at", "id", "-id"])
def test_every_ordering_shows_every_row_once(ana_calls, seven, ordering):
    answer = ana_calls.get("/works", {"limit": "2", "ordering": ordering})
    seen = amounts(answer)
    while answer.json()["next"]:
        answer = follow(ana_calls, answer.json()["next"])
        seen += amounts(answer)
    expected = [str(n) for n in range(7)]
    assert seen == (expected if not ordering.startswith("-") else expected[::-1])


def test_a_page_has_fifty_rows_unless_asked(ana_calls, ana):
    for n in range(51):
        audit.record("tests.worked", actor=ana, at=START, after={"amount": str(n)})
    assert len(amounts(ana_calls.get("/works"))) == 50
    assert len(amounts(ana_calls.get("/works", {"limit": "200"}))) == 51


@pytest.mark.parametrize(
    "limit",
    ["0", "-1", "201", "1.5", "x", "", " 5", "1e1", "\u0661", "\uff15", "9" * 5000, "0x10", "None", "+5", "5\x00"],
)
def test_a_page_of_any_other_size_is_a_400(ana_calls, seven, limit):
    answer = ana_calls.get("/works", {"limit": limit})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/limit"


@pytest.mark.parametrize("limit", ["1", "200"])
def test_the_outermost_sizes_are_taken(ana_calls, seven, limit):
    assert ana_calls.get("/works", {"limit": limit}).status_code == 200


@pytest.mark.parametrize("ordering", ["", "amount", "actor__password", "-", "--id", "id,at", "?", "pk"])
def test_another_ordering_is_a_400(ana_calls, seven, ordering):
    answer = ana_calls.get("/works", {"ordering": ordering})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"pointer": "/ordering", "code": "unknown-ordering", "detail": "It is one of -id, id, at, -at."}
    ]


def test_an_unknown_filter_is_a_400_and_no_empty_list(ana_calls, seven):
    answer = ana_calls.get("/works", {"colour": "red"})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"pointer": "/colour", "code": "unknown-parameter", "detail": "Nothing here is called that."}
    ]


def test_a_filter_given_twice_is_a_400(ana_calls, seven):
    answer = ana_calls.get("/works?action=a&action=b")
    assert answer.json()["errors"][0] == {
        "pointer": "/action",
        "code": "given-twice",
        "detail": "It is given more than once.",
    }


def test_a_known_filter_filters(ana_calls, ana, seven):
    audit.record("tests.rested", actor=ana, at=START, after={"amount": "rest"})
    assert amounts(ana_calls.get("/works", {"action": "tests.rested"})) == ["rest"]


def coded(cursor: str) -> str:
    return b64encode(cursor.encode()).decode()


BROKEN = ["x", "%00", "é", "a" * 9000, coded("o=-1"), coded("o=x"), coded("p=nothing"), coded("p=\x00"), coded("\xff")]


@pytest.mark.parametrize("cursor", BROKEN)
def test_a_broken_cursor_is_a_400(ana_calls, seven, cursor):
    answer = ana_calls.get("/works", {"cursor": cursor})
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"] == "/cursor"


def test_a_huge_offset_costs_nothing(ana_calls, seven):
    assert amounts(ana_calls.get("/works", {"cursor": coded("o=999999999999")})) == []
