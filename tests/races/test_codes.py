"""Races over codes and PINs: tries are counted one by one, what is good once is used once.

Controls stand beside: the same race with the lock taken out, seen to go wrong.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import partial

import pyotp
import pytest
import time_machine
from django.db import transaction

from accounts import rules, services
from accounts.models import (
    Passkey,
    PasskeyChallenge,
    PinToken,
    RecoveryCode,
    Session,
    SmsCount,
    Totp,
    TransactionPin,
    User,
    VerificationCode,
)
from accounts.services import codes, factors, passkeys, pins
from accounts.services.pins import Use
from accounts.sites import Site
from accounts.tests.authenticator import Authenticator
from oversight.models import AuditEvent
from tests.people import PASSWORD, make_investor
from tests.races.test_accounts import kinds, slowed, unlocked
from tests.races.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=True):
        yield


def slow_saves(monkeypatch, model) -> None:
    """Leave the other threads time between reading and writing."""
    before = model.save

    def save(self, **kwargs):
        time.sleep(0.1)
        before(self, **kwargs)

    monkeypatch.setattr(model, "save", save)


class TestCodes:
    """Codes by SMS: tries are counted one by one, a right one verifies once, messages are counted exactly."""

    @pytest.fixture
    def opened(self, monkeypatch):
        """Ana's code, and the six digits that were sent."""
        person, sent = make_investor("Ana", phone="+2290197123456"), []
        monkeypatch.setattr(codes.sms, "send", lambda number, text: sent.append(text[:6]))
        services.ask_code(person, "phone", now=NOW)
        codes.send(VerificationCode.objects.get().pk, now=NOW)
        return person, sent[-1]

    def guesses(self, person, digits):
        wrong = (f"{(int(digits) + step) % 10**6:06}" for step in range(1, 13))
        return [partial(services.verify_phone, person, guess, now=NOW) for guess in wrong]

    def test_twelve_guesses_at_once_are_five_tries(self, opened, monkeypatch):
        compared = []
        before = codes.take
        monkeypatch.setattr(codes, "take", lambda *args, **more: compared.append(args) or before(*args, **more))
        slow_saves(monkeypatch, VerificationCode)
        assert kinds(at_once(self.guesses(*opened))) == ["CodeRefused"] * 12
        assert len(compared) == 5

    def test_without_the_lock_all_would_be_compared(self, opened, monkeypatch):
        compared = []
        before = codes.take
        monkeypatch.setattr(codes, "take", lambda *args, **more: compared.append(args) or before(*args, **more))
        slow_saves(monkeypatch, VerificationCode)
        unlocked(monkeypatch, VerificationCode)
        at_once(self.guesses(*opened))
        assert len(compared) > 5

    def test_a_right_code_twice_at_once_verifies_once(self, opened):
        person, digits = opened
        twice = [partial(services.verify_phone, person, digits, now=NOW)] * 2
        assert kinds(at_once(twice)) == ["CodeRefused", "NoneType"]
        assert AuditEvent.objects.filter(action="accounts.phone_verified").count() == 1

    def test_a_countrys_cap_holds_against_many_at_once(self, settings):
        settings.SMS_A_DAY = (9, 6, 99)  # one of which is kept for codes to owners
        people = [make_investor(f"Ana {n}", phone=f"+22901970000{n:02}") for n in range(12)]
        outcomes = at_once([partial(services.ask_code, person, "phone", now=NOW) for person in people])
        assert kinds(outcomes) == ["SmsCapped"] * 7 + ["datetime"] * 5
        assert SmsCount.objects.get(scope="country:BJ").sent == VerificationCode.objects.count() == 5


class TestPins:
    """Guesses of a PIN at once are no more tries than one after another; a token is spent once."""

    @pytest.fixture
    def ana(self):
        person = make_investor("Ana")
        services.set_pin(person, pin="402917", password=PASSWORD, now=NOW)
        return person

    @pytest.fixture
    def guesses(self, ana, monkeypatch):
        """Twelve guesses at once, and which of them were compared."""
        compared = []
        monkeypatch.setattr(TransactionPin, "is_right", lambda self, digits: bool(compared.append(digits)))
        slow_saves(monkeypatch, TransactionPin)
        return [partial(pins.require_right, ana, f"7392{n:02}", now=NOW) for n in range(12)], compared

    def test_five_are_compared(self, guesses):
        works, compared = guesses
        assert kinds(at_once(works)) == ["PinLocked"] * 7 + ["WrongPin"] * 5
        assert len(compared) == 5

    def test_without_the_lock_all_would_be(self, guesses, monkeypatch):
        works, compared = guesses
        unlocked(monkeypatch, TransactionPin)
        at_once(works)
        assert len(compared) > 5

    @pytest.fixture
    def changes(self, ana, monkeypatch):
        """Two changes with the PIN of before: whoever stole it, and its owner."""
        slowed(monkeypatch, pins, "encode")
        return [partial(services.change_pin, ana, pin=pin, current="402917", now=NOW) for pin in ("739205", "583014")]

    def test_one_pin_is_changed_once(self, changes):
        assert kinds(at_once(changes)) == ["NoneType", "WrongPin"]

    def test_without_the_second_look_the_later_would_win(self, changes, monkeypatch):
        monkeypatch.setattr(pins, "_require_still", lambda user_id, checked: None)
        assert kinds(at_once(changes)) == ["NoneType", "NoneType"]

    @pytest.fixture
    def verified(self, ana, monkeypatch):
        """The PIN is verified while it is changed: it was compared before, and its token is made after."""
        services.log_in(ana.email, PASSWORD, device=services.Device(), now=NOW)
        use = Use(Session.objects.get(), "POST", "/api/v1/payouts")
        slowed(monkeypatch, pins, "replace")
        for _ in range(4):
            slowed(monkeypatch, pins, "open_token")
        return [
            partial(services.verify_pin, ana, pin="402917", use=use, now=NOW),
            partial(services.change_pin, ana, pin="739205", current="402917", now=NOW),
        ]

    def test_the_pin_of_before_gives_no_token(self, verified):
        assert kinds(at_once(verified)) == ["NoneType", "WrongPin"]
        assert not PinToken.objects.filter(spent_at=None).exists()

    def test_without_the_second_look_it_would(self, verified, monkeypatch):
        monkeypatch.setattr(pins, "_require_still", lambda user_id, checked: None)
        assert kinds(at_once(verified)) == ["NoneType", "str"]
        assert PinToken.objects.filter(spent_at=None).count() == 1

    @pytest.fixture
    def twice(self, ana, monkeypatch):
        services.log_in(ana.email, PASSWORD, device=services.Device(), now=NOW)
        session = Session.objects.get()
        token = services.verify_pin(ana, pin="402917", use=Use(session, "POST", "/api/v1/payouts"), now=NOW)
        slow_saves(monkeypatch, PinToken)

        def spend() -> str:
            with transaction.atomic():
                pins.spend(ana, Use(session, "POST", "/api/v1/payouts", token), now=NOW)
            return "spent"

        return [spend] * 2

    def test_a_token_is_spent_once(self, twice):
        assert kinds(at_once(twice)) == ["PinTokenRefused", "str"]

    def test_without_the_lock_it_is_spent_twice(self, twice, monkeypatch):
        monkeypatch.setattr(
            PinToken.objects._queryset_class, "lock_by_hash", lambda self, found: self.filter(token_hash=found).first()
        )
        monkeypatch.setattr(
            type(PinToken.objects), "lock_by_hash", lambda self, found: self.filter(token_hash=found).first()
        )
        assert kinds(at_once(twice)) == ["str", "str"]


class TestFactors:
    """One code of an app, or one recovery code, from two requests at once logs in once."""

    @pytest.fixture(params=["app", "recovery"])
    def twice(self, request, monkeypatch):
        person = make_investor("Ana")
        app = pyotp.TOTP(services.enrol(person, password=PASSWORD, now=NOW).secret)
        recovery = factors.confirm(person, app.at(NOW), now=NOW)
        slow_saves(monkeypatch, Totp)
        slow_saves(monkeypatch, RecoveryCode)
        later = NOW + timedelta(minutes=1)
        code = app.at(later) if request.param == "app" else recovery[0]

        def prove() -> str:
            with transaction.atomic():
                return factors.Code(code).use(person, now=later)

        return [prove] * 2

    def test_it_is_used_once(self, twice):
        assert kinds(at_once(twice)) == ["WrongFactor", "str"]

    def test_without_the_lock_it_is_used_twice(self, twice, monkeypatch):
        unlocked(monkeypatch, Totp)
        for owner in (RecoveryCode.objects._queryset_class, type(RecoveryCode.objects)):
            monkeypatch.setattr(
                owner,
                "lock_by_hash",
                lambda self, who, found: self.filter(user_id=who, code_hash=found, used_at=None).first(),
            )
        assert kinds(at_once(twice)) == ["str", "str"]


def unlock_passkeys(monkeypatch) -> None:
    """Take the locks of passkeys and of their challenges out."""
    for owner in (Passkey.objects._queryset_class, type(Passkey.objects)):
        monkeypatch.setattr(owner, "lock_all", lambda self, who: list(self.filter(user_id=who)))

    def take(self, who, purpose, visit_hash):
        row = self.filter(user_id=who, purpose=purpose, visit_hash=visit_hash).first()
        time.sleep(0.1)
        self.filter(pk=row.pk).delete()
        return row

    for owner in (PasskeyChallenge.objects._queryset_class, type(PasskeyChallenge.objects)):
        monkeypatch.setattr(owner, "take", take)


class TestPasskeys:
    """One answer of a passkey, from two requests at once, is taken once."""

    @pytest.fixture
    def twice(self, monkeypatch):
        person, device = make_investor("Ana"), Authenticator()
        site = Site("testserver", (device.origin,), "a console")
        made = device.make(passkeys.ask_to_register(person, site=site, now=NOW))
        passkeys.register(person, made, name="laptop", site=site, now=NOW)
        slow_saves(monkeypatch, Passkey)
        proof = passkeys.Assertion(device.prove(passkeys.ask_to_prove(person, site=site, now=NOW)), site)

        def prove() -> str:
            with transaction.atomic():
                return proof.use(person, now=NOW)

        return [prove] * 2

    def test_it_is_taken_once(self, twice):
        assert kinds(at_once(twice)) == ["WrongFactor", "str"]

    def test_without_the_lock_it_is_taken_twice(self, twice, monkeypatch):
        unlock_passkeys(monkeypatch)
        assert kinds(at_once(twice)) == ["str", "str"]


class TestPasskeyLogIn:
    """One answer of a passkey, sent twice at once to finish a log-in, opens one session.

    The person's lock makes the two take turns; without it and the passkeys' and the challenge's both open one.
    """

    @pytest.fixture
    def twice(self, monkeypatch):
        person, device = make_investor("Ana"), Authenticator()
        device.keep(person, at=NOW)
        token = services.log_in(person.email, PASSWORD, device=services.Device(), now=NOW).mfa_token
        site = Site("testserver", (device.origin,), f"log-in {token}")
        given = passkeys.Assertion(device.prove(services.ask_passkey(token, site=site, now=NOW)), site)
        slow_saves(monkeypatch, Passkey)
        return [partial(services.log_in_with_factor, token, given, device=services.Device(), now=NOW)] * 2

    def test_it_opens_one(self, twice):
        assert kinds(at_once(twice)) == ["TokenPair", "WrongFactor"]
        assert Session.objects.count() == 1
        assert Passkey.objects.get().counter == 1

    def test_without_the_locks_it_opens_two(self, twice, monkeypatch):
        unlocked(monkeypatch, User)
        unlock_passkeys(monkeypatch)
        assert kinds(at_once(twice)) == ["TokenPair", "TokenPair"]
        assert Session.objects.count() == 2


class TestPasskeyInASession:
    """One answer, given twice at once in an open session, is taken once; a tenth passkey is added once."""

    @pytest.fixture
    def ana(self):
        return make_investor("Ana")

    @pytest.fixture
    def session(self, ana):
        services.log_in(ana.email, PASSWORD, device=services.Device(), now=NOW)
        return Session.objects.get()

    def test_it_proves_once(self, ana, session, monkeypatch):
        device, site = Authenticator(), Site("testserver", ("http://testserver",), f"session {session.pk}")
        device.keep(ana, at=NOW)
        given = passkeys.Assertion(device.prove(passkeys.ask_to_prove(ana, site=site, now=NOW)), site)
        slow_saves(monkeypatch, Passkey)
        twice = [partial(services.prove_in_session, ana, session, given, now=NOW)] * 2
        assert kinds(at_once(twice)) == ["Session", "WrongFactor"]
        assert AuditEvent.objects.filter(action="accounts.second_factor_given").count() == 1

    @pytest.fixture
    def two_tenths(self, ana, session, monkeypatch):
        for _ in range(rules.PASSKEYS - 1):
            Authenticator().keep(ana, at=NOW)
        works = []
        for visit in ("session one", "session two"):
            site = Site("testserver", ("http://testserver",), visit)
            made = Authenticator().make(passkeys.ask_to_register(ana, site=site, proved_at=NOW, now=NOW))
            works.append(partial(passkeys.register, ana, made, name=visit, site=site, proved_at=NOW, now=NOW))
        slow_saves(monkeypatch, Passkey)
        return works

    def test_ten_are_the_most(self, two_tenths):
        assert kinds(at_once(two_tenths)) == ["Registered", "TooMany"]
        assert Passkey.objects.count() == rules.PASSKEYS

    def test_without_the_locks_there_are_eleven(self, two_tenths, monkeypatch):
        unlocked(monkeypatch, User)
        unlock_passkeys(monkeypatch)
        assert kinds(at_once(two_tenths)) == ["Registered", "Registered"]
        assert Passkey.objects.count() == rules.PASSKEYS + 1
