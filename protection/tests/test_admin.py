"""The console's pages: rules and questions are changed by two officers; what investors declared isn't shown."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from oversight import services as oversight
from oversight.models import ApprovalRequest
from protection import services
from protection.models import Disclosure, Jurisdiction, KnowledgeTest
from protection.services.jurisdictions import RULES
from protection.tests.conftest import NOON, SUBJECT, get_ready
from tests.people import enter, make_officer

pytestmark = pytest.mark.django_db

LISTS = (
    "acceptance",
    "disclosure",
    "jurisdiction",
    "knowledgeresult",
    "knowledgetest",
    "losssimulation",
    "riskwarning",
)
PERSONAL = ("knowledgeresult", "losssimulation", "riskwarning")


@pytest.fixture(autouse=True)
def no_form_was_sent() -> None:
    cache.clear()


def console(officer: Any) -> Client:
    client = Client()
    enter(client, officer)
    return client


@pytest.fixture
def done(ana: Any, sheet: Disclosure) -> Any:
    """Ana, who has left a row of everything."""
    get_ready(ana, sheet)
    warning = services.show_warning.inside(
        investor=ana, subject=SUBJECT, amount=Decimal(2000), currency="USD", now=NOON
    )
    services.confirm_warning.inside(warning.pk, investor=ana, now=NOON)
    return ana


def do(client: Client, address: str, **form: Any) -> tuple[str, Any]:
    """Fill in a page, look at the figures, confirm them; return the figures and the last answer."""
    hidden = dict(re.findall(r'name="(_submission|_seen)" value="([^"]*)"', client.get(address).content.decode()))
    html = client.post(address, {**form, **hidden, "_step": "preview"}).content.decode()
    hidden = dict(re.findall(r'name="(_submission|_seen)" value="([^"]*)"', html))
    return html, client.post(address, {**form, **hidden, "_step": "confirm"}, follow=True)


@pytest.mark.parametrize("model", LISTS)
def test_every_list_and_row_is_shown_without_what_was_declared(done: Any, officers: Any, model: str) -> None:
    client = console(officers[0])
    page = client.get(f"/admin/protection/{model}/").content.decode()
    row = re.search(rf'href="(/admin/protection/{model}/[0-9a-f-]+/change/[^"]*)"', page)
    assert row, page[-3000:]
    detail = client.get(row[1])
    assert detail.status_code == 200
    for figure in ("24000", "24,000", "25,000", "8.0 %", "0.080"):
        assert figure not in page + detail.content.decode()


def test_a_row_names_people_and_writes_shares_as_officers_do(done: Any, officers: Any) -> None:
    client = console(officers[0])
    for model in ("acceptance", "disclosure", *PERSONAL):
        page = client.get(f"/admin/protection/{model}/").content.decode()
        row = re.search(rf'href="(/admin/protection/{model}/[0-9a-f-]+/change/)[^"]*"', page)
        assert row
        detail = client.get(row[1]).content.decode()
        assert model == "disclosure" or f"/admin/accounts/user/{done.pk}/change/" in detail, model
        assert str(done.pk) not in re.sub(r'href="[^"]*"', "", detail) and "<code>" not in detail, model
    rule = Jurisdiction.objects.of("")
    page = client.get(f"/admin/protection/jurisdiction/{rule.pk}/change/").content.decode()
    assert "10 %" in page and "5 %" in page and "0.1000" not in page
    assert 'value="0.1"' in client.get(CHANGE_RULES).content.decode()


@pytest.mark.parametrize("role", ["support", "finance", "moderator", "administrator"])
def test_what_investors_did_is_for_compliance_alone(done: Any, role: str) -> None:
    client = console(make_officer("Nia", role))
    for model in LISTS:
        expected = 403 if model in PERSONAL or (model, role) == ("acceptance", "moderator") else 200
        assert client.get(f"/admin/protection/{model}/").status_code == expected, model


def test_an_investor_is_found_by_the_referral_code(done: Any, eve: Any, officers: Any) -> None:
    client = console(officers[0])
    for model in ("acceptance", *PERSONAL):
        for person, shown in ((done, True), (eve, False)):
            page = client.get(f"/admin/protection/{model}/", {"q": person.referral_code}).content.decode()
            assert ("/change/" in page.partition("result_list")[2]) is shown, model


def test_rules_are_found_by_their_country_and_sheets_by_what_they_are_of(done: Any, officers: Any) -> None:
    client = console(officers[0])
    Jurisdiction.objects.create(country="BJ", **{name: getattr(Jurisdiction.objects.of(""), name) for name in RULES})
    for model, asked, found in (("jurisdiction", "bj", 1), ("jurisdiction", "FR", 0), ("disclosure", SUBJECT, 1)):
        page = client.get(f"/admin/protection/{model}/", {"q": asked}).content.decode()
        assert len(set(re.findall(rf"/admin/protection/{model}/[0-9a-f-]+/change/", page))) == found, asked


def rules(**changed: Any) -> dict[str, Any]:
    present = Jurisdiction.objects.of("")
    form = {name: getattr(present, name) for name in RULES} | {"country": "BJ", "reason": "the regulator"} | changed
    return {name: ("on" if value is True else value) for name, value in form.items() if value is not False}


CHANGE_RULES = "/admin/protection/jurisdiction/do/change-rules/"
CHANGE_TEST = "/admin/protection/knowledgetest/do/change-test/"


def test_two_officers_change_what_a_country_asks_for(officers: Any) -> None:
    html, answer = do(console(officers[0]), CHANGE_RULES, **rules(vip=False, cooling_off_hours=48))
    assert "24 → 48" in html and "yes → no" in html and "BJ" in html
    assert "It waits for another officer" in answer.content.decode()
    assert Jurisdiction.objects.count() == 1
    oversight.approve.inside(ApprovalRequest.objects.get().pk, by=officers[1], now=NOON)
    assert (Jurisdiction.objects.of("BJ").vip, Jurisdiction.objects.of("BJ").cooling_off_hours) == (False, 48)
    assert Jurisdiction.objects.of("FR").vip is True


def test_rules_that_cant_stand_are_shown_beside_the_form(officers: Any) -> None:
    client = console(officers[0])
    for changed, words in (
        ({"warning_share": "2"}, "A share is more than 0 and at most 1."),
        ({"loss_simulation": False}, "A personal warning needs the figures"),
        ({"country": "XX"}, "XX is no country"),
    ):
        html, answer = do(client, CHANGE_RULES, **rules(**changed))
        assert words in html + answer.content.decode()
    assert not ApprovalRequest.objects.exists()


def test_two_officers_change_the_test(officers: Any) -> None:
    questions = json.dumps(KnowledgeTest.objects.present().questions[:4])
    form = {"version": "2027-01", "pass_mark": 3, "questions": questions, "reason": "a shorter one"}
    html, answer = do(console(officers[0]), CHANGE_TEST, **form)
    assert "3 of 4" in html and "It waits for another officer" in answer.content.decode()
    oversight.approve.inside(ApprovalRequest.objects.get().pk, by=officers[1], now=NOON)
    assert (KnowledgeTest.objects.present().version, len(KnowledgeTest.objects.present().asked())) == ("2027-01", 4)


@pytest.mark.parametrize("questions", ["7", "[]", '["x"]', '[{"id": 1}]', '{"a": 1}', "not json", "null"])
def test_questions_that_cant_be_asked_are_refused_on_the_page(officers: Any, questions: str) -> None:
    form = {"version": "2027-01", "pass_mark": 1, "questions": questions, "reason": "a slip"}
    _, answer = do(console(officers[0]), CHANGE_TEST, **form)
    assert answer.status_code < 500
    assert not ApprovalRequest.objects.exists() and KnowledgeTest.objects.count() == 1


@pytest.mark.parametrize("address", [CHANGE_RULES, CHANGE_TEST])
def test_who_may_not_ask_finds_no_page(address: str) -> None:
    assert console(make_officer("Fay", "finance")).get(address).status_code == 403
