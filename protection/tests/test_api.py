"""What must be seen, answered and declared, over HTTP: exact answers, and refusals that leave nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.conf import settings
from rest_framework.test import APIClient

from config import settings as as_shipped
from protection import services
from protection.models import (
    Acceptance,
    Disclosure,
    KnowledgeResult,
    KnowledgeTest,
    LossSimulation,
    RiskConfirmation,
    RiskWarning,
)
from protection.tests.conftest import MEANS, NOON, SUBJECT, right_answers, take_test

pytestmark = pytest.mark.django_db

FIGURES = {"currency": "USD", "income": "24000.00", "assets": "10000", "commitments": "9000.00"}
WRITTEN = "2026-11-20T12:00:00Z"


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def api(person: Any, method: str, path: str, body: Any = None) -> Any:
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(person)
    return getattr(client, method)(f"/api/v1{path}", body, format="json")


def pointers(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.content
    return sorted(error["pointer"] for error in answer.json()["errors"])


class TestDisclosure:
    def test_is_read_and_accepted(self, ana: Any, sheet: Disclosure) -> None:
        shown = {
            "id": str(sheet.pk),
            "subject": SUBJECT,
            "version": "1",
            "title": "Solar",
            "body": "What it is.",
            "published_at": "2026-11-11T12:00:00Z",
        }
        assert api(ana, "get", f"/disclosures/{sheet.pk}").json() == {**shown, "accepted_at": None}
        for _ in range(2):
            answer = api(ana, "post", f"/disclosures/{sheet.pk}/accept")
            assert (answer.status_code, answer.json()) == (200, {**shown, "accepted_at": WRITTEN})
        assert api(ana, "get", f"/disclosures/{sheet.pk}").json()["accepted_at"] == WRITTEN
        assert Acceptance.objects.count() == 1

    def test_another_finds_it_unaccepted(self, ana: Any, eve: Any, sheet: Disclosure) -> None:
        services.accept_disclosure.inside(sheet.pk, investor=ana, now=NOON)
        assert api(eve, "get", f"/disclosures/{sheet.pk}").json()["accepted_at"] is None

    def test_one_that_isnt_there_or_comes_with_a_body(self, ana: Any, sheet: Disclosure) -> None:
        assert api(ana, "get", f"/disclosures/{uuid4()}").status_code == 404
        assert api(ana, "post", f"/disclosures/{uuid4()}/accept").status_code == 404
        assert pointers(api(ana, "post", f"/disclosures/{sheet.pk}/accept", {"now": "2020-01-01"})) == ["/now"]
        assert not Acceptance.objects.exists()


class TestKnowledge:
    def test_the_answers_arent_among_the_questions(self, ana: Any) -> None:
        shown = api(ana, "get", "/knowledge-test").json()
        test = KnowledgeTest.objects.present()
        assert (shown["id"], shown["version"], shown["pass_mark"]) == (str(test.pk), "2026-11", 6)
        assert (shown["passed_at"], shown["asked_again_at"]) == (None, None)
        assert [set(question) for question in shown["questions"]] == [{"id", "text", "choices"}] * 8

    def test_it_is_taken_and_what_was_wrong_is_explained(self, ana: Any) -> None:
        test = KnowledgeTest.objects.present()
        wrong = {**right_answers(), "loss": 0}
        answer = api(ana, "post", "/knowledge-test", {"test": str(test.pk), "answers": wrong})
        why = "An investment isn't a deposit: nobody guarantees that it comes back."
        corrections = [{"id": "loss", "why": why}]
        assert answer.status_code == 200
        assert answer.json() == {"passed": True, "right": 7, "of": 8, "corrections": corrections}
        shown = api(ana, "get", "/knowledge-test").json()
        assert (shown["passed_at"], shown["asked_again_at"]) == (WRITTEN, "2028-11-20T12:00:00Z")

    def test_what_isnt_a_whole_answer_is_pointed_at(self, ana: Any) -> None:
        test = str(KnowledgeTest.objects.present().pk)
        partly = {name: place for name, place in right_answers().items() if name != "loss"}
        for body, at in (
            ({"test": test, "answers": partly}, ["/answers/loss"]),
            (
                {"test": test, "answers": {**right_answers(), "loss": 3, "weather": 0}},
                ["/answers/loss", "/answers/weather"],
            ),
            ({"test": test, "answers": {**right_answers(), "loss": "two"}}, ["/answers/loss"]),
            ({"test": str(uuid4()), "answers": right_answers()}, ["/test"]),
            ({"answers": right_answers()}, ["/test"]),
        ):
            assert pointers(api(ana, "post", "/knowledge-test", body)) == at
        assert not KnowledgeResult.objects.exists()

    def test_guessing_on_and_on_is_throttled(self, ana: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        shipped = as_shipped.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]["knowledge_test"]
        assert shipped == "30/hour"
        monkeypatch.setitem(settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "knowledge_test", shipped)
        body = {"test": str(KnowledgeTest.objects.present().pk), "answers": {**right_answers(), "loss": 0}}
        answers = [api(ana, "post", "/knowledge-test", body).status_code for _ in range(31)]
        assert answers == [200] * 30 + [429]
        assert KnowledgeResult.objects.count() == 30


class TestLossSimulation:
    def test_a_tenth_of_the_net_worth(self, ana: Any) -> None:
        answer = api(ana, "post", "/loss-simulation", FIGURES)
        assert answer.status_code == 201
        assert answer.json() == {
            "currency": "USD",
            "net_worth": "25000.00",
            "bearable_loss": "2500.00",
            "bearable_share": "0.1",
            "warning_share": "0.05",
            "made_at": WRITTEN,
        }
        assert LossSimulation.objects.get().figures == MEANS

    def test_who_has_nothing_bears_nothing(self, ana: Any) -> None:
        nothing = {"currency": "XOF", "income": "0", "assets": 0, "commitments": "1200"}
        body = api(ana, "post", "/loss-simulation", nothing).json()
        assert (body["net_worth"], body["bearable_loss"]) == ("-1200", "0")

    @pytest.mark.parametrize("name", ["income", "assets", "commitments"])
    @pytest.mark.parametrize("wrong", ["-1", "1.001", "0.000", "1e3", "", "00", "x", None, True, "9" * 16])
    def test_what_is_no_figure_is_pointed_at(self, ana: Any, name: str, wrong: Any) -> None:
        assert pointers(api(ana, "post", "/loss-simulation", {**FIGURES, name: wrong})) == [f"/{name}"]
        assert not LossSimulation.objects.exists()


class TestRiskWarning:
    @pytest.fixture
    def declared(self, ana: Any, sheet: Disclosure) -> None:
        services.simulate_losses.inside(investor=ana, figures=MEANS, currency="USD", now=NOON)

    def test_is_made_out_and_confirmed(self, ana: Any, declared: None, clock: Any) -> None:
        asked = {"subject": SUBJECT, "amount": "2000.00", "currency": "USD"}
        answer = api(ana, "post", "/risk-warnings", asked)
        made = answer.json()
        assert (answer.status_code, made["share"], made["confirmed_at"]) == (201, "0.080", None)
        assert {name: made[name] for name in asked} == asked
        assert made["text"].startswith("This is 8.0 % of the net worth that you declared. You may lose all of it")
        for _ in range(2):
            answer = api(ana, "post", f"/risk-warnings/{made['id']}/confirm")
            assert (answer.status_code, answer.json()) == (200, {**made, "confirmed_at": WRITTEN})
            clock.shift(timedelta(hours=1))
        assert RiskConfirmation.objects.count() == 1

    def test_another_cant_confirm_it(self, ana: Any, eve: Any, declared: None) -> None:
        warning = services.show_warning.inside(
            investor=ana, subject=SUBJECT, amount=Decimal(2000), currency="USD", now=NOON
        )
        assert api(eve, "post", f"/risk-warnings/{warning.pk}/confirm").status_code == 404
        assert not RiskConfirmation.objects.exists()

    def test_what_cant_be_warned_of(self, ana: Any, eve: Any, declared: None) -> None:
        asked = {"subject": SUBJECT, "amount": "2000.00", "currency": "USD"}
        assert pointers(api(ana, "post", "/risk-warnings", {**asked, "subject": "offer:none"})) == ["/subject"]
        assert pointers(api(ana, "post", "/risk-warnings", {**asked, "amount": "0"})) == ["/amount"]
        refused = api(eve, "post", "/risk-warnings", asked)
        assert (refused.status_code, refused.json()["code"]) == (409, "loss-simulation-missing")
        assert not RiskWarning.objects.exists()


def test_nothing_of_it_answers_nobody(sheet: Disclosure) -> None:
    for method, path in (
        ("get", f"/disclosures/{sheet.pk}"),
        ("post", f"/disclosures/{sheet.pk}/accept"),
        ("get", "/knowledge-test"),
        ("post", "/loss-simulation"),
        ("post", "/risk-warnings"),
    ):
        assert api(None, method, path).status_code == 401


def test_a_failed_try_doesnt_show_as_passed(ana: Any) -> None:
    take_test(ana, now=NOON, wrong=3)
    assert api(ana, "get", "/knowledge-test").json()["passed_at"] is None
