"""Passkeys over the API: registered, used to log in and to approve, taken away; real keys, no check is played."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.core import mail
from django.core.cache import cache
from django.test import Client
from rest_framework.test import APIClient

from accounts import rules, services
from accounts.models import Passkey, PasskeyChallenge, PinToken, RecoveryCode, Session, TransactionPin, User
from accounts.services import factors
from accounts.tests.authenticator import Authenticator
from accounts.tests.test_factors import Enrolled
from oversight.models import AuditEvent
from tests.people import PASSWORD, make_investor, make_officer

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
API = "/api/v1"
LOG_IN, MFA, LOG_IN_OPTIONS = (f"{API}/auth/{part}" for part in ("login", "login/mfa", "login/mfa/options"))
PASSKEYS, OPTIONS = f"{API}/auth/mfa/passkeys", f"{API}/auth/mfa/passkeys/options"
VERIFY, VERIFY_OPTIONS = f"{API}/auth/mfa/verify", f"{API}/auth/mfa/verify/options"
CODES, APPROVALS = f"{API}/auth/mfa/recovery-codes", f"{API}/staff/approvals"
APP = "https://app.fiducia.example"
ANDROID = "android:apk-key-hash:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
NAUGHTY: list[str] = json.loads((Path(__file__).parent / "data/naughty_strings.json").read_text())


@pytest.fixture(autouse=True)
def clock(db) -> Iterator[Any]:
    cache.clear()
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ana() -> User:
    return make_investor("Ana")


@pytest.fixture
def omar() -> User:
    return make_officer("Omar", "finance", "compliance")


@pytest.fixture
def device() -> Authenticator:
    return Authenticator()


def as_session(pair: dict[str, str]) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
    return client


def knock(person: User) -> dict[str, Any]:
    """Give the password."""
    answer = APIClient().post(LOG_IN, {"identifier": person.email, "password": PASSWORD})
    assert answer.status_code == 200
    return dict(answer.json())


def logged_in(person: User) -> APIClient:
    """A session that the password alone opened."""
    return as_session(knock(person))


def add(client: APIClient, device: Authenticator, name: str = "laptop", **more: str) -> Any:
    """Have a passkey made and register it."""
    options = client.post(OPTIONS, {"password": PASSWORD}, **more)
    assert options.status_code == 200, options.content
    return client.post(PASSKEYS, {"name": name, "passkey": device.make(options.json())}, **more)


def asked(mfa_token: str, **more: str) -> Any:
    """The options of a log-in."""
    answer = APIClient().post(LOG_IN_OPTIONS, {"mfa_token": mfa_token}, **more)
    assert answer.status_code == 200, answer.content
    return answer.json()


def finish(mfa_token: str, passkey: Any, **more: str) -> Any:
    return APIClient().post(MFA, {"mfa_token": mfa_token, "passkey": passkey}, **more)


def enter(person: User, device: Authenticator) -> APIClient:
    """Log in with password and passkey."""
    token = knock(person)["mfa_token"]
    answer = finish(token, device.prove(asked(token)))
    assert answer.status_code == 200, answer.content
    return as_session(answer.json())


def prove(client: APIClient, device: Authenticator, at: str = VERIFY) -> Any:
    return client.post(at, {"passkey": device.prove(client.post(VERIFY_OPTIONS).json())})


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


WRONG = (422, "wrong-factor")


class TestRegister:
    def test_the_first_factor(self, ana, device, django_capture_on_commit_callbacks):
        other, client = logged_in(ana), logged_in(ana)
        options = client.post(OPTIONS, {"password": PASSWORD})
        assert options["Cache-Control"] == "no-store"
        assert options.json()["rp"] == {"id": "testserver", "name": "Fiducia"}
        assert options.json()["authenticatorSelection"]["userVerification"] == "required"
        assert ana.email not in options.content.decode()
        with django_capture_on_commit_callbacks(execute=True):
            added = client.post(PASSKEYS, {"name": "laptop", "passkey": device.make(options.json())})
        assert (added.status_code, added["Cache-Control"]) == (201, "no-store")
        key = Passkey.objects.get(user=ana)
        assert added.json()["passkey"] == {
            "id": str(key.pk), "name": "laptop", "created_at": "2026-11-20T09:00:00Z", "last_used_at": None,
        }  # fmt: skip
        assert len(added.json()["recovery_codes"]) == RecoveryCode.objects.count() == 10
        assert [told.subject for told in mail.outbox] == ["Your second factor was changed"]
        assert AuditEvent.objects.filter(action="accounts.passkey_added", actor=ana).count() == 1
        ana.refresh_from_db()
        assert services.payouts_held_until(ana, now=NOW) == NOW + timedelta(days=1)
        assert other.get(PASSKEYS).status_code == 401
        assert client.get(PASSKEYS).json()["results"] == [added.json()["passkey"]]
        assert Session.objects.alive().get().second_factor_at == NOW

    def test_needs_the_password_each_time(self, ana, device):
        client = logged_in(ana)
        for _ in range(rules.ATTEMPTS_BEFORE_LOCK):
            assert code_of(client.post(OPTIONS, {"password": "not this one"})) == (422, "wrong-password")
        assert code_of(client.post(OPTIONS, {"password": PASSWORD})) == (429, "locked-out")
        assert not PasskeyChallenge.objects.exists()

    def test_the_password_alone_adds_none_to_who_has_a_factor(self, ana, device, clock):
        client = logged_in(ana)
        ready = device.make(client.post(OPTIONS, {"password": PASSWORD}).json())
        Enrolled(ana, at=NOW)
        Session.objects.update(revoked_at=None, revoke_reason="")
        assert code_of(client.post(OPTIONS, {"password": PASSWORD})) == (403, "second-factor-required")
        late = client.post(PASSKEYS, {"name": "laptop", "passkey": ready})
        assert code_of(late) == (403, "second-factor-required")
        assert not Passkey.objects.exists()

    def test_another_one_takes_a_factor_of_the_last_quarter_of_an_hour(self, ana, device, clock):
        client = logged_in(ana)
        add(client, device)
        assert add(client, Authenticator(), "blue key").json()["recovery_codes"] == []
        clock.shift(timedelta(minutes=9))
        client = enter(ana, device)
        clock.shift(timedelta(minutes=9))
        ready = Authenticator()
        made = ready.make(client.post(OPTIONS, {"password": PASSWORD}).json())
        Session.objects.alive().update(second_factor_at=NOW)
        assert code_of(client.post(OPTIONS, {"password": PASSWORD})) == (403, "second-factor-required")
        answer = client.post(PASSKEYS, {"name": "phone", "passkey": made})
        assert code_of(answer) == (403, "second-factor-required")
        assert Passkey.objects.count() == 2
        assert RecoveryCode.objects.filter(used_at=None).count() == 10

    def test_a_challenge_is_for_its_session_alone(self, ana, device):
        here, there = logged_in(ana), logged_in(ana)
        made = device.make(here.post(OPTIONS, {"password": PASSWORD}).json())
        there.post(OPTIONS, {"password": PASSWORD})
        assert code_of(there.post(PASSKEYS, {"name": "laptop", "passkey": made})) == WRONG
        eve = logged_in(make_investor("Eve"))
        assert code_of(eve.post(PASSKEYS, {"name": "laptop", "passkey": made})) == WRONG
        assert not Passkey.objects.exists()
        assert here.post(PASSKEYS, {"name": "laptop", "passkey": made}).status_code == 201

    def test_a_challenge_is_for_its_purpose_alone(self, ana, device):
        """One to register proves nothing, and one to prove registers nothing, though the device signs it as such."""
        client = logged_in(ana)
        add(client, device)
        to_register = client.post(OPTIONS, {"password": PASSWORD}).json()
        proof = device.prove({**to_register, "rpId": to_register["rp"]["id"]})
        assert code_of(client.post(VERIFY, {"passkey": proof})) == WRONG
        to_prove = client.post(VERIFY_OPTIONS).json()
        made = Authenticator().make({**to_prove, "rp": {"id": to_prove["rpId"]}})
        PasskeyChallenge.objects.filter(purpose="register").delete()
        assert code_of(client.post(PASSKEYS, {"name": "phone", "passkey": made})) == WRONG
        assert Passkey.objects.count() == 1

    def test_a_challenge_is_answered_once_and_in_time(self, ana, device, clock):
        client = logged_in(ana)
        options = client.post(OPTIONS, {"password": PASSWORD}).json()
        clock.shift(rules.PASSKEY_CHALLENGE_LIFETIME + timedelta(seconds=1))
        assert code_of(client.post(PASSKEYS, {"name": "x", "passkey": device.make(options)})) == WRONG
        options = client.post(OPTIONS, {"password": PASSWORD}).json()
        assert client.post(PASSKEYS, {"name": "x", "passkey": device.make(options)}).status_code == 201
        assert code_of(client.post(PASSKEYS, {"name": "y", "passkey": Authenticator().make(options)})) == WRONG
        assert Passkey.objects.get().name == "x"

    @pytest.mark.parametrize(
        "device",
        [
            Authenticator(verifies=False),
            Authenticator(frames=True),
            Authenticator(origin="https://testserver"),
            Authenticator(origin="http://testserver.evil.example"),
            Authenticator(origin="http://testserver:8000"),
        ],
    )
    def test_a_device_that_knows_no_owner_a_frame_and_a_false_page_are_refused(self, ana, device):
        assert code_of(add(logged_in(ana), device)) == WRONG
        assert not Passkey.objects.exists()
        assert not factors.has_factor(ana)

    def test_anothers_passkey_is_refused_without_saying_whose(self, ana, device):
        device.keep(make_investor("Eve"), at=NOW)
        assert code_of(add(logged_in(ana), device)) == WRONG
        assert not factors.has_factor(ana)

    def test_there_are_ten_however_many_sessions_ask(self, ana):
        here = logged_in(ana)
        for _ in range(rules.PASSKEYS - 1):
            Authenticator().keep(ana, at=NOW)
        Session.objects.update(second_factor_at=NOW)
        there = as_session(services_pair(ana))
        made = [Authenticator().make(each.post(OPTIONS, {"password": PASSWORD}).json()) for each in (here, there)]
        assert here.post(PASSKEYS, {"name": "tenth", "passkey": made[0]}).status_code == 201
        Session.objects.update(second_factor_at=NOW)
        assert code_of(there.post(PASSKEYS, {"name": "eleventh", "passkey": made[1]})) == (409, "too-many")
        assert code_of(there.post(OPTIONS, {"password": PASSWORD})) == (409, "too-many")
        assert Passkey.objects.count() == rules.PASSKEYS

    @pytest.mark.parametrize("name", ["", " ", "x" * 61, "two\nlines", "back\u202ewards", "\x00", 5, None, ["x"]])
    def test_a_name_is_one_line(self, ana, device, name):
        client = logged_in(ana)
        answer = client.post(
            PASSKEYS,
            {"name": name, "passkey": device.make(client.post(OPTIONS, {"password": PASSWORD}).json())},
        )
        assert answer.status_code == 400
        assert not Passkey.objects.exists()


def services_pair(person: User) -> dict[str, str]:
    """A session beside the others, whatever the log-in would ask for."""
    from uuid_utils.compat import uuid7

    from accounts import tokens

    session_id = uuid7()
    pair = tokens.issue(session_id, person.pk, now=NOW)
    Session.objects.create(
        pk=session_id, user=person, token_hash=tokens.digest(pair.refresh), second_factor_at=NOW, created_at=NOW,
        last_used_at=NOW, expires_at=NOW + timedelta(days=1),
    )  # fmt: skip
    return {"access": pair.access}


class TestLogIn:
    @pytest.fixture
    def key(self, ana, device) -> Passkey:
        return device.keep(ana, at=NOW)

    def test_a_passkey_finishes_it_and_is_remembered(self, ana, device, key):
        first = knock(ana)
        assert first["methods"] == ["passkey", "recovery_code"]
        options = APIClient().post(LOG_IN_OPTIONS, {"mfa_token": first["mfa_token"]})
        assert options["Cache-Control"] == "no-store"
        assert (options.json()["rpId"], options.json()["userVerification"]) == ("testserver", "required")
        answer = finish(first["mfa_token"], device.prove(options.json()))
        assert (answer.status_code, set(answer.json())) == (200, {"access", "refresh"})
        assert Session.objects.get().second_factor_at == NOW
        key.refresh_from_db()
        assert (key.counter, key.last_used_at) == (1, NOW)
        assert not PasskeyChallenge.objects.exists()

    def test_beside_an_app_either_does(self, ana, device):
        app = Enrolled(ana)
        device.keep(ana, at=NOW)
        first = knock(ana)
        assert first["methods"] == ["totp", "passkey", "recovery_code"]
        asked(first["mfa_token"])
        assert APIClient().post(MFA, {"mfa_token": first["mfa_token"], "code": app.code()}).status_code == 200

    def test_an_answer_is_good_once(self, ana, device, key):
        token = knock(ana)["mfa_token"]
        proof = device.prove(asked(token))
        assert finish(token, proof).status_code == 200
        assert code_of(finish(token, proof)) == WRONG
        asked(token)
        assert code_of(finish(token, proof)) == WRONG
        assert Session.objects.count() == 1

    def test_a_challenge_is_for_its_log_in_alone(self, ana, device, key):
        one, other = knock(ana)["mfa_token"], knock(ana)["mfa_token"]
        proof = device.prove(asked(one))
        asked(other)
        assert code_of(finish(other, proof)) == WRONG
        client = as_session(services_pair(ana))
        client.post(VERIFY_OPTIONS)
        assert code_of(client.post(VERIFY, {"passkey": proof})) == WRONG
        assert code_of(finish(one, device.prove(client.post(VERIFY_OPTIONS).json()))) == WRONG
        assert Session.objects.count() == 1
        assert finish(one, device.prove(asked(one))).status_code == 200

    def test_asking_again_elsewhere_takes_no_challenge_away(self, ana, device, key):
        """Whoever has the password asks on and on; the owner's own log-in goes on."""
        token = knock(ana)["mfa_token"]
        proof = device.prove(asked(token))
        for _ in range(3):
            asked(knock(ana)["mfa_token"])
        assert finish(token, proof).status_code == 200

    def test_those_that_nobody_answered_go(self, ana, device, key, clock):
        for _ in range(3):
            asked(knock(ana)["mfa_token"])
        assert PasskeyChallenge.objects.count() == 3
        clock.shift(rules.PASSKEY_CHALLENGE_LIFETIME + timedelta(seconds=1))
        token = knock(ana)["mfa_token"]
        asked(token)
        assert PasskeyChallenge.objects.count() == 1

    def test_of_one_log_in_the_newest_counts(self, ana, device, key):
        token = knock(ana)["mfa_token"]
        earlier = asked(token)
        newest = asked(token)
        assert code_of(finish(token, device.prove(earlier))) == WRONG
        assert finish(token, device.prove(newest)).status_code == 200

    def test_it_is_answered_in_time(self, ana, device, key, clock):
        token = knock(ana)["mfa_token"]
        options = asked(token)
        PasskeyChallenge.objects.update(created_at=NOW - rules.PASSKEY_CHALLENGE_LIFETIME - timedelta(seconds=1))
        assert code_of(finish(token, device.prove(options))) == WRONG
        clock.shift(rules.MFA_TOKEN_LIFETIME)
        assert code_of(finish(token, device.prove(options))) == (401, "token-refused")
        assert code_of(APIClient().post(LOG_IN_OPTIONS, {"mfa_token": token})) == (401, "token-refused")
        assert not Session.objects.exists()

    def test_somebody_elses_passkey_is_refused(self, ana, device, key):
        eve, token = Authenticator(), knock(ana)["mfa_token"]
        eve.keep(make_investor("Eve"), at=NOW)
        for stranger in (eve, Authenticator(), replace(eve, credential_id=device.credential_id)):
            assert code_of(finish(token, stranger.prove(asked(token)))) == WRONG
        device.handle = uuid4().bytes
        assert code_of(finish(token, device.prove(asked(token)))) == WRONG
        device.handle = ana.pk.bytes
        assert finish(token, device.prove(asked(token))).status_code == 200

    @pytest.mark.parametrize(
        "wrong", [{"verifies": False}, {"frames": True}, {"origin": "https://evil.example"}, {"counter": 2}]
    )
    def test_no_owner_a_frame_a_false_page_and_a_copy_are_refused(self, ana, device, key, wrong):
        device.counter = 6
        enter(ana, device)
        token = knock(ana)["mfa_token"]
        for name, value in wrong.items():
            setattr(device, name, value)
        assert code_of(finish(token, device.prove(asked(token)))) == WRONG
        key.refresh_from_db()
        assert key.counter == 7
        assert Session.objects.count() == 1

    def test_tries_are_counted(self, ana, device, key):
        token, wrong = knock(ana)["mfa_token"], Authenticator(credential_id=device.credential_id)
        for _ in range(rules.ATTEMPTS_BEFORE_LOCK):
            assert code_of(finish(token, wrong.prove(asked(token)))) == WRONG
        locked = finish(token, device.prove(asked(token)))
        assert code_of(locked) == (429, "locked-out")
        assert int(locked["Retry-After"]) > 0
        assert not Session.objects.exists()

    def test_a_right_one_gives_the_tries_back(self, ana, device, key):
        token, wrong = knock(ana)["mfa_token"], Authenticator(credential_id=device.credential_id)
        for _ in range(2):
            for _ in range(rules.ATTEMPTS_BEFORE_LOCK - 1):
                assert code_of(finish(token, wrong.prove(asked(token)))) == WRONG
            assert finish(token, device.prove(asked(token))).status_code == 200

    def test_whoever_has_none_is_told_after_the_password(self, ana, device):
        Enrolled(ana)
        first = knock(ana)
        assert first["methods"] == ["totp", "recovery_code"]
        answer = APIClient().post(LOG_IN_OPTIONS, {"mfa_token": first["mfa_token"]})
        assert code_of(answer) == (409, "factor-missing")
        proof = device.prove({"rpId": "testserver", "challenge": "AAAA"})
        assert code_of(finish(first["mfa_token"], proof)) == WRONG
        for token in ("x", "", None, knock_pair(make_investor("Eve"))["access"]):
            assert APIClient().post(LOG_IN_OPTIONS, {"mfa_token": token}).status_code in {400, 401}
        assert not PasskeyChallenge.objects.exists()

    def test_a_code_that_was_sent_has_no_passkey_beside_it(self, device, sent, django_capture_on_commit_callbacks):
        """Somebody without a factor, on a new device: a passkey's answer finishes nothing."""
        ana = make_investor("Bea", phone="+2290197123456", phone_verified_at=NOW, email_verified_at=NOW)
        services.log_in(ana.email, PASSWORD, device=services.Device("Phone/1.0", "41.138.88.1"), now=NOW)
        first = knock(ana)
        assert first["methods"] == ["sms"]
        proof = device.prove({"rpId": "testserver", "challenge": "AAAA"})
        assert code_of(finish(first["mfa_token"], proof)) == WRONG
        assert Session.objects.count() == 1

    def test_whoever_was_blocked_or_lost_it_meanwhile_stays_out(self, ana, device, key):
        token = knock(ana)["mfa_token"]
        proof = device.prove(asked(token))
        User.objects.filter(pk=ana.pk).update(blocked_at=NOW)
        assert code_of(finish(token, proof)) == (401, "token-refused")
        assert code_of(APIClient().post(LOG_IN_OPTIONS, {"mfa_token": token})) == (401, "token-refused")
        User.objects.filter(pk=ana.pk).update(blocked_at=None)
        Passkey.objects.all().delete()
        Authenticator().keep(ana, at=NOW)
        assert code_of(finish(token, proof)) == WRONG
        assert not Session.objects.exists()

    @pytest.mark.parametrize("both", [{}, {"code": "123456", "passkey": "ANSWER"}])
    def test_one_of_the_two_is_given(self, ana, device, key, both):
        token = knock(ana)["mfa_token"]
        body = {name: device.prove(asked(token)) if value == "ANSWER" else value for name, value in both.items()}
        answer = APIClient().post(MFA, {"mfa_token": token, **body})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/code")
        assert not Session.objects.exists()


def knock_pair(person: User) -> dict[str, str]:
    pair: Any = services.log_in(person.email, PASSWORD, device=services.Device(), now=NOW)
    return {"access": pair.access}


class TestNonsense:
    @pytest.fixture
    def token(self, ana, device) -> str:
        device.keep(ana, at=NOW)
        return str(knock(ana)["mfa_token"])

    def refused(self, token: str, passkey: Any) -> int:
        cache.clear()
        from accounts.models import LoginFailure

        LoginFailure.objects.all().delete()
        answer = finish(token, passkey)
        assert answer.status_code in {400, 422}, (passkey, answer.content)
        return int(answer.status_code)

    @pytest.mark.parametrize("wrong", [None, True, 5, 1.5, "x", [], ["x"], {}, {"a": 1}, {"response": {}}])
    def test_of_another_shape(self, token, wrong):
        assert self.refused(token, wrong) == 400

    @pytest.mark.parametrize(
        "change",
        [{"id": 5}, {"rawId": None}, {"type": "password"}, {"type": True}, {"response": []}, {"rawId": "x" * 20_001}],
    )
    def test_a_member_of_another_shape(self, token, device, change):
        assert self.refused(token, {**device.prove(asked(token)), **change}) == 400

    @pytest.mark.parametrize("member", ["clientDataJSON", "authenticatorData", "signature", "userHandle"])
    def test_strings_that_are_no_answer(self, token, device, member):
        good = device.prove(asked(token))
        deep = "_" * 20_000
        for text in ("A", "AA", "e30", "W10", "bnVsbA", "9" * 20_000, deep, "é", *NAUGHTY[::7]):
            if text.strip():
                self.refused(token, {**good, "response": {**good["response"], member: text}})
        assert not Session.objects.exists()

    def test_what_more_a_browser_says_is_not_looked_at(self, token, device):
        good = device.prove(asked(token))
        more = {"authenticatorAttachment": "platform", "clientExtensionResults": {"appid": True}, "later": [1]}
        answer = finish(token, {**good, **more, "response": {**good["response"], "userHandle": None, "later": 1}})
        assert answer.status_code == 200

    def test_a_registration_that_is_no_answer(self, ana, device):
        client = logged_in(ana)
        good = device.make(client.post(OPTIONS, {"password": PASSWORD}).json())
        for member in ("clientDataJSON", "attestationObject"):
            for text in ("A", "e30", "oA", "n" * 20_000, "gYGB" * 4_000, *NAUGHTY[::7]):
                if text.strip():
                    wrong = {**good, "response": {**good["response"], member: text}}
                    answer = client.post(PASSKEYS, {"name": "x", "passkey": wrong})
                    assert answer.status_code in {400, 422}, (member, text[:20], answer.content)
        assert not Passkey.objects.exists()
        assert client.post(PASSKEYS, {"name": "x", "passkey": good}).status_code == 201


class TestOfficers:
    """An officer who has a passkey alone, made in the console, works over the API."""

    @pytest.fixture
    def device(self, omar) -> Authenticator:
        device, browser = Authenticator(), Client()
        browser.post("/admin/login/", {"username": omar.email, "password": PASSWORD})
        made = device.make(browser.post("/admin/second-factor/passkeys/options/").json())
        browser.post("/admin/second-factor/passkeys/", {"name": "key", "passkey": json.dumps(made)})
        assert Passkey.objects.get().user == omar
        return device

    def test_staff_endpoints_open_and_approvals_ask_again(self, omar, device, clock):
        ana = make_investor("Ana")
        cal = make_officer("Cal", "compliance")
        request = services.request_kyc_level(ana.pk, level=1, by=cal, now=NOW, reason="papers seen")
        client, decide = enter(omar, device), f"{APPROVALS}/{request.pk}/approve"
        assert client.get(APPROVALS).status_code == 200
        clock.shift(timedelta(minutes=9, seconds=59))
        User.objects.filter(pk=omar.pk).update(access_changed_at=None)
        Session.objects.update(second_factor_at=NOW - timedelta(minutes=15))
        assert client.get(APPROVALS).status_code == 200
        assert code_of(client.post(decide, {"note": ""})) == (403, "second-factor-required")
        given = prove(client, device)
        assert given.json() == {"second_factor_at": "2026-11-20T09:09:59Z"}
        assert AuditEvent.objects.filter(action="accounts.second_factor_given", actor=omar).count() == 1
        assert client.post(decide, {"note": "seen"}).status_code == 200
        assert User.objects.get(pk=ana.pk).kyc_level == 1

    def test_an_answer_renews_it_once_and_in_its_own_session(self, omar, device, clock):
        here, there = enter(omar, device), enter(omar, device)
        proof = device.prove(here.post(VERIFY_OPTIONS).json())
        there.post(VERIFY_OPTIONS)
        Session.objects.update(second_factor_at=None)
        assert code_of(there.post(VERIFY, {"passkey": proof})) == WRONG
        assert here.post(VERIFY, {"passkey": proof}).status_code == 200
        assert code_of(here.post(VERIFY, {"passkey": proof})) == WRONG
        assert list(Session.objects.order_by("pk").values_list("second_factor_at", flat=True)) == [NOW, None]

    def test_one_of_the_console_is_not_answered_here_nor_the_other_way_round(self, omar, device):
        client, browser = enter(omar, device), Client()
        browser.post("/admin/login/", {"username": omar.email, "password": PASSWORD})
        of_console = device.prove(browser.post("/admin/second-factor/challenge/").json())
        client.post(VERIFY_OPTIONS)
        assert code_of(client.post(VERIFY, {"passkey": of_console})) == WRONG
        of_api = device.prove(client.post(VERIFY_OPTIONS).json())
        assert browser.post("/admin/second-factor/", {"passkey": json.dumps(of_api)}).status_code == 200
        assert AuditEvent.objects.filter(action="accounts.entered_console").count() == 1
        other = Client()
        other.post("/admin/login/", {"username": omar.email, "password": PASSWORD})
        of_one = device.prove(browser.post("/admin/second-factor/challenge/").json())
        other.post("/admin/second-factor/challenge/")
        assert other.post("/admin/second-factor/", {"passkey": json.dumps(of_one)}).status_code == 200
        assert browser.post("/admin/second-factor/", {"passkey": json.dumps(of_one)}).status_code == 302

    def test_tries_are_counted_in_a_session_too(self, omar, device):
        client, wrong = enter(omar, device), Authenticator(credential_id=device.credential_id)
        for _ in range(rules.ATTEMPTS_BEFORE_LOCK):
            assert code_of(prove(client, wrong)) == WRONG
        assert code_of(prove(client, device)) == (429, "locked-out")

    def test_the_last_factor_stays(self, omar, device):
        client = enter(omar, device)
        assert code_of(remove(client, omar, Passkey.objects.get())) == (409, "last-factor")
        assert PinToken.objects.filter(spent_at=None).count() == 1
        assert Passkey.objects.count() == 1


def remove(client: APIClient, person: User, key: Passkey | str) -> Any:
    """Give a PIN for it, and take a passkey away."""
    path = f"{PASSKEYS}/{getattr(key, 'pk', key)}"
    if not TransactionPin.objects.filter(user=person).exists():
        services.set_pin(person, pin="402917", password=PASSWORD, now=NOW)
    token = client.post(f"{API}/auth/pin/verify", {"pin": "402917", "method": "DELETE", "path": path}).json()
    return client.delete(path, headers={"X-Pin-Token": token["pin_token"]})


class TestRemove:
    def test_takes_a_pin_and_ends_what_the_factor_proved(self, ana, device, django_capture_on_commit_callbacks):
        client = logged_in(ana)
        add(client, device)
        key = Passkey.objects.get()
        assert code_of(client.delete(f"{PASSKEYS}/{key.pk}")) == (403, "pin-token-refused")
        assert Passkey.objects.exists()
        mail.outbox.clear()
        with django_capture_on_commit_callbacks(execute=True):
            assert remove(client, ana, key).status_code == 204
        assert "Your second factor was changed" in [told.subject for told in mail.outbox]
        assert AuditEvent.objects.filter(action="accounts.passkey_removed", actor=ana).count() == 1
        assert not RecoveryCode.objects.filter(used_at=None).exists()
        assert set(knock(ana)) == {"access", "refresh"}
        assert client.get(PASSKEYS).json()["results"] == []

    def test_one_of_two_leaves_the_other_and_the_codes(self, ana, device):
        client = logged_in(ana)
        add(client, device)
        add(client, Authenticator(), "blue key")
        assert remove(client, ana, Passkey.objects.get(name="laptop")).status_code == 204
        assert knock(ana)["methods"] == ["passkey", "recovery_code"]
        assert RecoveryCode.objects.filter(used_at=None).count() == 10

    def test_anothers_is_as_unknown_as_one_that_is_not_there(self, ana, device):
        eve = make_investor("Eve")
        key, client = device.keep(ana, at=NOW), logged_in(eve)
        refusals = [remove(client, eve, each) for each in (key, str(uuid4()))]
        assert [code_of(each) for each in refusals] == [(404, "not-found")] * 2
        assert refusals[0].json()["detail"] == refusals[1].json()["detail"]
        assert Passkey.objects.get() == key


class TestRecoveryCodes:
    def test_are_renewed_with_a_passkey_and_not_with_one_of_themselves(self, ana, device):
        client = logged_in(ana)
        before = add(client, device).json()["recovery_codes"]
        assert code_of(client.post(CODES, {"code": before[0]})) == (409, "factor-missing")
        renewed = prove(client, device, at=CODES)
        assert (renewed.status_code, renewed["Cache-Control"]) == (200, "no-store")
        assert not set(renewed.json()["recovery_codes"]) & set(before)
        token = knock(ana)["mfa_token"]
        assert code_of(APIClient().post(MFA, {"mfa_token": token, "code": before[0]})) == WRONG
        good = {"mfa_token": token, "code": renewed.json()["recovery_codes"][0]}
        assert APIClient().post(MFA, good).status_code == 200


class TestOrigins:
    """Whose pages may use passkeys: by default those of the host that is asked, else those that are named."""

    @pytest.fixture
    def named(self, settings) -> None:
        settings.PASSKEY_DOMAIN = "fiducia.example"
        settings.PASSKEY_ORIGINS = [APP, ANDROID]

    def test_by_default_no_other_site(self, ana):
        for origin in (APP, ANDROID, "null", "http://testserver.fiducia.example"):
            assert code_of(add(logged_in(ana), Authenticator(origin=origin))) == WRONG
        headers = {"HTTP_ORIGIN": APP, "HTTP_X_FORWARDED_HOST": "app.fiducia.example"}
        assert code_of(add(logged_in(ana), Authenticator(origin=APP), **headers)) == WRONG
        assert not Passkey.objects.exists()

    @pytest.mark.parametrize("origin", [APP, ANDROID])
    def test_a_named_one(self, named, ana, origin):
        device, client = Authenticator(origin=origin), logged_in(ana)
        assert client.post(OPTIONS, {"password": PASSWORD}).json()["rp"]["id"] == "fiducia.example"
        assert add(client, device).status_code == 201
        assert enter(ana, device).get(PASSKEYS).status_code == 200

    def test_then_even_the_host_that_is_asked_has_to_be_named(self, named, ana, device):
        assert code_of(add(logged_in(ana), device)) == WRONG
        assert not Passkey.objects.exists()

    def test_one_of_another_domain_is_no_good(self, named, ana, settings):
        device = Authenticator(origin=APP)
        device.keep(ana, at=NOW)
        token = knock(ana)["mfa_token"]
        options = asked(token)
        assert code_of(finish(token, device.prove({**options, "rpId": "evil.example"}))) == WRONG
        assert finish(token, device.prove(options)).status_code == 200
