"""A log-in from a new device, of somebody without an authenticator app."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from rest_framework.test import APIClient

from accounts import services, tokens
from accounts.errors import SmsCapped, TooSoon, WrongCredentials, WrongFactor
from accounts.models import Session, Totp, User, VerificationCode
from accounts.services import factors, login, passwords, sms_caps
from accounts.services.login import Challenge
from accounts.services.social import Vouched
from accounts.tests.test_factors import Enrolled
from tests.people import PASSWORD, make_investor, make_officer, session_with_factor

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PHONE = services.Device("Phone/1.0", "41.138.88.1")
LAPTOP = services.Device("Laptop/1.0", "102.64.1.1")
PHRASE = "another good phrase"


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ana() -> User:
    """Came in from her phone an hour ago."""
    person = make_investor("Ana", phone="+2290197123456", phone_verified_at=NOW, email_verified_at=NOW)
    log_in(person, PHONE, now=NOW - timedelta(hours=1))
    return person


def log_in(person: User, device: services.Device = LAPTOP, password: str = PASSWORD, *, now: datetime = NOW) -> Any:
    return services.log_in(person.email, password, device=device, now=now)


def by_mail(person: User) -> None:
    """Set another password with a link that came by mail."""
    services.confirm_reset(passwords.open_reset(person.pk, now=NOW), new=PHRASE, now=NOW)


def finish(asked: Challenge, code: str, device: services.Device = LAPTOP, *, now: datetime = NOW) -> tokens.TokenPair:
    return services.log_in_with_factor(asked.mfa_token, factors.Code(code), device=device, now=now)


def digits(text: str) -> str:
    found = re.search(r"\b\d{6}\b", text)
    assert found
    return found[0]


def test_the_password_and_a_code_by_sms(ana, sent):
    asked = log_in(ana)
    assert asked.methods == ("sms",)
    assert [told["to"] for told in sent()] == ["+2290197123456"]
    assert "to finish your log-in" in sent()[0]["text"]
    code = digits(sent()[0]["text"])
    wrong = f"{(int(code) + 1) % 10**6:06}"
    with pytest.raises(WrongFactor):
        finish(asked, wrong)
    assert finish(asked, f" {code[:3]} {code[3:]}").access
    assert Session.objects.count() == 2
    with pytest.raises(WrongFactor):
        finish(asked, code)
    assert isinstance(log_in(ana), tokens.TokenPair)


def test_a_known_device_an_unverified_number_and_a_first_log_in_need_none(ana, sent):
    assert isinstance(log_in(ana, PHONE), tokens.TokenPair)
    eve = make_investor("Eve", phone="+2290197123457")
    for device in (PHONE, LAPTOP):
        assert isinstance(log_in(eve, device), tokens.TokenPair)
    zoe = make_investor("Zoe", phone="+2290197123458", phone_verified_at=NOW)
    assert isinstance(log_in(zoe), tokens.TokenPair)
    assert sent() == []


def test_who_has_an_app_is_asked_for_that(ana, sent):
    asked = log_in(ana)
    code = digits(sent()[0]["text"])
    Enrolled(ana)
    with pytest.raises(WrongFactor):
        finish(asked, code)
    assert log_in(ana).methods == ("totp", "recovery_code")
    assert len(sent()) == 1


def test_five_tries_and_asking_again_sends_no_second_one_at_once(ana, sent, clock):
    asked = log_in(ana)
    code = digits(sent()[0]["text"])
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for _ in range(5):
        with pytest.raises(WrongFactor):
            finish(log_in(ana), wrong)
    with pytest.raises(WrongFactor):
        finish(asked, code)
    assert len(sent()) == 1
    later = NOW + timedelta(minutes=1)
    clock.move_to(later)
    asked = log_in(ana, now=later)
    with pytest.raises(WrongFactor):
        finish(asked, code, now=later)
    assert finish(asked, digits(sent()[1]["text"]), now=later).access


def test_another_persons_code_is_no_good(ana, sent):
    eve = make_investor("Eve", phone="+2290197123457", phone_verified_at=NOW)
    log_in(eve, PHONE, now=NOW - timedelta(hours=1))
    log_in(ana)
    hers = digits(sent()[0]["text"])
    asked = log_in(eve)
    with pytest.raises(WrongFactor):
        finish(asked, hers)
    assert Session.objects.filter(user=eve).count() == 1


def test_where_no_sms_may_go_it_goes_by_mail(ana, sent, settings):
    settings.SMS_A_DAY = (8, 0, 10)
    mail.outbox.clear()
    asked = log_in(ana)
    assert asked.methods == ("email_code",)
    assert sent() == []
    assert [told.subject for told in mail.outbox] == ["A code to finish your log-in"]
    assert finish(asked, digits(mail.outbox[0].body)).access


def test_a_mailbox_counts_once(ana, sent, settings, clock):
    """Whoever reads her mail has set the password: a code by mail would show nothing else."""
    by_mail(ana)
    capped, settings.SMS_A_DAY = settings.SMS_A_DAY, (8, 0, 10)
    mail.outbox.clear()
    for device in (LAPTOP, PHONE):
        with pytest.raises(SmsCapped):
            log_in(ana, device, PHRASE)
    assert mail.outbox == []
    settings.SMS_A_DAY = capped
    assert finish(log_in(ana, PHONE, PHRASE), digits(sent()[-1]["text"])).access
    settings.SMS_A_DAY = (8, 0, 10)
    assert log_in(ana, services.Device("Tablet/1.0", "102.64.1.1"), PHRASE).methods == ("email_code",)


CHROME = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Mobile Safari/537.36"
)
HERS, THEIRS = (services.Device(CHROME.format(130), "41.138.88.1"), services.Device(CHROME.format(131), "41.138.200.9"))
"""Two customers of one carrier: Chrome calls itself the same on all phones."""


def test_the_mailbox_alone_lets_nobody_in(ana, sent):
    """A password that came by mail asks for a code by SMS whatever the device, until one has come back."""
    assert finish(log_in(ana, HERS), digits(sent()[0]["text"]), HERS).access
    by_mail(ana)
    for device in (THEIRS, HERS, PHONE):
        assert log_in(ana, device, PHRASE).methods == ("sms",)
        with pytest.raises(WrongCredentials):
            login.open_session(User.objects.get(pk=ana.pk), device=device, now=NOW)
    assert not Session.objects.alive().exists()
    asked = log_in(ana, HERS, PHRASE)
    assert finish(asked, digits(sent()[-1]["text"]), HERS).access
    assert isinstance(log_in(ana, HERS, PHRASE), tokens.TokenPair)


def test_a_password_by_mail_is_told_elsewhere_than_in_that_mailbox(ana, sent):
    """Whoever reads the mail deletes that one; a push finds no session that is open still."""
    mail.outbox.clear()
    by_mail(ana)
    assert [told.subject for told in mail.outbox] == ["A new password was set by mail"]
    assert [told["to"] for told in sent()] == ["+2290197123456"]
    assert sent()[0]["text"].startswith(
        "Fiducia: A new password was set with a link that came by mail. If it wasn't you"
    )


def test_a_log_in_by_google_says_nothing_of_a_password_by_mail(ana, sent):
    """Whoever reads the mail may come by Google, too."""
    by_mail(ana)
    login.open_session(User.objects.get(pk=ana.pk), device=PHONE, now=NOW, proof=Vouched())
    assert log_in(ana, PHONE, PHRASE).methods == ("sms",)


def test_a_second_factor_says_whose_password_it_is(ana, sent):
    by_mail(ana)
    app = Enrolled(User.objects.get(pk=ana.pk), PHRASE)
    assert finish(log_in(ana, PHONE, PHRASE), app.recovery_codes[0]).access
    Totp.objects.all().delete()
    assert isinstance(log_in(ana, LAPTOP, PHRASE), tokens.TokenPair)


def test_who_has_neither_number_nor_factor_comes_in_with_a_password_by_mail(ana, sent):
    User.objects.filter(pk=ana.pk).update(phone_verified_at=None)
    by_mail(ana)
    for device in (PHONE, LAPTOP):
        assert isinstance(log_in(ana, device, PHRASE), tokens.TokenPair)
    assert sent() == []


def test_the_mailbox_alone_takes_no_account_over(ana, sent):
    """With no PIN yet the password that came by mail would set the first one, and that another number."""
    by_mail(ana)
    thief = APIClient(HTTP_USER_AGENT=PHONE.user_agent, REMOTE_ADDR="41.138.200.9")
    answer = thief.post("/api/v1/auth/login", {"identifier": ana.email, "password": PHRASE}).json()
    assert answer["methods"] == ["sms"]
    assert "to finish your log-in" in sent()[-1]["text"]
    assert "access" not in answer


def test_a_number_that_had_its_share_is_no_reason_for_a_mail(ana, sent, settings):
    """Whoever has the mailbox could use the number's share up."""
    settings.SMS_A_DAY = (0, 10, 10)
    mail.outbox.clear()
    with pytest.raises(SmsCapped):
        log_in(ana)
    assert (sent(), mail.outbox) == ([], [])


def test_strangers_who_claim_the_number_use_up_nothing_of_its_owners(ana, sent, settings):
    settings.SMS_A_DAY = (1, 10, 10)
    sms_caps.count_sms(ana.phone, purpose="change", now=NOW)
    with pytest.raises(SmsCapped):
        sms_caps.count_sms(ana.phone, purpose="verify", now=NOW)
    assert log_in(ana).methods == ("sms",)


def test_once_its_tries_are_spent_the_wait_is_said(ana, sent):
    asked = log_in(ana)
    wrong = f"{(int(digits(sent()[0]['text'])) + 1) % 10**6:06}"
    for _ in range(5):
        with pytest.raises(WrongFactor):
            finish(asked, wrong)
    with pytest.raises(TooSoon):
        log_in(ana)
    assert len(sent()) == 1


def test_a_device_is_known_by_its_use_and_the_first_log_in_is_the_first_of_all(ana, sent, clock):
    """Who logs in once and refreshes for months is known; a stranger is new however long ago that log-in was."""
    later = NOW + timedelta(days=100)
    clock.move_to(later)
    assert isinstance(log_in(ana, now=later), Challenge)
    Session.objects.update(last_used_at=later - timedelta(days=1))
    assert isinstance(log_in(ana, PHONE, now=later), tokens.TokenPair)


def test_a_device_whose_session_was_ended_as_somebody_elses_is_new_again(ana, sent):
    """A thief was put out: the password, should they learn it again, isn't enough for them."""
    assert finish(log_in(ana), digits(sent()[0]["text"])).access
    theirs = Session.objects.latest("pk")
    services.end_own_session(theirs.pk, by=ana, now=NOW)
    assert isinstance(log_in(ana, PHONE), tokens.TokenPair)
    with pytest.raises(TooSoon):
        log_in(ana)


@pytest.mark.parametrize("reason", ["log_out", "password", "factor"])
def test_a_device_that_is_not_doubted_stays_known(ana, sent, reason):
    Session.objects.update(revoked_at=NOW, revoke_reason=reason)
    assert isinstance(log_in(ana, PHONE), tokens.TokenPair)
    assert sent() == []


def test_another_password_gives_another_code(ana, sent, clock):
    """Whoever had the old one has used up the day's codes: a reset ends that."""
    now = NOW
    for wait in (1, 2, 4, 8, 16):
        assert log_in(ana, now=now).methods == ("sms",)
        now += timedelta(minutes=wait)
        clock.move_to(now)
        VerificationCode.objects.update(attempts=5)
    with pytest.raises(TooSoon):
        log_in(ana, now=now)
    phrase = "another good phrase"
    services.confirm_reset(passwords.open_reset(ana.pk, now=now), new=phrase, now=now)
    asked = services.log_in(ana.email, phrase, device=LAPTOP, now=now)
    assert finish(asked, digits(sent()[-1]["text"]), now=now).access


def test_where_neither_may_go_nobody_comes_in(ana, settings):
    settings.SMS_A_DAY = (8, 0, 0)
    User.objects.filter(pk=ana.pk).update(email_verified_at=None)
    with pytest.raises(SmsCapped):
        log_in(ana)
    assert Session.objects.count() == 1


def test_the_guard_under_the_lock(ana, sent):
    with pytest.raises(WrongCredentials):
        login.open_session(ana, device=LAPTOP, now=NOW)
    assert Session.objects.count() == 1


def test_it_opens_nothing_to_officers(sent):
    omar = make_officer("Omar", "finance", phone="+2290197123456", phone_verified_at=NOW)
    log_in(omar, PHONE, now=NOW - timedelta(hours=1))
    pair = finish(log_in(omar), digits(sent()[0]["text"]))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
    assert client.get("/api/v1/staff/offers").json()["code"] == "second-factor-required"
    client.force_authenticate(omar, token=session_with_factor(omar))
    assert client.get("/api/v1/staff/offers").status_code == 200


def test_over_http(ana, sent):
    client = APIClient(HTTP_USER_AGENT="Laptop/1.0", REMOTE_ADDR="102.64.1.1")
    asked = client.post("/api/v1/auth/login", {"identifier": ana.email, "password": PASSWORD}).json()
    assert (asked["mfa_required"], asked["methods"]) == (True, ["sms"])
    given = {"mfa_token": asked["mfa_token"], "code": digits(sent()[0]["text"])}
    assert set(client.post("/api/v1/auth/login/mfa", given).json()) == {"access", "refresh"}
    assert client.post("/api/v1/auth/login/mfa", given).json()["code"] == "wrong-factor"


def test_a_code_that_verifies_finishes_no_log_in(ana, sent):
    User.objects.filter(pk=ana.pk).update(phone_verified_at=None)
    services.ask_code(User.objects.get(pk=ana.pk), VerificationCode.Channel.PHONE, now=NOW)
    User.objects.filter(pk=ana.pk).update(phone_verified_at=NOW)
    asked = log_in(ana)
    with pytest.raises(WrongFactor):
        finish(asked, digits(sent()[0]["text"]))
