"""Eve has no right to anything of Ana's: every endpoint of the document, tried as Eve and as nobody."""

from __future__ import annotations

from uuid import uuid4

import pytest
from drf_spectacular.generators import SchemaGenerator

from tests.endpoints import EVERY, Whose, call, operations, rows_of_everything

OWNED = [(method, path) for (method, path), line in EVERY.items() if line.whose is Whose.ONE]
SHUT = [(method, path) for (method, path), line in EVERY.items() if line.whose is not Whose.PUBLIC]
STAFF = [(method, path) for (method, path), line in EVERY.items() if line.whose is Whose.STAFF]
# The export takes a PIN: backoffice/tests/test_export.py looks for Ana in Eve's.
OWN_LISTS = [
    (method, path)
    for (method, path), line in EVERY.items()
    if line.whose is Whose.SELF and method == "get" and path != "/users/me/export"
]
IDS = (
    *("position_id", "deposit_id", "transaction_id", "request_id", "warning_id", "investment_id", "session_id"),
    *("identity_id", "passkey_id", "token"),
)
PIN_ASKED = (403, "pin-token-refused")


def test_every_endpoint_has_its_line():
    described = {(method, path) for method, path, _ in operations(SchemaGenerator().get_schema(public=True))}
    assert described == set(EVERY)


@pytest.mark.parametrize(("method", "path"), OWNED)
def test_what_is_anas_is_as_unknown_to_eve_as_what_isnt_there(here, method, path):
    body, before = here.fill(EVERY[method, path].body), rows_of_everything()
    eve = here.client(here.eve)
    found = call(eve, method, here.path(path), body)
    missing = call(eve, method, here.path(path, **dict.fromkeys(IDS, str(uuid4()))), body)
    assert (found.status_code, missing.status_code) == (404, 404)
    assert {**found.json(), "instance": ""} == {**missing.json(), "instance": ""}
    assert rows_of_everything() == before


@pytest.mark.parametrize(("method", "path"), OWNED)
def test_ana_herself_is_answered(here, method, path):
    """The control: the same requests do find something, or the refusals above would prove nothing."""
    answer = call(here.client(here.ana), method, here.path(path), here.fill(EVERY[method, path].body))
    is_found = answer.status_code in {200, 204, 409}
    assert is_found or (answer.status_code, answer.json()["code"]) == PIN_ASKED, answer.content


@pytest.mark.parametrize(("method", "path"), OWN_LISTS)
def test_eves_own_lists_hold_nothing_of_anas(here, method, path):
    answer = call(here.client(here.eve), method, here.path(path))
    assert answer.status_code == 200
    said = answer.content.decode()
    for of_ana in (*(here.ids[name] for name in IDS), str(here.ana.pk), "Ana", "500.00", "70.00"):
        assert of_ana not in said


@pytest.mark.parametrize(("method", "path"), SHUT)
def test_nobody_gets_in_without_a_token(here, method, path):
    before = rows_of_everything()
    answer = call(here.client(None), method, here.path(path), here.fill(EVERY[method, path].body))
    assert (answer.status_code, answer.json()["code"]) == (401, "not-authenticated")
    assert rows_of_everything() == before


@pytest.mark.parametrize(("method", "path"), STAFF)
def test_investors_are_no_officers(here, method, path):
    before = rows_of_everything()
    answer = call(here.client(here.eve), method, here.path(path), here.fill(EVERY[method, path].body))
    assert (answer.status_code, answer.json()["code"]) == (403, "permission-denied")
    assert rows_of_everything() == before


def test_an_id_of_anas_in_a_body_is_as_unknown_as_one_that_isnt_there(here):
    """The ids that a body may hold: the position that a deposit is for."""
    before, answers = rows_of_everything(), []
    for position in (here.ids["position_id"], str(uuid4())):
        body = {**here.fill(EVERY["post", "/deposits"].body), "investment_account": position}
        answers.append(call(here.client(here.eve), "post", here.path("/deposits"), body))
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].json() == answers[1].json()
    assert rows_of_everything() == before


def lists() -> list[tuple[str, list[str]]]:
    """Every list of one's own, with the query strings that its document offers: orderings, and filters by value."""
    found = []
    for method, path, operation in operations(SchemaGenerator().get_schema(public=True)):
        parameters = {each["name"]: each.get("schema", {}) for each in operation.get("parameters", [])}
        if method == "get" and "cursor" in parameters and EVERY[method, path].whose in (Whose.SELF, Whose.ONE):
            choices = [f"{name}={value}" for name, schema in parameters.items() for value in schema.get("enum", [])]
            found.append((path, ["", "limit=200", *choices]))
    return found


LISTS = lists()


@pytest.mark.parametrize(("path", "queries"), LISTS, ids=[path for path, _ in LISTS])
def test_no_filter_ordering_or_cursor_shows_eve_anything_of_anas(here, path, queries):
    """Each query that the document offers, and the very next page that Ana was offered."""
    ana, eve = here.client(here.ana), here.client(here.eve)
    addresses = [f"{here.path(path)}?{query}" for query in queries]
    for query in queries:
        page = call(ana, "get", f"{here.path(path)}?limit=1&{query}").json()
        addresses += [page[way] for way in ("next", "previous") if page.get(way)]
    for address in addresses:
        answer = call(eve, "get", address)
        assert answer.status_code in {200, 404}, address
        if answer.status_code == 404:  # what is one of hers: the tests above
            continue
        said = b"".join(answer).decode()
        for of_ana in (*(here.ids[name] for name in IDS), str(here.ana.pk), "500.00", "70.00"):
            assert of_ana not in said, address


def test_ana_herself_is_shown_pages(here):
    """The control: the lists hold something of hers, and offer her a next page to give away."""
    ana, shown, offered = here.client(here.ana), set(), set()
    for path, _ in LISTS:
        page = call(ana, "get", here.path(path) + "?limit=1").json()
        shown |= {path} if page["results"] else set()
        offered |= {path} if page["next"] else set()
    assert shown >= {"/wallets", "/transactions", "/deposits", "/investment/accounts", "/offer-investments"}
    assert len(offered) >= 2
