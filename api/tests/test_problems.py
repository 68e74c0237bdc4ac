"""Every refusal is a problem document, with exactly what a client needs."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from oversight.models import ApprovalRequest

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("endpoints")]

UNKNOWN = {"type": "urn:fiducia:problem:not-found", "title": "Not Found", "status": 404, "code": "not-found"}


def problem_of(answer, status: int) -> dict:
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    return answer.json()


def test_a_refusal_says_its_code_title_and_facts(ana_calls):
    answer = ana_calls.post("/works", {"amount": "100.01"}, headers={"Idempotency-Key": "1"})
    assert problem_of(answer, 422) == {
        "type": "urn:fiducia:problem:too-dear",
        "title": "This is too dear",
        "status": 422,
        "code": "too-dear",
        "detail": "More than 100 isn't possible.",
        "instance": "/works",
        "maximum": "100.00",
    }


def test_facts_never_hide_a_member_of_the_standard(ana_calls):
    document = problem_of(ana_calls.get("/broken/fact"), 422)
    assert (document["status"], document["code"], document["maximum"]) == (422, "too-dear", "100.00")
    assert document["detail"] == "This is too dear"


def test_validation_points_at_what_is_wrong(ana_calls):
    answer = ana_calls.post("/orders", {"items": [{"name": "a"}, {"tags": [1, "x"], "name": ""}]})
    assert problem_of(answer, 400) == {
        "type": "urn:fiducia:problem:invalid",
        "title": "The request holds something invalid",
        "status": 400,
        "code": "invalid",
        "detail": "The request holds something invalid",
        "instance": "/orders",
        "errors": [
            {"pointer": "/items/1/name", "code": "blank", "detail": "This field may not be blank."},
            {"pointer": "/items/1/tags/1", "code": "invalid", "detail": "A valid integer is required."},
        ],
    }


def test_what_is_wrong_of_the_whole_has_the_empty_pointer(ana_calls):
    errors = problem_of(ana_calls.post("/orders", {"items": [{"name": "a"}] * 3}), 400)["errors"]
    assert errors == [{"pointer": "", "code": "too-many", "detail": "Two at most."}]


@pytest.mark.parametrize("body", [[], [1], "x", 7, True])
def test_a_body_that_is_no_object_is_pointed_at(ana_calls, body):
    (error,) = problem_of(ana_calls.post("/orders", body, format="json"), 400)["errors"]
    assert (error["pointer"], error["code"]) == ("", "invalid")


def test_a_body_that_isnt_there_lacks_its_members(ana_calls):
    (error,) = problem_of(ana_calls.post("/orders"), 400)["errors"]
    assert (error["pointer"], error["code"]) == ("/items", "required")


def test_a_name_with_a_slash_is_escaped():
    from api.problems import errors_of

    assert list(errors_of({"a/b~c": ["x"]})) == [{"pointer": "/a~1b~0c", "code": "invalid", "detail": "x"}]


def test_a_bug_is_a_500_without_a_word_about_it(ana_calls, caplog):
    with caplog.at_level(logging.ERROR):
        answer = ana_calls.get("/broken/bug")
    assert problem_of(answer, 500) == {
        "type": "urn:fiducia:problem:server-error",
        "title": "Something went wrong on our side",
        "status": 500,
        "code": "server-error",
        "detail": "Something went wrong on our side",
        "instance": "/broken/bug",
    }
    assert b"hunter2" not in answer.content
    assert "hunter2" in caplog.text, "it is reported"


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ("missing", 404, "not-found"),
        ("denied", 403, "permission-denied"),
        ("suspicious", 400, "bad-request"),
        ("protected", 409, "in-use"),
        ("unique", 409, "already-exists"),
        ("check", 409, "constraint"),
        ("range", 400, "value-out-of-range"),
        ("plain_integrity", 409, "constraint"),
    ],
)
def test_known_errors_are_refusals_without_details(ana_calls, what, status, code):
    assert Group.objects.exists()
    answer = ana_calls.get(f"/broken/{what}")
    assert problem_of(answer, status)["code"] == code
    assert b"hunter2" not in answer.content
    assert b"Ana" not in answer.content


def test_what_a_constraint_refused_is_logged_without_the_row(ana_calls, caplog):
    with caplog.at_level(logging.WARNING, logger="api.problems"):
        ana_calls.get("/broken/check")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "api.problems"]
    assert line.endswith("refused: 23514 accounts_user accounts_user_kyc_level_range")
    assert "Failing row" not in caplog.text


def test_a_guard_of_the_database_speaks(ana_calls, omar):
    at, end = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
    ApprovalRequest.objects.create(
        verb="x", title="x", payload_hash=b"x", requested_by=omar, reason="x", requested_at=at, expires_at=end
    )
    document = problem_of(ana_calls.get("/broken/guard"), 409)
    assert (document["code"], document["guard"]) == ("database-refusal", "own-request")
    assert document["detail"] == "nobody decides their own request"


def test_who_isnt_known_gets_a_401_with_a_challenge():
    answer = APIClient().get("/works")
    assert problem_of(answer, 401)["code"] == "not-authenticated"
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_method_that_isnt_there(ana_calls):
    answer = ana_calls.delete("/works")
    assert problem_of(answer, 405)["code"] == "method-not-allowed"
    assert answer["Allow"] == "GET, POST, HEAD, OPTIONS"


def test_an_address_that_isnt_there(ana_calls):
    document = problem_of(ana_calls.get("/nowhere"), 404)
    assert document == {**UNKNOWN, "detail": "Not Found", "instance": "/nowhere"}


def test_another_media_type_is_refused(ana_calls):
    answer = ana_calls.post("/echo", b"<a/>", content_type="application/xml")
    assert problem_of(answer, 415)["code"] == "unsupported-media-type"


def test_an_answer_that_cant_be_accepted(ana_calls):
    assert problem_of(ana_calls.get("/works", headers={"Accept": "text/csv"}), 406)["code"] == "not-acceptable"
