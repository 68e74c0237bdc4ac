"""The console's second door, page by page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest
import time_machine
from django.test import Client

from accounts import services
from accounts.models import Passkey, PasskeyChallenge, RecoveryCode, Totp, User
from accounts.services import factors, lost_factors
from accounts.services.standing import BlockMove
from accounts.tests.authenticator import Authenticator
from accounts.tests.test_factors import Enrolled
from oversight import looks
from oversight import services as oversight
from oversight.models import AuditEvent
from tests.people import PASSWORD, enter, make_investor, make_officer

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ASK, ENROL, MINE = (f"/admin/second-factor/{page}" for page in ("", "enrol/", "mine/"))
OPTIONS, PASSKEYS = "/admin/second-factor/passkeys/options/", "/admin/second-factor/passkeys/"
CODES = "/admin/second-factor/recovery-codes/"
CHALLENGE = "/admin/second-factor/challenge/"
INDEX, DRAW = "/admin/", {"draw": "1"}
NONSENSE = ("[", "[]", '"x"', "5", "true", "1.5", "NaN", "9" * 5000, "[" * 19_000, "{" + " " * 20_000 + "}", "\x00")


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def omar(db: None) -> User:
    return make_officer("Omar", "finance", "compliance")


def knock(client: Client, person: User, *, then: str = INDEX) -> Any:
    """Give the password; return where one lands."""
    return client.post(f"/admin/login/?next={then}", {"username": person.email, "password": PASSWORD}, follow=True)


def landed(answer: Any) -> str:
    return str(answer.request["PATH_INFO"])


class TestTheDoor:
    def test_an_officer_without_a_factor_is_led_to_enrol_and_nowhere_else(self, client, omar):
        assert landed(knock(client, omar)) == ENROL
        for address in (INDEX, "/admin/accounts/user/", "/admin/oversight/approvalrequest/", "/admin/password_change/"):
            answer = client.get(address, follow=True)
            assert landed(answer) == ENROL
            assert client.post(address).status_code == 302
        assert client.get(MINE, follow=True).request["PATH_INFO"] == ENROL
        assert not AuditEvent.objects.filter(action="accounts.entered_console").exists()
        assert AuditEvent.objects.filter(action="accounts.knocked_at_console", actor=omar).count() == 1

    def test_an_officer_with_an_app_is_asked_for_its_code(self, client, omar):
        app = Enrolled(omar)
        wanted = "/admin/accounts/user/?q=x"
        assert landed(knock(client, omar, then="/admin/accounts/user/%3Fq%3Dx")) == ASK
        asked = f"{ASK}?next=/admin/accounts/user/%3Fq%3Dx"
        refused = client.post(asked, {"code": app.wrong()})
        assert "not, or no longer, good" in refused.content.decode()
        assert landed(client.get(INDEX, follow=True)) == ASK
        assert client.post(asked, {"code": app.code()})["Location"] == wanted
        assert client.get(INDEX).status_code == 200
        assert AuditEvent.objects.filter(action="accounts.entered_console", actor=omar).count() == 1

    def test_a_code_opens_one_browser(self, client, omar):
        app, other = Enrolled(omar), Client()
        for browser in (client, other):
            knock(browser, omar)
        assert client.post(ASK, {"code": app.code()}).status_code == 302
        assert other.post(ASK, {"code": app.code()}).status_code == 200
        assert landed(other.get(INDEX, follow=True)) == ASK

    def test_a_recovery_code_opens_it_once(self, client, omar):
        app = Enrolled(omar)
        for status in (302, 200):
            other = Client()
            knock(other, omar)
            assert other.post(ASK, {"code": app.recovery_codes[0]}).status_code == status

    def test_tries_are_counted(self, client, omar):
        app = Enrolled(omar)
        knock(client, omar)
        for _ in range(5):
            client.post(ASK, {"code": app.wrong()})
        answer = client.post(ASK, {"code": app.code()})
        assert "Too many" in answer.content.decode()
        assert landed(client.get(INDEX, follow=True)) == ASK

    @pytest.mark.parametrize("form", [{}, {"code": ""}, *({"passkey": nonsense} for nonsense in NONSENSE)])
    def test_nothing_and_nonsense_are_refused(self, client, omar, form):
        Enrolled(omar)
        knock(client, omar)
        assert client.post(ASK, form).status_code == 200
        assert landed(client.get(INDEX, follow=True)) == ASK

    def test_the_session_gets_another_key(self, client, omar):
        app = Enrolled(omar)
        knock(client, omar)
        before = client.session.session_key
        client.post(ASK, {"code": app.code()})
        assert client.session.session_key != before

    def test_nobody_and_investors_are_led_to_the_log_in(self, client):
        for person in (None, make_investor("Eve")):
            if person is not None:
                enter(client, person)
            for address in (ASK, ENROL, MINE, OPTIONS, CHALLENGE, PASSKEYS):
                for answer in (client.get(address), client.post(address)):
                    assert answer["Location"].startswith("/admin/login/"), address

    @pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil"])
    def test_it_leads_to_our_own_pages_alone(self, client, omar, address):
        app = Enrolled(omar)
        knock(client, omar)
        assert client.post(f"{ASK}?next={address}", {"code": app.code()})["Location"] == INDEX

    def test_one_may_leave_without_it(self, client, omar):
        knock(client, omar)
        client.post("/admin/logout/")
        assert "_auth_user_id" not in client.session


class TestHowLong:
    def test_twelve_hours(self, client, omar, clock):
        enter(client, omar)
        clock.move_to(NOW + timedelta(hours=12) - timedelta(seconds=1))
        assert client.get(INDEX).status_code == 200
        clock.move_to(NOW + timedelta(hours=12))
        assert client.get(INDEX).status_code == 302

    def test_another_change_of_access_ends_it_everywhere(self, client, omar, clock):
        enter(client, omar)
        clock.shift(60)
        services.set_pin(omar, pin="402917", password=PASSWORD, now=NOW + timedelta(seconds=60))
        assert client.get(INDEX).status_code == 302

    def test_looking_after_factors_proves_none(self, client, omar, clock):
        app = Enrolled(omar)
        knock(client, omar)
        client.post(ASK, {"code": app.code()})
        clock.shift(timedelta(minutes=14))
        assert "recovery codes" in client.post(CODES, {"password": PASSWORD}).content.decode()
        assert landed(client.get(INDEX, follow=True)) == ASK

    def test_a_block_ends_it_though_it_is_lifted(self, client, omar, clock):
        Enrolled(omar)
        enter(client, omar)
        clock.shift(60)
        now = NOW + timedelta(seconds=60)
        for move in (BlockMove.BLOCK, BlockMove.UNBLOCK):
            request = services.request_block(
                omar.pk, move=move, by=make_officer(f"Cal {move}", "compliance"), now=now, reason="theft"
            )
            oversight.approve(request.pk, by=make_officer(f"Ada {move}", "administrator"), now=now)
        assert landed(client.get(INDEX, follow=True)) == "/admin/login/"

    def test_decisions_take_one_of_fifteen_minutes(self, client, omar, clock):
        ana, lin = make_investor("Ana"), make_officer("Lin", "compliance")
        asked = services.request_kyc_level(ana.pk, level=1, by=lin, now=NOW, reason="seen")
        row, listed = f"/admin/oversight/approvalrequest/{asked.pk}/do/", "/admin/oversight/approvalrequest/"
        several = {"action": "approve_selected", "_selected_action": [str(asked.pk)], "confirmed": "1"}
        several[f"_seen_{asked.pk}"] = looks.digest(asked, looks.figures(asked))
        enter(client, omar)
        clock.shift(timedelta(minutes=15))
        for verb in ("approve", "reject"):
            for answer in (client.get(f"{row}{verb}/"), client.post(f"{row}{verb}/", {"_step": "confirm"})):
                assert answer["Location"].startswith(ASK)
        assert client.post(listed, several)["Location"].startswith(ASK)
        asked.refresh_from_db()
        assert asked.status == "requested"
        enter(client, omar)
        assert client.get(f"{row}approve/").status_code == 200
        client.post(listed, several)
        asked.refresh_from_db()
        assert asked.status == "approved"


class TestEnrolAnApp:
    def test_from_the_password_to_the_console(self, client, omar):
        knock(client, omar)
        page = client.post(ENROL, {"draw": "1"}).content.decode()
        secret = re.search(r"data-secret>(\w{32})<", page)
        assert secret
        assert "data:image/svg+xml" in page
        app = pyotp.TOTP(secret[1])
        wrong = f"{(int(app.at(NOW)) + 1) % 10**6:06}"
        again = client.post(ENROL, {"code": wrong}).content.decode()
        assert secret[1] in again
        assert not factors.has_factor(omar)
        shown = client.post(ENROL, {"code": app.at(NOW)}).content.decode()
        codes = re.findall(r"<code>(\w{4}-\w{4})</code>", shown)
        assert len(codes) == 10
        assert client.get(INDEX).status_code == 200
        assert codes[0] not in client.get(MINE).content.decode()
        assert AuditEvent.objects.filter(action="accounts.entered_console", actor=omar).count() == 1

    def test_a_secret_that_somebody_else_drew_meanwhile_is_neither_shown_nor_confirmed(self, client, omar):
        knock(client, omar)
        client.post(ENROL, {"draw": "1"})
        theirs = factors.draw_secret(omar, now=NOW).secret
        answer = client.post(ENROL, {"code": pyotp.TOTP(theirs).at(NOW)}).content.decode()
        assert "Another secret was drawn" in answer
        assert theirs not in answer
        assert not factors.has_factor(omar)

    def stolen(self, client: Client, omar: User, clock: Any) -> Client:
        """Laptop and phone are stolen, with the console open, and two officers reset the factors."""
        app = Enrolled(omar)
        knock(client, omar)
        client.post(ASK, {"code": app.code()})
        clock.shift(60)
        now = NOW + timedelta(seconds=60)
        asked = lost_factors.request_reset_of_factors(
            omar.pk, by=make_officer("Cal", "compliance"), now=now, reason="stolen"
        )
        oversight.approve(asked.pk, by=make_officer("Ada", "administrator"), now=now)
        return client

    @pytest.mark.parametrize("password", ["", "not this one"])
    def test_a_password_that_was_refused_isnt_one_that_was_given(self, client, omar, clock, password):
        thief = self.stolen(client, omar, clock)
        clock.shift(60)
        answer = thief.post("/admin/login/", {"username": omar.email, "password": password})
        assert answer.status_code == 200
        assert landed(thief.post(ENROL, {"draw": "1"}, follow=True)) == "/admin/login/"
        assert not Totp.objects.exists()

    def test_a_browser_from_before_a_reset_enrols_nothing(self, client, omar, clock):
        thief = self.stolen(client, omar, clock)
        assert thief.post(OPTIONS).status_code in (302, 403)
        assert landed(thief.get(INDEX, follow=True)) == "/admin/login/"
        assert not factors.has_factor(omar)
        clock.shift(60)
        assert landed(knock(Client(), omar)) == ENROL

    def test_a_secret_that_another_browser_drew_is_not_shown(self, client, omar):
        factors.draw_secret(omar, now=NOW)
        knock(client, omar)
        assert Totp.objects.get().secret not in client.get(ENROL).content.decode()

    def test_the_password_alone_adds_nothing_to_who_has_one(self, client, omar):
        Enrolled(omar)
        knock(client, omar)
        for address, form in ((ENROL, {"draw": "1"}), (PASSKEYS, {"name": "x", "passkey": "{}"})):
            assert client.post(address, form)["Location"].startswith(ASK)
        assert client.post(OPTIONS).status_code == 403
        assert not Passkey.objects.exists()

    @pytest.mark.parametrize("password", ["", "not this one", PASSWORD + "x" * 200, "\x00"])
    def test_a_stolen_cookie_adds_nothing_without_the_password(self, client, omar, password):
        """The officer gave a code just now: whoever sits at that browser makes no factor of their own of it."""
        knock(client, omar)
        made = Authenticator().make(client.post(OPTIONS).json())
        client.post(PASSKEYS, {"name": "blue key", "passkey": json.dumps(made)})
        before = list(RecoveryCode.objects.values_list("code_hash", flat=True).order_by("pk"))
        answer = client.post(OPTIONS, {"password": password})
        assert (answer.status_code, answer.json()) == (422, {"detail": "The current password is not this one"})
        assert (
            "The current password is not this one" in client.post(ENROL, DRAW | {"password": password}).content.decode()
        )
        assert client.post(CODES, {"password": password})["Location"] == MINE
        assert (PasskeyChallenge.objects.exists(), Totp.objects.exists()) == (False, False)
        assert list(RecoveryCode.objects.values_list("code_hash", flat=True).order_by("pk")) == before

    def test_wrong_ones_are_counted_as_elsewhere(self, client, omar):
        app = Enrolled(omar)
        knock(client, omar)
        client.post(ASK, {"code": app.code()})
        for _ in range(5):
            assert client.post(OPTIONS, {"password": "not this one"}).status_code == 422
        assert client.post(OPTIONS, {"password": PASSWORD}).status_code == 429
        assert "Too many wrong passwords" in client.post(CODES, {"password": PASSWORD}, follow=True).content.decode()
        assert not PasskeyChallenge.objects.exists()

    def test_the_page_asks_for_it_where_there_is_one_already(self, client, omar):
        app, device = Enrolled(omar), Authenticator()
        knock(client, omar)
        client.post(ASK, {"code": app.code()})
        page = client.get(ENROL).content.decode()
        assert 'id="passkey_password"' in page and 'id="app_password"' not in page
        assert 'id="id_password"' in client.get(MINE).content.decode()
        made = device.make(client.post(OPTIONS, {"password": PASSWORD}).json())
        assert client.post(PASSKEYS, {"name": "blue key", "passkey": json.dumps(made)})["Location"] == MINE
        Totp.objects.all().delete()
        assert 'id="app_password"' in client.get(ENROL).content.decode()
        assert "data:image/svg+xml" in client.post(ENROL, DRAW | {"password": PASSWORD}).content.decode()


class TestPasskeys:
    def add(self, client: Client, device: Authenticator) -> Any:
        answer = device.make(client.post(OPTIONS, {"password": PASSWORD}).json())
        return client.post(PASSKEYS, {"name": "blue key", "passkey": json.dumps(answer)})

    def test_from_the_password_to_the_console_and_back_in(self, client, omar):
        device = Authenticator()
        knock(client, omar)
        assert "recovery codes" in self.add(client, device).content.decode()
        assert client.get(INDEX).status_code == 200
        client.post("/admin/logout/")
        knock(client, omar)
        answer = device.prove(client.post(CHALLENGE).json())
        assert client.post(ASK, {"passkey": json.dumps(answer)}).status_code == 302
        assert client.get(INDEX).status_code == 200

    def test_one_of_a_false_page_does_not_open_it(self, client, omar):
        device = Authenticator()
        knock(client, omar)
        self.add(client, device)
        client.post("/admin/logout/")
        knock(client, omar)
        device.origin = "https://evil.example"
        answer = device.prove(client.post(CHALLENGE).json())
        assert client.post(ASK, {"passkey": json.dumps(answer)}).status_code == 200
        assert landed(client.get(INDEX, follow=True)) == ASK

    @pytest.mark.parametrize(
        "form", [{}, {"name": "x"}, {"passkey": "{}"}, *({"name": "x", "passkey": nonsense} for nonsense in NONSENSE)]
    )
    def test_nonsense_adds_none(self, client, omar, form):
        knock(client, omar)
        client.post(OPTIONS)
        assert client.post(PASSKEYS, form)["Location"] == ENROL
        assert not Passkey.objects.exists()

    def test_looking_after_them(self, client, omar, clock):
        app = Enrolled(omar)
        knock(client, omar)
        client.post(ASK, {"code": app.code()})
        self.add(client, Authenticator())
        assert "blue key" in client.get(MINE).content.decode()
        key = Passkey.objects.get().pk
        clock.shift(timedelta(minutes=15))
        for address in (f"{PASSKEYS}{key}/", "/admin/second-factor/app/", CODES):
            assert client.post(address)["Location"].startswith(ASK)
        client.post(ASK, {"code": app.code(NOW + timedelta(minutes=15))})
        codes = client.post(CODES, {"password": PASSWORD}).content.decode()
        assert len(re.findall(r"<code>\w{4}-\w{4}</code>", codes)) == 10
        assert RecoveryCode.objects.filter(user=omar, used_at=None).count() == 10
        enter(client, omar)
        client.post("/admin/second-factor/app/")
        assert not Totp.objects.exists()
        enter(client, omar)
        client.post(f"{PASSKEYS}{key}/")
        assert Passkey.objects.get().pk == key
        assert client.get(INDEX).status_code == 200


class TestApi:
    def test_staff_endpoints_ask_for_it_and_take_it_again(self, omar, clock):
        from rest_framework.test import APIClient

        client, approvals = APIClient(), "/api/v1/staff/approvals"
        pair = client.post("/api/v1/auth/login", {"identifier": omar.email, "password": PASSWORD}).json()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
        answer = client.get(approvals)
        assert (answer.status_code, answer.json()["code"]) == (403, "second-factor-required")
        secret = client.post("/api/v1/auth/mfa/totp", {"password": PASSWORD}).json()["secret"]
        client.post("/api/v1/auth/mfa/totp/confirm", {"code": pyotp.TOTP(secret).at(NOW)})
        assert client.get(approvals).status_code == 200
        clock.shift(timedelta(minutes=9))
        pair = client.post("/api/v1/auth/refresh", {"refresh": pair["refresh"]}).json()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
        clock.shift(timedelta(minutes=6))
        decide = f"{approvals}/{omar.pk}/approve"
        assert client.get(approvals).status_code == 200
        assert client.post(decide, {"note": ""}).json()["code"] == "second-factor-required"
        code = pyotp.TOTP(secret).at(NOW + timedelta(minutes=15))
        given = client.post("/api/v1/auth/mfa/verify", {"code": code})
        assert given.json() == {"second_factor_at": "2026-11-20T09:15:00Z"}
        assert client.post(decide, {"note": ""}).status_code == 404
        assert client.post("/api/v1/auth/mfa/verify", {"code": code}).json()["code"] == "wrong-factor"
