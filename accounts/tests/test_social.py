"""Log-in by Google and Apple, over HTTP: who gets in, who is asked for more, whose account stays theirs."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
import time_machine
from django.core import mail
from django.core.cache import cache
from rest_framework.test import APIClient

from accounts import rules, services, tasks
from accounts.models import LoginFailure, Session, SocialIdentity, SocialNonce, User
from accounts.models.social import subject_index
from accounts.services import factors
from accounts.tests.issuers import EC_KEY, claims, jwk, signed
from oversight.models import AuditEvent
from tests.people import PASSWORD, make_investor

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
SUBJECT = "110169484474386276334"
PROFILE = {"country": "BJ"}
APPLE_PROFILE = {"country": "BJ", "first_name": "Ana", "last_name": "Houngbo"}

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("issuer")]


@pytest.fixture(autouse=True)
def clock(db):
    cache.clear()
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def post(path, body=None, **headers):
    client = APIClient(raise_request_exception=False)
    return client.post(f"/api/v1{path}", body or {}, headers=headers)


def nonce() -> str:
    answer = post("/auth/social/nonce")
    assert (answer.status_code, answer["Cache-Control"], answer.json()["expires_in"]) == (200, "no-store", 900)
    return answer.json()["nonce"]


def token(provider="google", *, nonce_claim=None, **others) -> str:
    return signed(claims(provider, nonce_claim or nonce(), now=datetime.now(UTC), **others))


def log_in(id_token, provider="google", **profile):
    return post(f"/auth/social/{provider}", {"id_token": id_token, **profile})


def refusal(answer) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json", answer.content
    return answer.status_code, answer.json()["code"]


def linked(person: User, subject=SUBJECT, provider="google") -> SocialIdentity:
    index = subject_index(provider, subject)
    return SocialIdentity.objects.create(user=person, provider=provider, subject_index=index, created_at=NOW)


def with_number(person: User) -> None:
    person.identify(email=person.email, phone="+2290197123456")
    person.phone_verified_at = NOW
    person.save(update_fields=["phone", "phone_index", "phone_verified_at"])


@pytest.fixture
def ana() -> User:
    return make_investor("Ana", email="ana@gmail.com", email_verified_at=NOW - timedelta(days=9))


def no_way_in() -> bool:
    return not Session.objects.exists() and not SocialIdentity.objects.exists()


class TestSomebodyNew:
    def test_is_signed_up_and_logged_in(self):
        answer = log_in(token(), **PROFILE)
        assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
        assert set(answer.json()) == {"access", "refresh"}
        person = User.objects.get()
        assert (person.email, person.first_name, person.last_name) == ("ana@gmail.com", "Ana", "Houngbo")
        assert (person.country, person.email_verified_at) == ("BJ", NOW)
        assert not person.has_usable_password()
        assert [group.name for group in person.groups.all()] == ["investor"]
        assert [told.subject for told in mail.outbox] == ["Welcome to Fiducia"]
        identity = SocialIdentity.objects.get()
        assert (identity.user, identity.provider, identity.last_used_at) == (person, "google", NOW)
        actions = set(AuditEvent.objects.values_list("action", flat=True))
        assert actions == {"accounts.signed_up", "accounts.logged_in"}
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access']}")
        assert client.get("/api/v1/users/me").json()["email"] == "ana@gmail.com"

    def test_no_subject_is_kept_in_clear(self):
        log_in(token(), **PROFILE)
        assert SUBJECT.encode() not in bytes(SocialIdentity.objects.get().subject_index)

    def test_is_known_from_then_on(self):
        log_in(token(), **PROFILE)
        assert log_in(token()).status_code == 200
        assert (User.objects.count(), Session.objects.count()) == (1, 2)

    def test_is_asked_for_a_country_and_may_send_the_token_again(self):
        held = token()
        answer = log_in(held)
        assert refusal(answer) == (422, "profile-needed")
        assert [problem["pointer"] for problem in answer.json()["errors"]] == ["/country"]
        assert not User.objects.exists() and no_way_in()
        assert log_in(held, **PROFILE).status_code == 200

    def test_of_apple_is_asked_for_names_too(self):
        held = token("apple")
        pointers = {problem["pointer"] for problem in log_in(held, "apple").json()["errors"]}
        assert pointers == {"/country", "/first_name", "/last_name"}
        assert log_in(held, "apple", **APPLE_PROFILE).status_code == 200
        assert User.objects.get().get_full_name() == "Ana Houngbo"

    def test_names_of_the_body_go_before_the_tokens(self):
        log_in(token(), **PROFILE, first_name="Anna", language="fr")
        person = User.objects.get()
        assert (person.first_name, person.last_name, person.language) == ("Anna", "Houngbo", "fr")

    def test_comes_by_a_referral_code(self):
        eve = make_investor("Eve")
        assert log_in(token(), **PROFILE, referral_code="NOBODYS1").status_code == 400
        log_in(token(), **PROFILE, referral_code=eve.referral_code.lower())
        assert User.objects.exclude(pk=eve.pk).get().referrer == eve

    def test_with_an_address_that_google_doesnt_speak_for_is_asked_to_verify_it(self):
        assert log_in(token(email="ana@example.com"), **PROFILE).status_code == 200
        assert User.objects.get().email_verified_at is None
        assert sorted(told.subject for told in mail.outbox) == ["Is this address yours?", "Welcome to Fiducia"]

    @pytest.mark.parametrize("others", [{"email": None}, {"email_verified": False}, {"email": "ana"}])
    def test_without_a_verified_address_is_sent_to_the_sign_up(self, others):
        assert refusal(log_in(token(**others), **PROFILE)) == (422, "social-address-missing")
        assert not User.objects.exists() and no_way_in()

    def test_may_set_a_password_by_mail(self):
        log_in(token(), **PROFILE)
        mail.outbox.clear()
        post("/auth/password/reset", {"identifier": "ana@gmail.com"})
        secret = mail.outbox[0].body.split("\n\n")[2]
        done = post("/auth/password/reset/confirm", {"token": secret, "new_password": "a very good passphrase"})
        assert done.status_code == 204
        answer = post("/auth/login", {"identifier": "ana@gmail.com", "password": "a very good passphrase"})
        assert answer.status_code == 200

    def test_has_no_password_that_could_be_guessed(self):
        log_in(token(), **PROFILE)
        for password in ("", "!", User.objects.get().password):
            answer = post("/auth/login", {"identifier": "ana@gmail.com", "password": password or " "})
            assert refusal(answer) == (401, "wrong-credentials")

    def test_a_relay_of_apples_is_their_address(self):
        relay = "dpdcnf87nu@privaterelay.appleid.com"
        log_in(token("apple", email=relay), "apple", **APPLE_PROFILE)
        assert User.objects.get().email == relay


class TestSomebodyKnown:
    def test_comes_in_though_apple_says_no_address_any_more(self, ana):
        linked(ana, provider="apple")
        assert log_in(token("apple", email=None, email_verified=None), "apple").status_code == 200

    def test_comes_in_though_the_address_there_changed(self, ana):
        linked(ana)
        eve = make_investor("Eve", email="eve@gmail.com", email_verified_at=NOW)
        assert log_in(token(email=eve.email)).status_code == 200
        assert Session.objects.get().user == ana

    def test_is_asked_for_the_second_factor(self, ana):
        linked(ana)
        hour_ago = NOW - timedelta(hours=1)
        app = pyotp.TOTP(services.enrol(ana, password=PASSWORD, now=hour_ago).secret)
        factors.confirm(ana, app.at(hour_ago), now=hour_ago)
        answer = log_in(token())
        assert set(answer.json()) == {"mfa_required", "mfa_token", "methods"}
        assert not Session.objects.exists()
        given = {"mfa_token": answer.json()["mfa_token"], "code": app.at(NOW)}
        assert set(post("/auth/login/mfa", given).json()) == {"access", "refresh"}

    def test_of_a_blocked_account_stays_out(self, ana):
        linked(ana)
        User.objects.filter(pk=ana.pk).update(blocked_at=NOW)
        assert refusal(log_in(token())) == (403, "account-blocked")
        assert not Session.objects.exists()

    def test_of_a_deleted_account_stays_out(self, ana):
        linked(ana)
        User.objects.filter(pk=ana.pk).update(deleted_at=NOW)
        assert refusal(log_in(token())) == (403, "social-log-in-closed")
        assert not Session.objects.exists()

    def test_who_became_an_officer_stays_out(self, ana):
        linked(ana)
        User.objects.filter(pk=ana.pk).update(is_staff=True)
        assert refusal(log_in(token())) == (403, "officers-log-in-otherwise")
        assert not Session.objects.exists()

    def test_is_told_of_a_new_device(self, ana):
        linked(ana)
        services.log_in(ana.email, PASSWORD, device=services.Device("A phone", "192.0.2.1"), now=NOW)
        mail.outbox.clear()
        post("/auth/social/google", {"id_token": token()}, **{"User-Agent": "Something else"})
        assert [told.subject for told in mail.outbox] == ["A log-in from a new device"]

    def test_who_has_a_verified_number_is_asked_for_a_code_the_first_time(self, ana, sent):
        """Whoever reads her mail can link a log-in: it opens nothing from a device that she never came from."""
        with_number(ana)
        services.log_in(ana.email, PASSWORD, device=services.Device("A phone", "192.0.2.1"), now=NOW)
        identity = linked(ana)
        for _ in range(2):
            answer = log_in(token())
            assert answer.json()["methods"] == ["sms"]
        assert (Session.objects.count(), len(sent())) == (1, 1)
        identity.refresh_from_db()
        assert identity.last_used_at is None
        code = re.search(r"\b\d{6}\b", sent()[0]["text"])[0]
        given = {"mfa_token": answer.json()["mfa_token"], "code": code}
        assert set(post("/auth/login/mfa", given).json()) == {"access", "refresh"}
        assert set(log_in(token()).json()) == {"access", "refresh"}
        elsewhere = {"User-Agent": "Something else"}
        answer = post("/auth/social/google", {"id_token": token()}, **elsewhere)
        assert set(answer.json()) == {"access", "refresh"}

    def test_so_is_who_comes_like_her(self, ana, sent):
        """All phones of one browser in one carrier's network look like one device."""
        with_number(ana)
        answer = post("/auth/login", {"identifier": ana.email, "password": PASSWORD})
        assert answer.status_code == 200
        identity = linked(ana)
        asked = log_in(token())
        assert asked.json()["methods"] == ["sms"]
        code = re.search(r"\b\d{6}\b", sent()[0]["text"])[0]
        given = {"mfa_token": asked.json()["mfa_token"], "code": code}
        assert post("/auth/login/mfa", given).status_code == 200
        identity.refresh_from_db()
        assert identity.last_used_at is None
        assert set(log_in(token()).json()) == {"access", "refresh"}

    def test_where_no_sms_may_go_a_mail_is_no_second_factor(self, ana, sent, settings):
        """It was linked by mail: a code there would show nothing else."""
        with_number(ana)
        services.log_in(ana.email, PASSWORD, device=services.Device("A phone", "192.0.2.1"), now=NOW)
        linked(ana)
        settings.SMS_A_DAY = (8, 0, 10)
        mail.outbox.clear()
        assert refusal(log_in(token())) == (429, "sms-capped")
        assert (Session.objects.count(), mail.outbox, sent()) == (1, [], [])

    def test_who_is_asked_for_that_code_has_used_the_nonce_up(self, ana, sent):
        with_number(ana)
        services.log_in(ana.email, PASSWORD, device=services.Device("A phone", "192.0.2.1"), now=NOW)
        linked(ana)
        held = token()
        assert log_in(held).json()["mfa_required"] is True
        assert refusal(log_in(held)) == (401, "id-token-refused")
        assert len(sent()) == 1

    def test_neither_meets_nor_lifts_the_lock_of_passwords(self, ana):
        linked(ana)
        for _ in range(rules.ATTEMPTS_BEFORE_LOCK):
            post("/auth/login", {"identifier": ana.email, "password": "not this one"})
        before = LoginFailure.objects.values().get()
        assert log_in(token()).status_code == 200
        assert LoginFailure.objects.values().get() == before


class TestAnAddressThatNobodyProved:
    """Eve signs up with a Google account that once had Ana's address, and Ana then shows that it is hers."""

    @pytest.fixture
    def taken(self) -> User:
        assert log_in(token(email="ana@example.com"), **PROFILE).status_code == 200
        person = User.objects.get()
        assert person.email_verified_at is None
        return person

    def of_mail(self, subject: str) -> str:
        (body,) = [told.body for told in mail.outbox if told.subject == subject]
        return re.search(r"^[\w.-]{40,}$", body, re.MULTILINE).group()

    def is_shut_out(self, person: User) -> None:
        assert not SocialIdentity.objects.exists()
        assert not Session.objects.filter(revoked_at=None).exists()
        assert AuditEvent.objects.filter(action="accounts.identities_dropped", target_id=str(person.pk)).count() == 1

    def test_once_it_is_verified_the_log_in_from_before_is_gone(self, taken):
        code = self.of_mail("Is this address yours?")
        assert post("/auth/verify-email", {"token": code}).status_code == 204
        self.is_shut_out(taken)
        assert log_in(token(email="ana@example.com")).status_code == 202
        assert not Session.objects.filter(revoked_at=None).exists()

    def test_once_a_password_is_set_by_mail_it_is_gone_too(self, taken):
        post("/auth/password/reset", {"identifier": "ana@example.com"})
        link = self.of_mail("Set a new password")
        body = {"token": link, "new_password": "a very good passphrase"}
        assert post("/auth/password/reset/confirm", body).status_code == 204
        self.is_shut_out(taken)
        assert refusal(log_in(token(email="ana@example.com"))) == (409, "address-unverified")

    def test_what_was_linked_to_a_proven_address_stays(self, ana):
        linked(ana)
        post("/auth/password/reset", {"identifier": ana.email})
        body = {"token": self.of_mail("Set a new password"), "new_password": "a very good passphrase"}
        assert post("/auth/password/reset/confirm", body).status_code == 204
        assert SocialIdentity.objects.get().user == ana
        assert log_in(token()).status_code == 200

    def test_whoever_verifies_without_such_a_log_in_stays_in(self):
        zoe = make_investor("Zoe", email="zoe@example.com")
        services.log_in(zoe.email, PASSWORD, device=services.Device(), now=NOW)
        services.ask_code(zoe, "email", now=NOW)
        assert post("/auth/verify-email", {"token": self.of_mail("Is this address yours?")}).status_code == 204
        assert Session.objects.get().revoked_at is None


class TestNonce:
    def test_is_good_once(self, ana):
        linked(ana)
        held = token()
        assert log_in(held).status_code == 200
        assert refusal(log_in(held)) == (401, "id-token-refused")
        assert Session.objects.count() == 1

    def test_of_two_tokens_with_one_only_the_first_counts(self, ana):
        linked(ana)
        drawn = nonce()
        assert log_in(token(nonce_claim=drawn)).status_code == 200
        assert refusal(log_in(token(nonce_claim=drawn, iat=int(NOW.timestamp())))) == (401, "id-token-refused")

    def test_may_be_hashed_and_is_the_same_one_then(self, ana):
        linked(ana, provider="apple")
        drawn = nonce()
        hashed = hashlib.sha256(drawn.encode()).hexdigest()
        assert log_in(token("apple", nonce_claim=hashed), "apple").status_code == 200
        for same in (drawn, hashed, hashed.upper()):
            assert refusal(log_in(token("apple", nonce_claim=same), "apple")) == (401, "id-token-refused")

    @pytest.mark.parametrize("known", [True, False])
    def test_one_that_we_didnt_draw_is_refused(self, ana, known):
        if known:
            linked(ana)
        for other in ("x", "0" * 64, nonce()[:-1]):
            answer = log_in(token(nonce_claim=other, **({} if known else {"email": "new@gmail.com"})), **PROFILE)
            assert refusal(answer) == (401, "id-token-refused")
        assert (User.objects.count(), Session.objects.count()) == (1, 0)

    def test_what_is_kept_of_it_is_no_nonce(self, ana):
        linked(ana)
        drawn = nonce()
        kept = bytes(SocialNonce.objects.get().nonce_hash)
        assert drawn.encode() not in kept
        twice = hashlib.sha256(kept.hex().encode()).hexdigest()
        assert refusal(log_in(token(nonce_claim=twice))) == (401, "id-token-refused")

    def test_is_good_for_a_quarter_of_an_hour(self, ana, clock):
        linked(ana)
        early, late = token(), token()
        clock.shift(timedelta(minutes=14, seconds=59))
        assert log_in(early).status_code == 200
        clock.shift(timedelta(seconds=1))
        assert refusal(log_in(late)) == (401, "id-token-refused")

    def test_is_forgotten_after_that(self, clock):
        nonce()
        tasks.forget_old()
        assert SocialNonce.objects.count() == 1
        clock.shift(timedelta(minutes=16))
        tasks.forget_old()
        assert not SocialNonce.objects.exists()

    def test_a_refusal_leaves_it_good(self, ana):
        linked(ana)
        User.objects.filter(pk=ana.pk).update(blocked_at=NOW)
        held = token()
        assert log_in(held).status_code == 403
        User.objects.filter(pk=ana.pk).update(blocked_at=None)
        assert log_in(held).status_code == 200


class TestEndpoint:
    def test_without_clients_there_is_none(self, settings):
        settings.SOCIAL_CLIENT_IDS = {"google": [], "apple": []}
        for provider in ("google", "apple"):
            assert refusal(log_in("x", provider)) == (404, "unknown-social-provider")

    def test_while_the_provider_is_down_and_unknown_says_when_to_try_again(self, issuer):
        issuer.status = 500
        answer = log_in(token(), **PROFILE)
        assert (*refusal(answer), answer["Retry-After"]) == (503, "provider-unavailable", "60")
        assert not User.objects.exists()

    def test_a_rotated_key_is_found(self, ana, issuer, clock):
        linked(ana)
        assert log_in(token()).status_code == 200
        issuer.keys = [jwk(EC_KEY, "two")]
        clock.shift(timedelta(minutes=2))
        said = claims("apple", nonce(), now=datetime.now(UTC))
        linked(ana, provider="apple")
        assert log_in(signed(said, key=EC_KEY, kid="two"), "apple").status_code == 200

    def test_a_token_that_is_too_long_is_pointed_at(self):
        answer = log_in("x" * 8193)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/id_token")

    def test_a_failure_half_way_leaves_nothing(self, monkeypatch):
        from accounts.services import identities

        held = token()
        monkeypatch.setattr(identities, "_insert", lambda *args, **more: 1 / 0)
        client = APIClient(raise_request_exception=False)
        answer = client.post("/api/v1/auth/social/google", {"id_token": held, **PROFILE})
        assert answer.status_code == 500
        assert not User.objects.exists() and no_way_in()
        monkeypatch.undo()
        assert log_in(held, **PROFILE).status_code == 200
