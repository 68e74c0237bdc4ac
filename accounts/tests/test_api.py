import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
import time_machine
from django.conf import settings
from django.core import mail
from django.core.cache import cache
from rest_framework.test import APIClient

from accounts import actions, services, tokens
from accounts.models import LoginFailure, PasswordResetToken, Session, User
from oversight.models import AuditEvent
from tests.people import PASSWORD, make_investor

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
NAUGHTY = json.loads((Path(__file__).parent / "data/naughty_strings.json").read_text(encoding="utf-8"))
ANA = {
    "email": "ana@example.com",
    "phone": "+2290197123456",
    "password": PASSWORD,
    "first_name": "Ana",
    "last_name": "Houngbo",
    "country": "BJ",
}
WEIRD = [None, True, 1, 1.5, [], {}, ["x"], {"x": "y"}, "", " ", "\u202e", "x" * 3000, "١"]


@pytest.fixture(autouse=True)
def clock():
    cache.clear()
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def client() -> APIClient:
    return APIClient(raise_request_exception=False)


def post(client, path, body, **headers):
    return client.post(f"/api/v1{path}", body, format="json", **headers)


def log_in(client, identifier="ana@example.com", password=PASSWORD):
    answer = post(client, "/auth/login", {"identifier": identifier, "password": password})
    assert answer.status_code == 200, answer.json()
    return answer.json()


def bearer(token: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {token}"}


def pointers(answer) -> list[str]:
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    return sorted({error["pointer"] for error in answer.json()["errors"]})


class TestSignUp:
    def test_answers_without_id_or_token(self, client):
        answer = post(client, "/auth/signup", ANA)
        assert answer.status_code == 201
        assert list(answer.json()) == ["detail"]
        ana = User.objects.get()
        assert (ana.email, ana.phone, ana.first_name) == ("ana@example.com", "+2290197123456", "Ana")

    @pytest.mark.parametrize(
        "same",
        [
            {"email": "ANA@example.com", "phone": "+2290197000000"},
            {"email": "new@example.com", "phone": "+22997123456"},
            {"email": "ana@example.com"},
        ],
    )
    @pytest.mark.django_db(transaction=True)
    def test_answers_the_same_when_taken(self, client, same):
        first = post(client, "/auth/signup", ANA)
        before = User.objects.values().get()
        second = post(client, "/auth/signup", ANA | same | {"password": "another good secret"})
        assert (second.status_code, second.content) == (first.status_code, first.content)
        assert set(second.headers) == set(first.headers)
        assert User.objects.values().get() == before
        first, own, told = [m.subject for m in mail.outbox]
        assert {m.to[0] for m in mail.outbox} == {"ana@example.com"}
        assert (first, told) == ("Welcome to Fiducia", "Somebody tried to sign up with your address"), own

    @pytest.mark.parametrize(
        ("change", "where"),
        [
            ({"email": "ana"}, "/email"),
            ({"email": "ana@example"}, "/email"),
            ({"phone": "97123456"}, "/phone"),
            ({"phone": "+229971234"}, "/phone"),
            ({"phone": "+22901971234'56"}, "/phone"),
            ({"password": "short"}, "/password"),
            ({"password": "password123"}, "/password"),
            ({"password": "1234567890123"}, "/password"),
            ({"password": "ana@example.com"}, "/password"),
            ({"password": "x" * 129}, "/password"),
            ({"first_name": ""}, "/first_name"),
            ({"first_name": "\u202eevil"}, "/first_name"),
            ({"first_name": "12"}, "/first_name"),
            ({"last_name": "x" * 101}, "/last_name"),
            ({"country": "bj"}, "/country"),
            ({"country": "XX"}, "/country"),
            ({"country": "Benin"}, "/country"),
            ({"language": "klingon"}, "/language"),
            ({"referral_code": "AAAAAAAA"}, "/referral_code"),
            ({"referral_code": "toolongacode"}, "/referral_code"),
            ({"is_staff": True}, "/is_staff"),
            ({"kyc_level": 3}, "/kyc_level"),
            ({"a/b~c": "x"}, "/a~1b~0c"),
        ],
    )
    def test_says_what_is_wrong_and_where(self, client, change, where):
        assert pointers(post(client, "/auth/signup", ANA | change)) == [where]
        assert not User.objects.exists()
        assert mail.outbox == []

    @pytest.mark.parametrize("field", ["password", "first_name", "last_name", "country"])
    def test_needs_every_field(self, client, field):
        assert pointers(post(client, "/auth/signup", {k: v for k, v in ANA.items() if k != field})) == [f"/{field}"]
        assert not User.objects.exists()

    def test_needs_one_identifier(self, client):
        body = {k: v for k, v in ANA.items() if k not in {"email", "phone"}}
        assert pointers(post(client, "/auth/signup", body)) == ["/email"]
        assert post(client, "/auth/signup", body | {"phone": "+2290197123456"}).status_code == 201

    @pytest.mark.parametrize("field", sorted(ANA))
    @pytest.mark.parametrize("value", WEIRD, ids=repr)
    def test_of_any_odd_value_is_refused_with_a_pointer(self, client, field, value):
        answer = post(client, "/auth/signup", ANA | {field: value})
        assert pointers(answer) == [f"/{field}"]
        assert not User.objects.exists()

    def test_takes_a_persons_own_name_in_any_script(self, client):
        for number, name in enumerate(["Ọlá", "Zoë", "محمد", "李", "N'Dri", "Anne-Marie", "Ngũgĩ wa", "Владимир"]):
            body = ANA | {"email": f"p{number}@example.com", "first_name": name}
            body.pop("phone")
            assert post(client, "/auth/signup", body).status_code == 201
        assert User.objects.count() == 8

    def test_of_naughty_strings_never_breaks(self, client):
        for number, text in enumerate(NAUGHTY):
            for field in ("email", "phone", "first_name", "country", "referral_code"):
                body = ANA | {"email": f"p{number}@example.com", "phone": ""} | {field: text}
                body = {
                    name: value for name, value in body.items() if name in {field, *ANA} and (value or name == field)
                }
                answer = post(client, "/auth/signup", body)
                assert answer.status_code in {201, 400}, (field, text, answer.content)
                if answer.status_code == 400:
                    assert pointers(answer) == [f"/{field}"], (field, text)

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b'"x"',
            b"1",
            b'{"email": "\xff"}',
            b'{"email": "\\ud800"}',
            b'{"a":1,"a":2}',
            b'{"\\ud800": 1}',
        ],
    )
    def test_of_no_object_is_a_400(self, client, raw):
        answer = client.post("/api/v1/auth/signup", raw, content_type="application/json")
        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/problem+json"
        assert not User.objects.exists()


class TestLogIn:
    def test_gives_a_pair_that_opens_me(self, client, ana):
        pair = log_in(client, " ANA@example.com ")
        assert set(pair) == {"access", "refresh"}
        assert client.get("/api/v1/users/me", **bearer(pair["access"])).json()["id"] == str(ana.pk)

    def test_refuses_the_known_and_the_unknown_alike(self, client, ana):
        answers = [
            post(client, "/auth/login", {"identifier": identifier, "password": "wrong"})
            for identifier in ("ana@example.com", "nobody@example.com", "+2290197123456", "neither")
        ]
        assert {a.status_code for a in answers} == {401}
        assert len({a.content for a in answers}) == 1
        assert answers[0].json()["code"] == "wrong-credentials"
        assert "Bearer" in answers[0]["WWW-Authenticate"]

    @pytest.mark.parametrize("identifier", ["ana@example.com", "nobody@example.com"])
    def test_locks_the_known_and_the_unknown_alike(self, client, ana, identifier):
        body = {"identifier": identifier, "password": "wrong"}
        statuses = [post(client, "/auth/login", body).status_code for _ in range(6)]
        assert statuses == [401] * 5 + [429]
        answer = post(client, "/auth/login", body | {"password": PASSWORD})
        assert (answer.status_code, answer["Retry-After"]) == (429, "900")
        assert answer.json()["code"] == "locked-out"
        assert LoginFailure.objects.get().failures == 5
        assert not Session.objects.exists()

    @pytest.mark.parametrize("field", ["identifier", "password"])
    @pytest.mark.parametrize("value", [None, True, 1, [], {}, "", "x" * 3000], ids=repr)
    def test_of_an_odd_value_is_refused_with_a_pointer(self, client, field, value):
        body = {"identifier": "ana@example.com", "password": PASSWORD} | {field: value}
        assert pointers(post(client, "/auth/login", body)) == [f"/{field}"]
        assert not LoginFailure.objects.exists()

    def test_of_naughty_strings_never_breaks(self, client, ana):
        for text in NAUGHTY:
            answer = post(client, "/auth/login", {"identifier": text, "password": text})
            assert answer.status_code in {400, 401, 429}, (text, answer.content)
        assert not Session.objects.exists()

    def test_blocked_is_said_to_the_right_password_alone(self, client, ana):
        User.objects.filter(pk=ana.pk).update(blocked_at=NOW)
        answer = post(client, "/auth/login", {"identifier": "ana@example.com", "password": PASSWORD})
        assert (answer.status_code, answer.json()["code"]) == (403, "account-blocked")

    def test_keeps_where_it_came_from(self, client, ana):
        post(
            client, "/auth/login", {"identifier": "ana@example.com", "password": PASSWORD}, HTTP_USER_AGENT="Phone\x07"
        )
        session = Session.objects.get()
        assert (session.user_agent, session.ip) == ("Phone", "127.0.0.1")
        assert AuditEvent.objects.get(action="accounts.logged_in").ip == "127.0.0.1"


class TestRefreshAndLogOut:
    def test_rotate_and_a_reused_one_ends_the_family(self, client, ana):
        first = log_in(client)
        second = post(client, "/auth/refresh", {"refresh": first["refresh"]}).json()
        assert second["refresh"] != first["refresh"]
        assert post(client, "/auth/refresh", {"refresh": first["refresh"]}).status_code == 401
        assert post(client, "/auth/refresh", {"refresh": second["refresh"]}).status_code == 401
        for pair in (first, second):
            assert client.get("/api/v1/users/me", **bearer(pair["access"])).status_code == 401
        assert Session.objects.get().revoke_reason == "reused"

    def test_log_out_ends_access_too(self, client, ana):
        pair = log_in(client)
        assert post(client, "/auth/logout", {"refresh": pair["refresh"]}).status_code == 204
        assert client.get("/api/v1/users/me", **bearer(pair["access"])).status_code == 401
        assert post(client, "/auth/refresh", {"refresh": pair["refresh"]}).status_code == 401
        assert post(client, "/auth/logout", {"refresh": pair["refresh"]}).status_code == 204

    @pytest.mark.parametrize("path", ["/auth/refresh", "/auth/logout"])
    def test_of_what_is_no_token_are_refused(self, client, ana, path):
        for value in (None, 1, [], {}, "", "x" * 3000):
            assert pointers(post(client, path, {"refresh": value})) == ["/refresh"]
        assert pointers(post(client, path, {})) == ["/refresh"]
        for text in ["x", "a.b.c", "é", *NAUGHTY[:60]]:
            assert post(client, path, {"refresh": text}).status_code in {400, 401}


def forged(ana, **changes) -> str:
    """A token of a live session, signed with our key, but for the changes."""
    session = Session.objects.get()
    key, algorithm = changes.pop("key", settings.SECRET_KEY), changes.pop("algorithm", "HS256")
    claims = {
        "typ": "access",
        "sid": str(session.pk),
        "sub": str(ana.pk),
        "jti": "1",
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + timedelta(minutes=5)).timestamp()),
        "aud": tokens.AUDIENCE,
        "iss": tokens.ISSUER,
    }
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(claims, key if algorithm != "none" else None, algorithm=algorithm)


class TestAccess:
    def test_a_well_signed_token_of_a_live_session_opens(self, client, ana):
        log_in(client)
        assert client.get("/api/v1/users/me", **bearer(forged(ana))).status_code == 200

    @pytest.mark.parametrize(
        "changes",
        [
            {"algorithm": "none"},
            {"key": "x" * 64},
            {"algorithm": "HS512", "key": "x" * 64},
            {"aud": "another-api"},
            {"aud": None},
            {"iss": "somebody"},
            {"iss": None},
            {"typ": "refresh"},
            {"typ": None},
            {"exp": None},
            {"exp": int(NOW.timestamp())},
            {"exp": "never"},
            {"iat": int((NOW + timedelta(days=1)).timestamp())},
            {"sid": None},
            {"sid": 7},
            {"sid": "x"},
            {"sid": "00000000-0000-7000-8000-000000000000"},
            {"sub": None},
            {"sub": "00000000-0000-7000-8000-000000000000"},
        ],
        ids=str,
    )
    def test_any_other_token_opens_nothing(self, client, ana, changes):
        log_in(client)
        answer = client.get("/api/v1/users/me", **bearer(forged(ana, **changes)))
        assert (answer.status_code, answer.json()["code"]) == (401, "token-refused")
        assert answer["WWW-Authenticate"] == 'Bearer realm="api"'

    def test_a_tampered_token_opens_nothing(self, client, ana, eve):
        log_in(client)
        head, body, signature = forged(ana).split(".")
        other = jwt.encode({"typ": "access", "sub": str(eve.pk)}, "x" * 64).split(".")[1]
        for token in (
            f"{head}.{other}.{signature}",
            f"{head}.{body}.",
            f"{head}.{body}",
            f"{head}.{body}.{signature[::-1]}",
        ):
            assert client.get("/api/v1/users/me", **bearer(token)).status_code == 401

    @pytest.mark.parametrize("header", ["Bearer", "Bearer a b", "Bearer \xff", "Basic YTpi", "", "Token x"])
    def test_any_other_header_opens_nothing(self, client, header):
        assert client.get("/api/v1/users/me", HTTP_AUTHORIZATION=header).status_code == 401

    def test_ends_after_ten_minutes(self, client, ana, clock):
        pair = log_in(client)
        clock.shift(timedelta(minutes=9, seconds=59))
        assert client.get("/api/v1/users/me", **bearer(pair["access"])).status_code == 200
        clock.shift(timedelta(seconds=1))
        assert client.get("/api/v1/users/me", **bearer(pair["access"])).status_code == 401

    @pytest.mark.parametrize("standing", ["blocked_at", "deleted_at"])
    def test_ends_with_the_persons_standing(self, client, ana, standing):
        pair = log_in(client)
        User.objects.filter(pk=ana.pk).update(**{standing: NOW})
        assert client.get("/api/v1/users/me", **bearer(pair["access"])).status_code == 401

    def test_takes_one_query(self, client, ana, django_assert_num_queries):
        pair = log_in(client)
        with django_assert_num_queries(2):  # The other one is /users/me's own: whether there is a picture.
            client.get("/api/v1/users/me", **bearer(pair["access"]))


class TestMe:
    def test_shows_what_we_know(self, client, ana, monkeypatch):
        monkeypatch.setattr(actions, "_providers", [])
        pair = log_in(client)
        assert client.get("/api/v1/users/me", **bearer(pair["access"])).json() == {
            "id": str(ana.pk),
            "email": "ana@example.com",
            "phone": "",
            "first_name": "Ana",
            "last_name": "Houngbo",
            "country": "BJ",
            "time_zone": "UTC",
            "language": "en",
            "kyc_level": 0,
            "vip_level": 0,
            "referral_code": ana.referral_code,
            "created_at": "2026-11-20T09:00:00Z",
            "email_verified_at": None,
            "phone_verified_at": None,
            "avatar_url": None,
            "actions_required": [],
        }

    def test_shows_what_the_apps_ask_for(self, client, ana, monkeypatch):
        monkeypatch.setattr(actions, "_providers", [])
        actions.register_provider(lambda user: [actions.Action("prove-identity", f"Hello {user.first_name}", "/kyc")])
        me = client.get("/api/v1/users/me", **bearer(log_in(client)["access"])).json()
        assert me["actions_required"] == [{"code": "prove-identity", "title": "Hello Ana", "url": "/kyc"}]

    def test_is_changed_in_parts(self, client, ana):
        access = bearer(log_in(client)["access"])
        answer = client.patch("/api/v1/users/me", {"time_zone": "Africa/Porto-Novo"}, format="json", **access)
        assert (answer.status_code, answer.json()["time_zone"], answer.json()["language"]) == (
            200,
            "Africa/Porto-Novo",
            "en",
        )
        assert User.objects.get().time_zone == "Africa/Porto-Novo"

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("time_zone", "Mars/Base"),
            ("time_zone", "../../etc/passwd"),
            ("time_zone", None),
            ("language", "xx"),
            ("language", 1),
            ("first_name", ""),
            ("first_name", "\x07Ana"),
            ("kyc_level", 3),
            ("vip_level", 3),
            ("is_staff", True),
            ("is_superuser", True),
            ("groups", [1]),
            ("id", "00000000-0000-7000-8000-000000000000"),
            ("referral_code", "AAAAAAAA"),
            ("country", "FR"),
        ],
    )
    def test_refuses_what_is_wrong_or_not_ones_own_to_say(self, client, ana, field, value):
        access = bearer(log_in(client)["access"])
        before = User.objects.values().get()
        assert pointers(client.patch("/api/v1/users/me", {field: value}, format="json", **access)) == [f"/{field}"]
        assert User.objects.values().get() == before

    def test_a_verified_name_stays(self, client, ana):
        User.objects.filter(pk=ana.pk).update(kyc_level=1)
        access = bearer(log_in(client)["access"])
        answer = client.patch("/api/v1/users/me", {"first_name": "Other"}, format="json", **access)
        assert (answer.status_code, answer.json()["code"]) == (409, "name-is-verified")
        assert User.objects.get().first_name == "Ana"

    def test_is_nobodys_without_a_token(self, client):
        assert client.get("/api/v1/users/me").status_code == 401
        assert client.patch("/api/v1/users/me", {}, format="json").status_code == 401


class TestPassword:
    def test_change_keeps_this_session_and_ends_the_others(self, client, ana):
        here, there = log_in(client), log_in(client)
        body = {"current_password": PASSWORD, "new_password": "a brand new secret"}
        assert post(client, "/auth/password/change", body, **bearer(here["access"])).status_code == 204
        assert client.get("/api/v1/users/me", **bearer(here["access"])).status_code == 200
        assert client.get("/api/v1/users/me", **bearer(there["access"])).status_code == 401
        assert post(client, "/auth/refresh", {"refresh": there["refresh"]}).status_code == 401
        log_in(client, password="a brand new secret")

    def test_change_with_a_wrong_one_is_refused_then_locked(self, client, ana):
        access = bearer(log_in(client)["access"])
        body = {"current_password": "wrong", "new_password": "a brand new secret"}
        codes = [post(client, "/auth/password/change", body, **access).json()["code"] for _ in range(6)]
        assert codes == ["wrong-password"] * 5 + ["locked-out"]
        assert User.objects.get().check_password(PASSWORD)

    @pytest.mark.parametrize("value", ["short", "password", "ana@example.com", "", None, 7, [], "x" * 200], ids=repr)
    def test_a_new_one_that_is_bad_is_refused(self, client, ana, value):
        access = bearer(log_in(client)["access"])
        body = {"current_password": PASSWORD, "new_password": value}
        assert pointers(post(client, "/auth/password/change", body, **access)) == ["/new_password"]
        assert User.objects.get().check_password(PASSWORD)

    @pytest.mark.django_db(transaction=True)
    def test_reset_answers_the_same_for_everybody_and_writes_to_the_known(self, client, ana):
        answers = [
            post(client, "/auth/password/reset", {"identifier": identifier})
            for identifier in ("ana@example.com", "nobody@example.com", "+2290197123456", "neither")
        ]
        assert {a.status_code for a in answers} == {202}
        assert len({a.content for a in answers}) == 1
        assert [m.to for m in mail.outbox] == [["ana@example.com"]]

    @pytest.mark.django_db(transaction=True)
    def test_reset_by_mail_end_to_end(self, client, ana):
        pair = log_in(client)
        post(client, "/auth/password/reset", {"identifier": "ana@example.com"})
        token = mail.outbox[0].body.split("\n\n")[2].strip()
        bad = post(client, "/auth/password/reset/confirm", {"token": token, "new_password": "short"})
        assert pointers(bad) == ["/new_password"]
        body = {"token": token, "new_password": "a brand new secret"}
        assert post(client, "/auth/password/reset/confirm", body).status_code == 204
        assert client.get("/api/v1/users/me", **bearer(pair["access"])).status_code == 401
        log_in(client, password="a brand new secret")
        again = post(client, "/auth/password/reset/confirm", body | {"new_password": "a third good secret"})
        assert (again.status_code, again.json()["code"]) == (422, "reset-token-refused")

    def test_confirm_of_naughty_tokens_is_refused(self, client, ana):
        services.request_reset(bytes(ana.email_index), now=NOW)
        for text in NAUGHTY:
            answer = post(client, "/auth/password/reset/confirm", {"token": text, "new_password": "a brand new secret"})
            assert answer.status_code in {400, 422}, (text, answer.content)
        assert PasswordResetToken.objects.get().used_at is None
        assert User.objects.get().check_password(PASSWORD)


def test_a_referral_code_is_taken_in_lower_case(client):
    eve = make_investor("Eve")
    body = ANA | {"referral_code": eve.referral_code.lower()}
    assert post(client, "/auth/signup", body).status_code == 201
    assert User.objects.exclude(pk=eve.pk).get().referrer == eve
