"""Every door of the console and of the API, knocked at by every role: it opens where docs/rules/roles.md says so.

A page or an endpoint without its line fails the first test; one that opens to other roles than its line says, the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.test import Client, RequestFactory
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import services
from backoffice import matrix
from oversight import verbs
from oversight.models import ApprovalRequest
from tests.endpoints import PREFIX, call
from tests.people import PASSWORD, enter, make_investor, make_officer

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

INVESTOR = "investor"
NEED_NO_RIGHT = (
    "/admin/",
    "/admin/jsi18n/",
    "/admin/password_change/",
    "/admin/password_change/done/",
    "/admin/search/",
)
PLUMBING = ("/admin/autocomplete/", "/admin/r/1/1/", "/admin/accounts/", "/admin/nothing/")
PLACEHOLDER = re.compile(r"<[a-z]+:[a-z_]+>")


def person(role: str) -> Any:
    return make_investor("Ina", kyc_level=3) if role == INVESTOR else make_officer("Sam", role)


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside didn't: commands may begin and commit there, as in a test of their own."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        yield
        transaction.set_rollback(True)


def test_the_page_says_what_the_code_says() -> None:
    written = (settings.BASE_DIR / "docs/rules/roles.md").read_text(encoding="utf-8")
    assert written == matrix.render(), "write it anew: manage.py write_roles"


def test_a_page_without_a_line_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "OTHER_PAGES", {})
    with pytest.raises(matrix.UnknownPage):
        matrix.console()


class TestConsole:
    @staticmethod
    def opens(client: Client, address: str, *, post: bool) -> bool:
        """Answer whether the door opens; that there is no such row behind it is said inside."""
        path = PLACEHOLDER.sub(str(uuid4()), address)
        with undone():
            answer = client.post(path, {"_step": "confirm"}) if post else client.get(path)
        assert answer.status_code < 500, (address, answer.status_code)
        return answer.status_code != 403 and not answer.headers.get("Location", "").startswith("/admin/login/")

    @pytest.mark.parametrize("role", matrix.EVERYBODY)
    def test_each_door_opens_to_its_roles_alone(self, role: str) -> None:
        client = Client(raise_request_exception=False)
        enter(client, person(role))
        lines = matrix.console()
        expected = {line.address: role in line.opens_to for line in lines}
        assert {line.address: self.opens(client, line.address, post=False) for line in lines} == expected
        deeds = [line for line in lines if "/do/" in line.address]
        assert len(deeds) > 50
        found = {line.address: self.opens(client, line.address, post=True) for line in deeds}
        assert found == {line.address: role in line.opens_to for line in deeds}

    @pytest.mark.parametrize("role", matrix.EVERYBODY)
    def test_lists_take_the_actions_of_their_lines_alone(self, role: str, rf: RequestFactory) -> None:
        """Of a forged `action` Django runs those that it offers."""
        request = rf.post("/")
        request.user = person(role)
        offered = {
            f"/admin/{each.opts.app_label}/{each.opts.model_name}/?action={name}"
            for each in admin.site._registry.values()
            if each.has_view_permission(request)
            for name in each.get_actions(request)
        }
        lines = matrix.actions()
        assert lines
        assert offered == {line.address for line in lines if role in line.opens_to}

    def test_no_door_opens_without_a_second_factor_or_to_a_superuser(self) -> None:
        every = make_officer("Sam", *matrix.OFFICERS)
        superuser = make_investor("Zoe", is_superuser=True, is_staff=True)
        for someone, has_factor in ((every, False), (superuser, True)):
            client = Client(raise_request_exception=False)
            enter(client, someone) if has_factor else client.force_login(someone)
            opened = [line.address for line in matrix.console() if self.opens(client, line.address, post=False)]
            assert opened == (list(NEED_NO_RIGHT) if has_factor else [])
            if not has_factor:
                every_address = [*(line.address for line in matrix.console()), *PLUMBING]
                for post in (False, True):
                    assert [each for each in every_address if self.opens(client, each, post=post)] == []

    @pytest.mark.parametrize("role", matrix.OFFICERS)
    def test_a_decision_is_for_those_whom_the_verb_names(self, role: str) -> None:
        """The approval pages open to whoever decides something; each request only to those who decide it."""
        officer, client = person(role), Client()
        enter(client, officer)
        expected, found = {}, {}
        for verb in verbs.every():
            asked = _request(verb)
            expected[verb.name] = officer.has_perm(verb.approve_permission)
            found[verb.name] = client.get(f"/admin/oversight/approvalrequest/{asked.pk}/do/approve/").status_code == 200
        assert found == expected


def _request(verb: verbs.Verb) -> ApprovalRequest:
    """A request as the verb's room would freeze it, for the eyes of approvers alone."""
    now = timezone.now()
    return ApprovalRequest.objects.create(
        verb=verb.name, title=verb.title, payload={}, payload_hash=b"\0" * 32, summary=[], reason="x", approvals=1,
        requested_by=make_officer(f"Olu {verb.name}"), requested_at=now, expires_at=now + verb.expires_after,
    )  # fmt: skip


class TestApi:
    @staticmethod
    def opens(client: APIClient, line: matrix.Line) -> bool:
        path = PREFIX + re.sub(r"{currency}", "USD", line.address)
        path = re.sub(r"{\w+}", str(uuid4()), path)
        with undone():
            answer = call(client, line.title.lower(), path, {})
        assert answer.status_code < 500, (line, answer.content)
        code = answer.json().get("code", "") if answer.headers.get("Content-Type") == "application/problem+json" else ""
        return code not in {"permission-denied", "not-authenticated", "second-factor-required"}

    @staticmethod
    def logged_in(who: Any, *, with_factor: bool) -> APIClient:
        pair: Any = services.log_in(who.email, PASSWORD, device=services.Device(), now=timezone.now())
        who.sessions.update(second_factor_at=timezone.now() if with_factor else None)
        client = APIClient(raise_request_exception=False)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
        return client

    @pytest.mark.parametrize("role", [matrix.ANYBODY, *matrix.EVERYBODY])
    def test_each_endpoint_answers_its_roles_alone(self, role: str) -> None:
        anybody = APIClient(raise_request_exception=False)
        client = anybody if role == matrix.ANYBODY else self.logged_in(person(role), with_factor=True)
        found = {(line.title, line.address): self.opens(client, line) for line in matrix.endpoints()}
        assert len(found) > 70
        assert found == {(line.title, line.address): role in line.opens_to for line in matrix.endpoints()}

    def test_no_staff_endpoint_answers_without_a_second_factor(self) -> None:
        client = self.logged_in(make_officer("Sam", *matrix.OFFICERS), with_factor=False)
        staff = [line for line in matrix.endpoints() if line.address.startswith("/staff/")]
        assert len(staff) > 8
        assert [line for line in staff if self.opens(client, line)] == []
