"""Passkeys: made and proved against the real checks, by an authenticator in software."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.core import mail

from accounts import rules, services
from accounts.errors import FactorMissing, LastFactor, TokenRefused, TooMany, WrongFactor
from accounts.models import Passkey, PasskeyChallenge, RecoveryCode, Session, Totp, User
from accounts.services import factors, passkeys
from accounts.services.login import Challenge
from accounts.sites import Site
from accounts.tests.authenticator import Authenticator
from core.errors import NotFound
from notifications.models import Notification
from oversight.models import Alert, AuditEvent
from oversight.second_factor import SecondFactorNeeded
from tests.people import PASSWORD, make_investor

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
SITE = Site("testserver", ("http://testserver",), "console of one browser")
ELSEWHERE = replace(SITE, domain="evil.example", origins=("https://evil.example",))


def register(person: User, device: Authenticator, *, at: datetime = NOW, site: Site = SITE) -> list[str]:
    """Add a passkey, as somebody who gave a factor just now if they have one."""
    options = passkeys.ask_to_register(person, site=SITE, proved_at=at, now=at)
    added = passkeys.register(person, device.make(options), name="laptop", site=site, proved_at=at, now=at)
    return added.recovery_codes


def prove(person: User, device: Authenticator, *, now: datetime = NOW, site: Site = SITE) -> None:
    answer = device.prove(passkeys.ask_to_prove(person, site=SITE, now=now))
    services.prove_in_console(person, passkeys.Assertion(answer, site), now=now)


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def device() -> Authenticator:
    return Authenticator()


class TestRegister:
    def test_the_first_factor_brings_recovery_codes_and_is_told(self, omar, device, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            codes = register(omar, device)
        assert (len(codes), Passkey.objects.get(user=omar).name) == (rules.RECOVERY_CODES, "laptop")
        assert factors.has_factor(omar)
        assert [sent.subject for sent in mail.outbox] == ["Your second factor was changed"]
        assert AuditEvent.objects.filter(action="accounts.passkey_added", actor=omar).count() == 1
        assert User.objects.get(pk=omar.pk).access_changed_at == NOW

    def test_a_second_one_leaves_the_codes(self, omar, device):
        codes = register(omar, device)
        assert register(omar, Authenticator()) == []
        assert RecoveryCode.objects.filter(user=omar, used_at=None).count() == len(codes)

    @pytest.mark.parametrize(
        "wrong",
        [
            lambda answer: {},
            lambda answer: {**answer, "response": {}},
            lambda answer: {**answer, "response": None},
            lambda answer: {**answer, "rawId": "!"},
            lambda answer: {**answer, "response": {**answer["response"], "attestationObject": "oA"}},
            lambda answer: {**answer, "response": {**answer["response"], "clientDataJSON": "e30"}},
        ],
    )
    def test_nonsense_is_refused(self, omar, device, wrong):
        options = passkeys.ask_to_register(omar, site=SITE, now=NOW)
        with pytest.raises(WrongFactor):
            passkeys.register(omar, wrong(device.make(options)), name="laptop", site=SITE, now=NOW)
        assert not Passkey.objects.exists()

    def test_a_false_page_is_refused(self, omar):
        with pytest.raises(WrongFactor):
            register(omar, Authenticator(origin="http://testserver.evil.example"))
        with pytest.raises(WrongFactor):
            register(omar, Authenticator(), site=ELSEWHERE)
        assert not Passkey.objects.exists()

    def test_another_one_takes_a_factor_given_just_now(self, omar, device):
        register(omar, device)
        options = passkeys.ask_to_register(omar, site=SITE, proved_at=NOW, now=NOW)
        later = NOW + timedelta(minutes=15)
        for proved_at, now in ((None, NOW), (NOW - timedelta(seconds=1), NOW), (NOW, later)):
            with pytest.raises(SecondFactorNeeded):
                passkeys.ask_to_register(omar, site=SITE, proved_at=proved_at, now=now)
            with pytest.raises(SecondFactorNeeded):
                made = Authenticator().make(options)
                passkeys.register(omar, made, name="x", site=SITE, proved_at=proved_at, now=now)
            with pytest.raises(SecondFactorNeeded):
                factors.draw_secret(omar, proved_at=proved_at, now=now)
        assert (Passkey.objects.count(), Totp.objects.count()) == (1, 0)

    def test_what_the_password_opened_before_the_first_one_ends(self, omar, device):
        services.log_in(omar.email, PASSWORD, device=services.Device(), now=NOW)
        register(omar, device)
        assert Session.objects.get().revoke_reason == "factor"
        Session.objects.create(
            user=omar, token_hash=b"x", created_at=NOW, last_used_at=NOW, expires_at=NOW + timedelta(days=1)
        )
        register(omar, Authenticator())
        assert Session.objects.alive().count() == 1

    @pytest.mark.parametrize("size", [1023, 1024])
    def test_an_identifier_has_a_longest(self, omar, size):
        device = Authenticator(credential_id=b"i" * size)
        if size == 1023:
            register(omar, device)
        else:
            with pytest.raises(WrongFactor):
                register(omar, device)
        assert Passkey.objects.count() == (size == 1023)

    def test_an_answer_is_taken_once_and_in_time(self, omar, lin, device):
        options = passkeys.ask_to_register(omar, site=SITE, now=NOW)
        late = NOW + rules.PASSKEY_CHALLENGE_LIFETIME + timedelta(seconds=1)
        for person, at in ((lin, NOW), (omar, late)):
            with pytest.raises(WrongFactor):
                passkeys.register(person, device.make(options), name="x", site=SITE, now=at)
        passkeys.register(omar, device.make(options), name="x", site=SITE, now=NOW)
        with pytest.raises(WrongFactor):
            passkeys.register(omar, Authenticator().make(options), name="y", site=SITE, proved_at=NOW, now=NOW)
        assert Passkey.objects.count() == 1

    def test_what_was_asked_for_before_access_changed_is_void(self, omar, device):
        """Two officers reset the factors while somebody's page for a passkey was open."""
        answer = device.make(passkeys.ask_to_register(omar, site=SITE, now=NOW))
        User.objects.filter(pk=omar.pk).update(access_changed_at=NOW + timedelta(seconds=1))
        later = NOW + timedelta(seconds=2)
        with pytest.raises(WrongFactor):
            passkeys.register(omar, answer, name="laptop", site=SITE, now=later)
        assert not Passkey.objects.exists()
        register(omar, Authenticator(), at=later)

    def test_a_session_that_was_ended_adds_none(self, omar, device):
        session = Session.objects.create(
            user=omar, created_at=NOW, last_used_at=NOW, expires_at=NOW + timedelta(days=1)
        )
        session.revoked_at, session.revoke_reason = NOW, Session.Reason.OWNER
        session.save(update_fields=["revoked_at", "revoke_reason"])
        answer = device.make(passkeys.ask_to_register(omar, site=SITE, now=NOW))
        with pytest.raises(TokenRefused):
            passkeys.register(omar, answer, name="laptop", site=SITE, session=session, now=NOW)
        assert not Passkey.objects.exists()

    def test_a_device_belongs_to_one_person(self, omar, lin, device):
        register(omar, device)
        with pytest.raises(WrongFactor):
            register(lin, device)
        assert Passkey.objects.get().user == omar

    def test_there_is_a_most(self, omar):
        for _ in range(rules.PASSKEYS):
            register(omar, Authenticator())
        with pytest.raises(TooMany):
            passkeys.ask_to_register(omar, site=SITE, proved_at=NOW, now=NOW)


class TestProve:
    def test_opens_the_console_and_counts(self, omar, device):
        register(omar, device)
        prove(omar, device)
        key = Passkey.objects.get()
        assert (key.counter, key.last_used_at) == (1, NOW)
        assert AuditEvent.objects.filter(action="accounts.entered_console", actor=omar).count() == 1

    def test_an_answer_is_good_once(self, omar, device):
        register(omar, device)
        answer = passkeys.Assertion(device.prove(passkeys.ask_to_prove(omar, site=SITE, now=NOW)), SITE)
        services.prove_in_console(omar, answer, now=NOW)
        with pytest.raises(WrongFactor):
            services.prove_in_console(omar, answer, now=NOW)
        assert AuditEvent.objects.filter(action="accounts.entered_console").count() == 1

    def test_a_device_without_a_counter_goes_on(self, omar, device):
        register(omar, device)
        for _ in range(2):
            device.counter = -1
            prove(omar, device)
        assert Passkey.objects.get().counter == 0

    def test_a_copy_whose_counter_stands_still_is_refused(self, omar, device):
        register(omar, device)
        device.counter = 6
        prove(omar, device)
        for stale in (6, 2, -1):
            device.counter = stale
            with pytest.raises(WrongFactor):
                prove(omar, device)
        assert Passkey.objects.get().counter == 7

    def test_a_copy_is_told_to_its_owner_and_to_officers(self, omar, device):
        register(omar, device)
        device.counter = 6
        prove(omar, device)
        device.counter = 2
        with pytest.raises(WrongFactor) as refused:
            prove(omar, device)
        assert (refused.value.code, refused.value.status) == ("wrong-factor", 422)
        assert Notification.objects.get(kind="passkey_copied").user == omar
        assert Alert.objects.get(kind="accounts.passkey_copied").target_id == str(omar.pk)
        assert AuditEvent.objects.filter(action="accounts.passkey_copied", actor=omar).count() == 1

    def test_another_device_a_false_page_and_a_tampered_answer_are_refused(self, omar, lin, device):
        register(omar, device)
        register(lin, Authenticator())
        with pytest.raises(WrongFactor):
            prove(omar, Authenticator())
        with pytest.raises(WrongFactor):
            prove(omar, device, site=ELSEWHERE)
        answer = device.prove(passkeys.ask_to_prove(omar, site=SITE, now=NOW))
        answer["response"]["signature"] = device.prove(passkeys.ask_to_prove(lin, site=SITE, now=NOW))["response"][
            "signature"
        ]
        for wrong in (answer, {}, {**answer, "rawId": None}):
            with pytest.raises(WrongFactor):
                services.prove_in_console(omar, passkeys.Assertion(wrong, SITE), now=NOW)
        assert not AuditEvent.objects.filter(action="accounts.entered_console").exists()

    def test_whoever_has_none_is_told(self, omar):
        with pytest.raises(FactorMissing):
            passkeys.ask_to_prove(omar, site=SITE, now=NOW)
        assert not PasskeyChallenge.objects.exists()


class TestChallenges:
    def test_of_another_visit_or_purpose_are_nothing(self, omar, device):
        register(omar, device)
        elsewhere = replace(SITE, visit="console of another browser")
        answer = device.prove(passkeys.ask_to_prove(omar, site=SITE, now=NOW))
        passkeys.ask_to_prove(omar, site=elsewhere, now=NOW)
        with pytest.raises(WrongFactor):
            services.prove_in_console(omar, passkeys.Assertion(answer, elsewhere), now=NOW)
        made = passkeys.ask_to_register(omar, site=SITE, proved_at=NOW, now=NOW)
        of_register = device.prove({**made, "rpId": "testserver"})
        with pytest.raises(WrongFactor):
            services.prove_in_console(omar, passkeys.Assertion(of_register, SITE), now=NOW)
        services.prove_in_console(
            omar, passkeys.Assertion(device.prove(passkeys.ask_to_prove(omar, site=SITE, now=NOW)), SITE), now=NOW
        )

    def test_name_no_session_in_clear(self, omar, device):
        register(omar, device)
        passkeys.ask_to_prove(omar, site=SITE, now=NOW)
        kept = PasskeyChallenge.objects.get()
        assert bytes(kept.visit_hash) == SITE.visit_hash
        assert SITE.visit not in str(kept.state)

    def test_that_nobody_answered_are_forgotten(self, omar, lin, device):
        register(omar, device)
        Authenticator().keep(lin, at=NOW)
        passkeys.ask_to_prove(omar, site=SITE, now=NOW)
        soon, late = (NOW + rules.PASSKEY_CHALLENGE_LIFETIME + timedelta(seconds=n) for n in (0, 1))
        passkeys.ask_to_prove(lin, site=SITE, now=late)
        assert (passkeys.forget_old(now=soon), passkeys.forget_old(now=late), passkeys.forget_old(now=late)) == (
            0,
            1,
            0,
        )
        assert PasskeyChallenge.objects.get().user == lin

    @pytest.mark.parametrize("wrong", [{"verifies": False}, {"frames": True}, {"handle": b"somebody else"}])
    def test_a_device_that_knows_no_owner_a_frame_and_another_owner_are_refused(self, omar, device, wrong):
        register(omar, device)
        with pytest.raises(WrongFactor):
            prove(omar, replace(device, **wrong))
        prove(omar, replace(device, handle=omar.pk.bytes))


class TestLogIn:
    def test_a_passkey_alone_keeps_the_password_from_logging_in(self, device):
        ana = make_investor("Ana")
        codes = register(ana, device)
        asked = services.log_in(ana.email, PASSWORD, device=services.Device(), now=NOW)
        assert isinstance(asked, Challenge)
        assert asked.methods == ("passkey", "recovery_code")
        code = factors.Code(codes[0])
        assert services.log_in_with_factor(asked.mfa_token, code, device=services.Device(), now=NOW).access


class TestRemove:
    def test_an_officer_keeps_one_factor(self, omar, device):
        register(omar, device)
        key = Passkey.objects.get()
        with pytest.raises(LastFactor):
            passkeys.remove_proved(omar, key.pk, now=NOW)
        register(omar, Authenticator())
        passkeys.remove_proved(omar, key.pk, now=NOW)
        assert Passkey.objects.exclude(pk=key.pk).count() == 1
        assert RecoveryCode.objects.filter(used_at=None).count() == rules.RECOVERY_CODES

    def test_an_investors_last_one_takes_the_recovery_codes_along(self, device):
        ana = make_investor("Ana")
        register(ana, device)
        passkeys.remove_proved(ana, Passkey.objects.get().pk, now=NOW)
        assert not factors.has_factor(ana)
        assert not RecoveryCode.objects.filter(used_at=None).exists()

    def test_anothers_is_unknown(self, omar, lin, device):
        register(omar, device)
        key: Any = Passkey.objects.get().pk
        for passkey_id in (key, uuid4()):
            with pytest.raises(NotFound):
                passkeys.remove_proved(lin, passkey_id, now=NOW)
        assert Passkey.objects.count() == 1
