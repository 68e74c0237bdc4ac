"""Second factors: what RFC 6238 gives, each code once, and no log-in by the password alone."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
import time_machine
from django.core import mail
from django.core.cache import cache
from rest_framework.test import APIClient

from accounts import rules, services
from accounts.errors import (
    AlreadySo,
    FactorMissing,
    LockedOut,
    PinTokenRefused,
    TokenRefused,
    WrongCredentials,
    WrongFactor,
    WrongPassword,
)
from accounts.models import RecoveryCode, Session, Totp, User
from accounts.services import factors, login, passwords
from accounts.services.pins import Use
from oversight.models import AuditEvent
from oversight.second_factor import SecondFactorNeeded
from tests.people import PASSWORD, make_investor

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
STEP = timedelta(seconds=30)
TABLE = Path(__file__).parent / "data/totp_rfc6238.csv"  # RFC 6238, appendix B
SHA1 = [row for row in csv.DictReader(TABLE.open()) if row["alg"] == "SHA1"]


@pytest.fixture(autouse=True)
def clock(db):
    cache.clear()
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ana() -> User:
    return make_investor("Ana")


class Enrolled:
    """Somebody's app."""

    def __init__(self, person: User, password: str = PASSWORD, *, at: datetime = NOW - timedelta(hours=1)) -> None:
        self.person = person
        self.app = pyotp.TOTP(services.enrol(person, password=password, now=at).secret)
        self.recovery_codes = factors.confirm(person, self.app.at(at), now=at)

    def code(self, at: datetime = NOW) -> str:
        return self.app.at(at)

    def wrong(self) -> str:
        good = {self.code(NOW + step * STEP) for step in range(-2, 3)}
        return next(code for code in (f"{n:06}" for n in range(10)) if code not in good)


@pytest.fixture
def app(ana) -> Enrolled:
    return Enrolled(ana)


def log_in(person: User) -> services.Challenge:
    answer = services.log_in(person.email, PASSWORD, device=services.Device(), now=NOW)
    assert isinstance(answer, services.Challenge)
    return answer


def finish(challenge: services.Challenge, code: str, *, now: datetime = NOW):
    return services.log_in_with_factor(challenge.mfa_token, factors.Code(code), device=services.Device(), now=now)


@pytest.mark.parametrize("row", SHA1, ids=lambda row: row["unix_time"])
def test_codes_are_those_of_the_rfc(ana, row):
    assert len(SHA1) == 6
    now = datetime.fromtimestamp(int(row["unix_time"]), UTC)
    Totp.objects.create(user=ana, sealed=Totp.seal(ana.pk, row["secret_b32"]), created_at=now)
    with pytest.raises(WrongFactor):
        factors.confirm(ana, f"{(int(row['totp6']) + 1) % 10**6:06}", now=now)
    assert len(factors.confirm(ana, row["totp6"], now=now)) == rules.RECOVERY_CODES


class TestEnrol:
    def test_counts_once_it_is_confirmed(self, ana):
        enrolment = services.enrol(ana, password=PASSWORD, now=NOW)
        assert enrolment.uri.startswith("otpauth://totp/Fiducia:") and ana.email not in enrolment.uri
        assert not factors.has_factor(ana)
        codes = factors.confirm(ana, pyotp.TOTP(enrolment.secret).at(NOW), now=NOW)
        assert factors.has_factor(ana)
        assert len(set(codes)) == RecoveryCode.objects.count() == 10
        assert AuditEvent.objects.filter(action="accounts.totp_enrolled", actor=ana).count() == 1
        ana.refresh_from_db()
        assert services.payouts_held_until(ana, now=NOW) == NOW + timedelta(days=1)

    def test_no_secret_is_kept_in_clear(self, app):
        row = Totp.objects.get()
        assert app.app.secret.encode() not in bytes(row.sealed)
        plain = app.recovery_codes[0].replace("-", "").encode()
        assert all(plain not in bytes(code.code_hash) for code in RecoveryCode.objects.all())

    def test_needs_the_password(self, ana):
        with pytest.raises(WrongPassword):
            services.enrol(ana, password="not this one", now=NOW)
        assert not Totp.objects.exists()

    def test_a_second_one_takes_the_first_ones_place_only_before_it_counts(self, ana):
        first = services.enrol(ana, password=PASSWORD, now=NOW)
        second = services.enrol(ana, password=PASSWORD, now=NOW)
        with pytest.raises(WrongFactor):
            factors.confirm(ana, pyotp.TOTP(first.secret).at(NOW), now=NOW)
        factors.confirm(ana, pyotp.TOTP(second.secret).at(NOW), now=NOW)
        with pytest.raises(SecondFactorNeeded):
            services.enrol(ana, password=PASSWORD, now=NOW)
        with pytest.raises(AlreadySo):
            services.enrol(ana, password=PASSWORD, proved_at=NOW, now=NOW)

    def test_one_that_was_drawn_long_ago_is_confirmed_no_more(self, ana):
        drawn = services.enrol(ana, password=PASSWORD, now=NOW)
        later = NOW + rules.ENROLMENT_LIFETIME + timedelta(seconds=1)
        with pytest.raises(FactorMissing):
            factors.confirm(ana, pyotp.TOTP(drawn.secret).at(later), now=later)
        assert not factors.has_factor(ana)

    def test_the_first_one_ends_what_the_password_opened(self, ana):
        """Whoever had the password before enrols nothing afterwards, and has no session to go on with."""
        for _ in range(2):
            services.log_in(ana.email, PASSWORD, device=services.Device(), now=NOW)
        mine, other = Session.objects.order_by("pk")
        drawn = services.enrol(ana, password=PASSWORD, now=NOW)
        factors.confirm(ana, pyotp.TOTP(drawn.secret).at(NOW), session=mine, now=NOW)
        other.refresh_from_db()
        assert other.revoke_reason == "factor"
        assert Session.objects.alive().get() == mine

    def test_a_session_that_was_ended_meanwhile_enrols_nothing(self, ana):
        """The request of whoever was put out is still on its way: it waits for the lock of what put them out."""
        services.log_in(ana.email, PASSWORD, device=services.Device(), now=NOW)
        theirs = Session.objects.get()
        services.end_own_sessions(ana, now=NOW)
        drawn = services.enrol(ana, password=PASSWORD, now=NOW)
        with pytest.raises(TokenRefused):
            factors.confirm(ana, pyotp.TOTP(drawn.secret).at(NOW), session=theirs, now=NOW)
        assert not factors.has_factor(ana)

    def test_guessing_its_first_code_is_limited(self, ana):
        enrolment = services.enrol(ana, password=PASSWORD, now=NOW)
        for _ in range(rules.ATTEMPTS_BEFORE_LOCK):
            with pytest.raises(WrongFactor):
                factors.confirm(ana, "x", now=NOW)
        with pytest.raises(LockedOut):
            factors.confirm(ana, pyotp.TOTP(enrolment.secret).at(NOW), now=NOW)


class TestLogIn:
    def test_the_password_alone_opens_nothing(self, ana, app):
        challenge = log_in(ana)
        assert challenge.methods == ("totp", "recovery_code")
        assert not Session.objects.exists()
        with pytest.raises(WrongCredentials):
            login.open_session(ana, device=services.Device(), now=NOW)

    def test_the_code_opens_a_session_that_knows_of_it(self, ana, app):
        finish(log_in(ana), app.code())
        assert Session.objects.get().second_factor_at == NOW

    def test_a_code_works_once(self, ana, app):
        finish(log_in(ana), app.code())
        with pytest.raises(WrongFactor):
            finish(log_in(ana), app.code())

    @pytest.mark.parametrize(("steps", "is_good"), [(-3, False), (-2, False), (-1, True), (1, True), (2, False)])
    def test_one_step_aside_is_taken(self, ana, app, steps, is_good):
        if is_good:
            finish(log_in(ana), app.code(NOW + steps * STEP))
            return
        with pytest.raises(WrongFactor):
            finish(log_in(ana), app.code(NOW + steps * STEP))

    def test_after_a_newer_step_no_older_one(self, ana, app):
        finish(log_in(ana), app.code(NOW + STEP))
        for step in (-1, 0):
            with pytest.raises(WrongFactor):
                finish(log_in(ana), app.code(NOW + step * STEP))

    def test_wrong_codes_lock_it(self, ana, app):
        challenge = log_in(ana)
        for _ in range(rules.ATTEMPTS_BEFORE_LOCK):
            with pytest.raises(WrongFactor):
                finish(challenge, app.wrong())
        with pytest.raises(LockedOut):
            finish(challenge, app.code())

    def test_each_lock_is_twice_as_long_as_the_one_before(self, ana, app):
        """Whoever has the password and the time would find one of three good codes among a million otherwise."""
        now = NOW
        for minutes in (15, 30, 60, 120, 240, 480, 720, 720):
            for _ in range(rules.ATTEMPTS_BEFORE_LOCK):
                factors.count_try(ana, now=now)
            now += timedelta(minutes=minutes)
            with pytest.raises(LockedOut):
                factors.count_try(ana, now=now - timedelta(seconds=1))
        finish(log_in(ana), app.code(now), now=now)
        for _ in range(rules.ATTEMPTS_BEFORE_LOCK):
            factors.count_try(ana, now=now)
        factors.count_try(ana, now=now + timedelta(minutes=15))

    def test_the_mailbox_gives_new_tries_once_a_day(self, ana, app):
        """Who resets the password again and again guesses the code no oftener than who has the password."""

        def guess(now: datetime) -> None:
            for _ in range(rules.ATTEMPTS_BEFORE_LOCK):
                factors.count_try(ana, now=now)
            with pytest.raises(LockedOut):
                factors.count_try(ana, now=now)

        def reset(now: datetime) -> None:
            services.confirm_reset(passwords.open_reset(ana.pk, now=now), new="another good phrase", now=now)

        guess(NOW)
        reset(NOW)
        guess(NOW)
        reset(NOW + timedelta(minutes=1))
        with pytest.raises(LockedOut):
            factors.count_try(ana, now=NOW + timedelta(minutes=1))
        reset(NOW + timedelta(days=1, minutes=2))
        guess(NOW + timedelta(days=1, minutes=2))

    @pytest.mark.parametrize("write", [lambda c: f"{c[:3]} {c[3:]}", lambda c: f"\n{c}\n", lambda c: f"\u200b{c}"])
    def test_other_writings_of_a_code_are_it(self, ana, app, write):
        finish(log_in(ana), write(app.code()))

    def test_full_width_digits_are_digits(self, ana, app):
        finish(log_in(ana), "".join(chr(ord(digit) + 0xFEE0) for digit in app.code()))

    @pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "\x00", "१" * 7, "-" * 40, "0x1F600"])
    def test_what_is_no_code_is_refused(self, ana, app, code):
        with pytest.raises(WrongFactor):
            finish(log_in(ana), code)

    def test_its_token_is_for_five_minutes_and_the_password_of_then(self, ana, app, clock):
        challenge = log_in(ana)
        User.objects.filter(pk=ana.pk).update(password=make_investor("Eve").password)
        with pytest.raises(TokenRefused):
            finish(challenge, app.code())
        clock.shift(timedelta(minutes=5))
        with pytest.raises(TokenRefused):
            finish(challenge, app.code())

    def test_no_other_token_does(self, ana, app):
        pair = finish(log_in(ana), app.code())
        for token in (pair.access, pair.refresh, "x"):
            with pytest.raises(TokenRefused):
                finish(services.Challenge(token, ()), app.code(NOW + STEP))

    def test_whoever_is_blocked_meanwhile_stays_out(self, ana, app):
        challenge = log_in(ana)
        User.objects.filter(pk=ana.pk).update(blocked_at=NOW)
        with pytest.raises(TokenRefused):
            finish(challenge, app.code())


@pytest.mark.django_db(transaction=True)
class TestRecovery:
    def test_a_code_works_once_in_any_writing_and_is_told(self, ana, app):
        mail.outbox.clear()
        code = app.recovery_codes[0]
        finish(log_in(ana), f" {code.lower().replace('-', '')} ")
        assert [told.subject for told in mail.outbox] == ["A recovery code was used"]
        with pytest.raises(WrongFactor):
            finish(log_in(ana), code)
        finish(log_in(ana), app.recovery_codes[1])

    def test_renewed_ones_end_those_before(self, ana, app):
        renewed = services.renew_recovery_codes(ana, factors.AppCode(app.code()), now=NOW)
        assert not set(renewed) & set(app.recovery_codes)
        with pytest.raises(WrongFactor):
            finish(log_in(ana), app.recovery_codes[0])
        finish(log_in(ana), renewed[0])

    def test_another_persons_codes_are_nothing(self, ana, app):
        eve = Enrolled(make_investor("Eve"))
        with pytest.raises(WrongFactor):
            finish(log_in(ana), eve.recovery_codes[0])

    def test_without_an_app_there_are_none(self, ana):
        with pytest.raises(FactorMissing):
            services.renew_recovery_codes(ana, factors.AppCode("123456"), now=NOW)


class TestRemove:
    def test_takes_a_pin(self, ana, app):
        finish(log_in(ana), app.code())
        session = Session.objects.get()
        with pytest.raises(PinTokenRefused):
            factors.remove(ana, use=Use(session, "DELETE", "/api/v1/auth/mfa/totp"), now=NOW)
        assert factors.has_factor(ana)
        services.set_pin(ana, pin="402917", password=PASSWORD, now=NOW)
        use = Use(session, "DELETE", "/api/v1/auth/mfa/totp")
        token = services.verify_pin(ana, pin="402917", use=use, now=NOW)
        factors.remove(ana, use=Use(session, use.method, use.path, token), now=NOW)
        assert not factors.has_factor(ana)
        assert not RecoveryCode.objects.filter(used_at=None).exists()
        assert not isinstance(
            services.log_in(ana.email, PASSWORD, device=services.Device(), now=NOW), services.Challenge
        )


class TestApi:
    def test_enrolled_then_asked_for(self, ana):
        client = APIClient()
        credentials = {"identifier": ana.email, "password": PASSWORD}
        pair = client.post("/api/v1/auth/login", credentials).json()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
        enrolment = client.post("/api/v1/auth/mfa/totp", {"password": PASSWORD})
        assert enrolment["Cache-Control"] == "no-store"
        app = pyotp.TOTP(enrolment.json()["secret"])
        confirmed = client.post("/api/v1/auth/mfa/totp/confirm", {"code": app.at(NOW)})
        assert len(confirmed.json()["recovery_codes"]) == 10
        asked = APIClient().post("/api/v1/auth/login", credentials)
        assert set(asked.json()) == {"mfa_required", "mfa_token", "methods"}
        given = {"mfa_token": asked.json()["mfa_token"], "code": app.at(NOW)}
        assert APIClient().post("/api/v1/auth/login/mfa", given).json()["code"] == "wrong-factor"
        given["code"] = app.at(NOW + STEP)
        answer = APIClient().post("/api/v1/auth/login/mfa", given)
        assert set(answer.json()) == {"access", "refresh"}
