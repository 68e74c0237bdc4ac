"""Officers decide over HTTP as in the console: what two of them agree on is done, everything else is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import services as people
from oversight import verbs
from oversight.models import ApprovalRequest, Decision
from tests.people import make_officer, session_with_factor

pytestmark = pytest.mark.django_db

LIST = "/api/v1/staff/approvals"


@pytest.fixture
def asked(ana, omar) -> ApprovalRequest:
    """Omar has asked for Ana's KYC level to be 1."""
    return people.request_kyc_level(ana.pk, level=1, by=omar, now=timezone.now(), reason="papers seen")


def calls(person) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(person, token=session_with_factor(person))
    return client


def post(person, asked, verb: str, **body):
    return calls(person).post(f"{LIST}/{asked.pk}/{verb}", body)


def nothing_happened(asked, ana) -> None:
    asked.refresh_from_db()
    ana.refresh_from_db()
    assert (asked.status, ana.kyc_level, Decision.objects.count()) == ("requested", 0, 0)


def test_officers_see_what_waits(asked, lin, omar, ana):
    answer = calls(lin).get(LIST, {"status": "requested"})
    (row,) = answer.json()["results"]
    assert (row["id"], row["status"], row["approvals"], row["decisions"]) == (str(asked.pk), "requested", 1, [])
    assert row["summary"] == [["Person", str(ana)], ["KYC level now", "0"], ["KYC level then", "1"]]
    assert (row["requested_by"], row["beneficiary"]) == (str(omar.pk), str(ana.pk))
    assert row["payload_hash"] == bytes(asked.payload_hash).hex()
    assert calls(lin).get(LIST, {"status": "approved"}).json()["results"] == []
    assert len(calls(lin).get(LIST, {"verb": "accounts.kyc_level"}).json()["results"]) == 1


@pytest.mark.parametrize(
    "query", [{"status": "open"}, {"colour": "red"}, {"status": ""}, {"limit": "0"}, {"verb": "\x00"}]
)
def test_an_unknown_filter_is_a_400(asked, lin, query):
    answer = calls(lin).get(LIST, query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == f"/{next(iter(query))}"


def test_another_officer_approves(asked, lin, ana):
    answer = post(lin, asked, "approve", note="same here")
    assert answer.status_code == 200
    assert answer.json()["status"] == "approved"
    (decision,) = answer.json()["decisions"]
    assert (decision["approver"], decision["verdict"], decision["note"]) == (str(lin.pk), "approve", "same here")
    ana.refresh_from_db()
    assert ana.kyc_level == 1


def test_an_approval_may_name_what_was_shown(asked, lin, ana, monkeypatch):
    """A request is shown as things stand, with a digest; an approval that names another one decides nothing."""

    def now(value: str) -> None:
        told = replace(verbs.get("accounts.kyc_level"), look=lambda request: [("KYC level now", value)])
        monkeypatch.setitem(verbs._verbs, "accounts.kyc_level", told)

    def shown():
        return calls(lin).get(f"{LIST}/{asked.pk}").json()

    now("0")
    before = shown()
    assert before["look"] == before["summary"] and len(before["seen"]) == 64
    now("2")
    changed = shown()
    assert changed["look"][1] == ["KYC level now", "0 (when asked); now 2"]
    assert changed["summary"] == before["summary"]
    for seen in (before["seen"], "0" * 64):
        refused = post(lin, asked, "approve", seen=seen)
        assert (refused.status_code, refused.json()["code"]) == (409, "figures-changed")
        nothing_happened(asked, ana)
    assert post(lin, asked, "approve", seen=changed["seen"]).json()["status"] == "approved"


def test_another_officer_rejects_with_a_word(asked, lin, ana):
    refused = post(lin, asked, "reject")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/note")
    nothing_happened(asked, ana)
    assert post(lin, asked, "reject", note="no papers").json()["status"] == "rejected"
    ana.refresh_from_db()
    assert ana.kyc_level == 0


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_the_requester_decides_nothing(asked, omar, ana, verb):
    answer = post(omar, asked, verb, note="x")
    assert (answer.status_code, answer.json()["code"]) == (403, "own-request")
    nothing_happened(asked, ana)


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_others_decide_nothing(asked, ana, eve, verb):
    assert post(eve, asked, verb, note="x").status_code == 403
    assert post(ana, asked, verb, note="x").status_code == 403
    assert post(make_officer("Sam", "support"), asked, verb, note="x").status_code == 403
    fin = post(make_officer("Fin", "finance"), asked, verb, note="x")
    assert (fin.status_code, fin.json()["code"]) == (403, "not-allowed-to-decide")
    assert APIClient().post(f"{LIST}/{asked.pk}/{verb}", {"note": "x"}).status_code == 401
    nothing_happened(asked, ana)


def test_investors_see_no_list(ana):
    assert calls(ana).get(LIST).status_code == 403


def test_one_that_isnt_there_isnt_found(lin, asked, ana):
    answer = calls(lin).post(f"{LIST}/{uuid4()}/approve", {})
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert calls(lin).post(f"{LIST}/nothing/approve", {}).status_code == 404
    nothing_happened(asked, ana)


@pytest.mark.parametrize(
    "body",
    [
        {"note": 7},
        {"note": None},
        {"seen": 7},
        {"seen": "x"},
        {"seen": "0" * 65},
        {"seen": None},
        {"note": "x" * 2001},
        {"note": "x", "extra": 1},
        [],
    ],
)
def test_a_wrong_body_is_a_400(asked, lin, ana, body):
    answer = calls(lin).post(f"{LIST}/{asked.pk}/approve", body, format="json")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    nothing_happened(asked, ana)


def test_an_expired_one_is_closed_and_said_so(asked, lin, ana):
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        answer = post(lin, asked, "approve")
    assert (answer.status_code, answer.json()["code"]) == (409, "request-expired")
    asked.refresh_from_db()
    ana.refresh_from_db()
    assert (asked.status, ana.kyc_level) == ("expired", 0), "the outcome is kept"


def test_a_void_one_is_closed_and_said_so(asked, lin, ana):
    type(ana).objects.filter(pk=ana.pk).update(kyc_level=2)
    answer = post(lin, asked, "approve")
    assert (answer.status_code, answer.json()["code"]) == (409, "request-void")
    asked.refresh_from_db()
    ana.refresh_from_db()
    assert (asked.status, ana.kyc_level) == ("void", 2)
