"""The PIN: kept so that nobody can guess it, spent with the request that it was given for, and no other."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail
from django.core.cache import cache
from rest_framework.test import APIClient

from accounts import rules, services
from accounts.errors import (
    CodeRefused,
    GuessablePin,
    NothingToVerify,
    OtherChannelNeeded,
    PinLocked,
    PinMissing,
    PinSpent,
    PinStands,
    PinTokenRefused,
    WrongPassword,
    WrongPin,
)
from accounts.models import PinToken, Session, TransactionPin, User, VerificationCode
from accounts.services import codes, passwords, pins
from accounts.services.pins import Use
from oversight.models import AuditEvent
from tests.people import PASSWORD, make_investor

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PIN, OTHER, ME = "402917", "739205", "/api/v1/users/me"
PHRASE = "another good phrase"


@pytest.fixture(autouse=True)
def clock(db):
    cache.clear()
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ana() -> User:
    return make_investor("Ana", email_verified_at=NOW)


@pytest.fixture
def session(ana) -> Session:
    services.log_in(ana.email, PASSWORD, device=services.Device(), now=NOW)
    return Session.objects.get(user=ana)


@pytest.fixture
def with_pin(ana) -> User:
    services.set_pin(ana, pin=PIN, password=PASSWORD, now=NOW)
    return ana


def guess(person: User, times: int, *, now: datetime = NOW) -> None:
    for _ in range(times):
        with pytest.raises(WrongPin):
            pins.require_right(person, OTHER, now=now)


class TestSet:
    def test_the_password_sets_it_and_neither_is_kept(self, with_pin):
        row = TransactionPin.objects.get()
        assert row.is_right(PIN) and not row.is_right(OTHER)
        assert PIN not in row.encoded
        assert AuditEvent.objects.filter(action="accounts.pin_set", actor=with_pin).count() == 1

    def test_the_same_pin_of_two_people_and_another_key_give_another_hash(self, with_pin, settings):
        eve = make_investor("Eve")
        assert not TransactionPin(user=eve, encoded=TransactionPin.objects.get().encoded).is_right(PIN)
        settings.BLIND_INDEX_KEY = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
        assert not TransactionPin.objects.get().is_right(PIN)

    def test_the_password_replaces_none(self, with_pin):
        """Else a PIN would be the password again, and whoever has that would open all that takes a PIN."""
        before = TransactionPin.objects.get().encoded
        with pytest.raises(PinStands):
            services.set_pin(with_pin, pin=OTHER, password=PASSWORD, now=NOW)
        assert TransactionPin.objects.get().encoded == before

    def test_a_password_that_is_another_by_now_sets_nothing(self, ana, session):
        """It was compared before its owner set a new one."""
        services.change_password(
            User.objects.get(pk=ana.pk), session_id=session.pk, current=PASSWORD, new="another good phrase", now=NOW
        )
        with pytest.raises(WrongPassword):
            services.set_pin(ana, pin=PIN, password=PASSWORD, now=NOW)
        assert not TransactionPin.objects.exists()

    def test_a_wrong_password_sets_nothing(self, ana):
        with pytest.raises(WrongPassword):
            services.set_pin(ana, pin=PIN, password="not this one", now=NOW)
        assert not TransactionPin.objects.exists()

    @pytest.mark.parametrize("pin", ["000000", "123456", "987654", "121212", "456456", "901234", "112112"])
    def test_what_anybody_tries_first_is_refused(self, ana, pin):
        with pytest.raises(GuessablePin):
            services.set_pin(ana, pin=pin, password=PASSWORD, now=NOW)

    def test_the_present_pin_changes_it_and_ends_its_tokens(self, with_pin, session):
        use = Use(session, "PATCH", ME)
        services.verify_pin(with_pin, pin=PIN, use=use, now=NOW)
        services.change_pin(with_pin, pin=OTHER, current=PIN, now=NOW)
        assert TransactionPin.objects.get().is_right(OTHER)
        assert PinToken.objects.get().spent_at == NOW
        with pytest.raises(WrongPin):
            services.change_pin(with_pin, pin="583014", current=PIN, now=NOW)

    def test_an_earlier_moment_frees_nothing(self, with_pin):
        """A change that began first and waited for the lock of another one comes with the moment at which it began."""
        services.change_pin(with_pin, pin=OTHER, current=PIN, now=NOW - timedelta(seconds=1))
        with_pin.refresh_from_db()
        assert with_pin.access_changed_at == NOW

    def test_payouts_are_held_for_a_day(self, with_pin):
        with_pin.refresh_from_db()
        assert services.payouts_held_until(with_pin, now=NOW) == NOW + timedelta(days=1)
        assert services.payouts_held_until(with_pin, now=NOW + timedelta(days=1)) is None
        assert services.payouts_held_until(make_investor("Eve"), now=NOW) is None

    def test_so_does_another_password(self, ana, session):
        services.change_password(ana, session_id=session.pk, current=PASSWORD, new="another good phrase", now=NOW)
        ana.refresh_from_db()
        assert services.payouts_held_until(ana, now=NOW) == NOW + timedelta(days=1)


class TestTries:
    def test_five_lock_it_then_five_more_for_longer_then_it_is_spent(self, with_pin):
        now = NOW
        for wait in (timedelta(minutes=15), timedelta(hours=1)):
            guess(with_pin, 5, now=now)
            with pytest.raises(PinLocked) as refused:
                pins.require_right(with_pin, PIN, now=now + wait - timedelta(seconds=1))
            assert refused.value.wait == 2
            now += wait
        guess(with_pin, 5, now=now)
        with pytest.raises(PinSpent):
            pins.require_right(with_pin, PIN, now=now + timedelta(days=365))
        assert TransactionPin.objects.get().failures == rules.PIN_FAILURES

    def test_a_right_one_forgets_them(self, with_pin):
        guess(with_pin, 4)
        pins.require_right(with_pin, PIN, now=NOW)
        guess(with_pin, 4)
        assert TransactionPin.objects.get().locked_until is None

    def test_without_a_pin_there_is_nothing_to_guess(self, ana, session):
        with pytest.raises(PinMissing):
            services.verify_pin(ana, pin=PIN, use=Use(session, "PATCH", ME), now=NOW)


class TestToken:
    @pytest.fixture
    def use(self, with_pin, session) -> Use:
        token = services.verify_pin(with_pin, pin=PIN, use=Use(session, "PATCH", ME), now=NOW)
        return Use(session, "PATCH", ME, token)

    def test_is_spent_once(self, with_pin, use):
        assert use.token.encode() not in bytes(PinToken.objects.get().token_hash)
        pins.spend(with_pin, use, now=NOW + timedelta(minutes=4, seconds=59))
        with pytest.raises(PinTokenRefused):
            pins.spend(with_pin, use, now=NOW)

    @pytest.mark.parametrize(
        "change",
        [
            lambda use: Use(use.session, "DELETE", use.path, use.token),
            lambda use: Use(use.session, use.method, "/api/v1/payouts", use.token),
            lambda use: Use(use.session, use.method, f"{use.path}/", use.token),
            lambda use: Use(use.session, use.method, use.path),
            lambda use: Use(use.session, use.method, use.path, use.token[:-1]),
        ],
    )
    def test_is_for_nothing_else(self, with_pin, use, change):
        with pytest.raises(PinTokenRefused):
            pins.spend(with_pin, change(use), now=NOW)
        pins.spend(with_pin, use, now=NOW)

    def test_is_for_no_other_session_and_nobody_else(self, with_pin, use):
        eve = make_investor("Eve")
        for person in (with_pin, eve):
            services.log_in(person.email, PASSWORD, device=services.Device(), now=NOW)
        for person in (with_pin, eve):
            other = Session.objects.filter(user=person).exclude(pk=use.session.pk).get()
            with pytest.raises(PinTokenRefused):
                pins.spend(person, Use(other, use.method, use.path, use.token), now=NOW)
        with pytest.raises(PinTokenRefused):
            pins.spend(eve, use, now=NOW)

    def test_lasts_five_minutes(self, with_pin, use):
        with pytest.raises(PinTokenRefused):
            pins.spend(with_pin, use, now=NOW + timedelta(minutes=5))


class TestReset:
    """With the password and a code on another channel."""

    def code(self, ana: User, monkeypatch, channel: str = "email") -> str:
        services.ask_to_reset(ana, channel, now=NOW)
        codes.send(VerificationCode.objects.get(purpose="pin").pk, now=NOW)
        return mail.outbox[-1].body.split("\n\n")[2].strip()

    def reset(self, ana: User, **changes: str) -> None:
        given = {"channel": "email", "password": PASSWORD, "pin": OTHER, **changes}
        services.reset_pin(ana, **given, now=NOW)

    def test_sets_a_new_one_and_gives_new_tries(self, with_pin, monkeypatch):
        for start in (NOW, NOW + timedelta(minutes=15), NOW + timedelta(minutes=75)):
            guess(with_pin, 5, now=start)
        self.reset(with_pin, secret=self.code(with_pin, monkeypatch))
        pins.require_right(with_pin, OTHER, now=NOW)

    def test_needs_both(self, with_pin, monkeypatch):
        code = self.code(with_pin, monkeypatch)
        with pytest.raises(WrongPassword):
            self.reset(with_pin, secret=code, password="not this one")
        with pytest.raises(CodeRefused):
            self.reset(with_pin, secret=f"{(int(code) + 1) % 10**6:06}")
        assert TransactionPin.objects.get().is_right(PIN)
        self.reset(with_pin, secret=code)
        with pytest.raises(CodeRefused):
            self.reset(with_pin, secret=code)

    def test_its_code_ends_with_the_sessions(self, with_pin, monkeypatch):
        """Whoever is put out by their owner takes no code along."""
        code = self.code(with_pin, monkeypatch)
        services.end_own_sessions(with_pin, now=NOW)
        with pytest.raises(CodeRefused):
            self.reset(with_pin, secret=code)
        assert TransactionPin.objects.get().is_right(PIN)

    def test_goes_to_a_verified_address_alone(self, with_pin):
        User.objects.filter(pk=with_pin.pk).update(email_verified_at=None)
        with pytest.raises(NothingToVerify):
            services.ask_to_reset(with_pin, "email", now=NOW)
        with pytest.raises(NothingToVerify):
            services.ask_to_reset(with_pin, "phone", now=NOW)

    def test_after_a_password_by_mail_it_comes_by_sms(self, with_pin, sent):
        """The mailbox gave the password: it doesn't give the PIN as well."""
        with_pin.identify(email=with_pin.email, phone="+2290197123456")
        with_pin.phone_verified_at = NOW
        with_pin.save(update_fields=["phone", "phone_index", "phone_verified_at"])
        services.ask_to_reset(with_pin, "email", now=NOW)
        later = NOW + timedelta(hours=1)
        services.confirm_reset(passwords.open_reset(with_pin.pk, now=later), new="another good phrase", now=later)
        with pytest.raises(OtherChannelNeeded):
            services.ask_to_reset(with_pin, "email", now=later)
        services.ask_to_reset(with_pin, "phone", now=later)
        newest = VerificationCode.objects.first()
        assert (newest.channel, newest.used_at) == ("phone", None)
        assert not VerificationCode.objects.filter(channel="email", used_at=None).exists()

    def test_a_password_by_mail_that_came_while_a_code_was_asked_for_counts(self, with_pin, monkeypatch):
        """Whoever reads the mail asks for the code and sets the password at once: it is judged when it is spent."""
        User.objects.filter(pk=with_pin.pk).update(phone="+2290197123456", phone_index=b"x", phone_verified_at=NOW)
        later, judge = NOW + timedelta(hours=1), pins._require_other_channel

        def then_reset(user: User, channel: str) -> None:
            judge(user, channel)
            services.confirm_reset(passwords.open_reset(user.pk, now=later), new=PHRASE, now=later)

        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(pins, "_require_other_channel", then_reset)
            code = self.code(User.objects.get(pk=with_pin.pk), monkeypatch)
        with_pin.refresh_from_db()
        with pytest.raises(OtherChannelNeeded):
            self.reset(with_pin, secret=code, password=PHRASE)
        assert TransactionPin.objects.get().is_right(PIN)
        assert VerificationCode.objects.get(purpose="pin").used_at is None

    def test_the_first_one_comes_by_sms_too_where_only_a_mail_opened_the_account(self, ana, sent):
        """A log-in by Google led in; the password that a mail set would set the PIN, and that another number."""
        ana.identify(email=ana.email, phone="+2290197123456")
        ana.phone_verified_at = NOW
        ana.save(update_fields=["phone", "phone_index", "phone_verified_at"])
        services.confirm_reset(passwords.open_reset(ana.pk, now=NOW), new=PHRASE, now=NOW)
        ana.refresh_from_db()
        with pytest.raises(OtherChannelNeeded):
            services.set_pin(ana, pin=PIN, password=PHRASE, now=NOW)
        with pytest.raises(OtherChannelNeeded):
            services.ask_to_reset(ana, "email", now=NOW)
        assert (TransactionPin.objects.count(), sent()) == (0, [])
        services.ask_to_reset(ana, "phone", now=NOW)
        codes.send(VerificationCode.objects.get(purpose="pin").pk, now=NOW)
        code = re.search(r"\b\d{6}\b", sent()[0]["text"])[0]
        services.reset_pin(ana, channel="phone", secret=code, password=PHRASE, pin=PIN, now=NOW)
        assert TransactionPin.objects.get().is_right(PIN)

    def test_the_first_one_is_set_where_there_is_no_number(self, ana):
        services.confirm_reset(passwords.open_reset(ana.pk, now=NOW), new=PHRASE, now=NOW)
        ana.refresh_from_db()
        services.set_pin(ana, pin=PIN, password=PHRASE, now=NOW)
        assert TransactionPin.objects.get().is_right(PIN)

    def test_a_code_for_a_pin_verifies_no_address(self, with_pin, monkeypatch):
        code = self.code(with_pin, monkeypatch)
        row = VerificationCode.objects.get(purpose="pin")
        with pytest.raises(CodeRefused):
            services.verify_email(f"{row.pk.hex}.{code}", now=NOW)


@pytest.mark.django_db(transaction=True)
class TestApi:
    @pytest.fixture
    def client(self, ana) -> APIClient:
        client = APIClient()
        pair = client.post("/api/v1/auth/login", {"identifier": ana.email, "password": PASSWORD}).json()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
        return client

    def test_set_and_verified(self, client, ana):
        assert client.post("/api/v1/auth/pin", {"pin": PIN, "password": PASSWORD}).status_code == 204
        assert [told.subject for told in mail.outbox] == ["Your PIN was set"]
        answer = client.post("/api/v1/auth/pin/verify", {"pin": PIN, "method": "PATCH", "path": ME})
        assert (answer.status_code, answer.json()["expires_in"], answer["Cache-Control"]) == (200, 300, "no-store")
        wrong = client.post("/api/v1/auth/pin/verify", {"pin": OTHER, "method": "PATCH", "path": ME})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "wrong-pin")

    @pytest.mark.parametrize(
        "body",
        [
            {"pin": PIN},
            {"pin": PIN, "password": PASSWORD, "current_pin": PIN},
            {"pin": 402917, "password": PASSWORD},
            {"pin": "40291", "password": PASSWORD},
            {"pin": "402917\n", "password": PASSWORD},
            {"pin": "٤٠٢٩١٧", "password": PASSWORD},
        ],
    )
    def test_what_isnt_understood_sets_nothing(self, client, body):
        assert client.post("/api/v1/auth/pin", body, format="json").status_code == 400
        assert not TransactionPin.objects.exists()
