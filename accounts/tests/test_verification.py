"""Codes that show whose an address or number is: sent with limits, hashed, good once, not to be guessed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail
from django.core.cache import cache
from django.db import transaction
from rest_framework.test import APIClient

from accounts import rules, services, sms, tasks
from accounts.errors import CodeRefused, NothingToVerify, SmsCapped, TooSoon
from accounts.models import SmsCount, User, VerificationCode
from accounts.services import codes, sms_caps
from oversight.models import Alert, AuditEvent
from tests.people import PASSWORD, make_investor

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
NUMBER = "+2290197123456"


@pytest.fixture(autouse=True)
def clock(db):
    cache.clear()
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ana(sent) -> User:
    return make_investor("Ana", phone=NUMBER)


def code_of(message: dict[str, str]) -> str:
    return re.search(r"\b\d{6}\b", message["text"])[0]


def ask(person: User, channel: str = "phone", *, now: datetime = NOW) -> VerificationCode:
    """Ask for a code, and be the worker who sends it."""
    services.ask_code(person, channel, now=now)
    code = VerificationCode.objects.of(person.pk, channel, "verify").first()
    codes.send(code.pk, now=now)
    return code


def mailed_token() -> str:
    return re.search(r"^[0-9a-f]{32}\.\S+$", mail.outbox[-1].body, re.MULTILINE)[0]


class TestPhone:
    def test_six_digits_verify_the_number_they_went_to(self, ana, sent):
        ask(ana)
        (message,) = sent()
        assert message["to"] == NUMBER
        services.verify_phone(ana, code_of(message), now=NOW)
        ana.refresh_from_db()
        assert ana.phone_verified_at == NOW
        assert AuditEvent.objects.filter(action="accounts.phone_verified", actor=ana).count() == 1

    def test_no_secret_is_kept(self, ana, sent):
        code = ask(ana)
        code.refresh_from_db()
        digits = code_of(sent()[0])
        assert digits.encode() not in bytes(code.secret_hash)
        assert all(digits not in str(event.after) for event in AuditEvent.objects.all())

    def test_a_code_is_good_once(self, ana, sent):
        ask(ana)
        digits = code_of(sent()[0])
        services.verify_phone(ana, digits, now=NOW)
        with pytest.raises(CodeRefused):
            services.verify_phone(ana, digits, now=NOW)

    def test_five_tries_and_no_more(self, ana, sent):
        ask(ana)
        digits = code_of(sent()[0])
        wrong = f"{(int(digits) + 1) % 10**6:06}"
        for _ in range(rules.CODE_ATTEMPTS):
            with pytest.raises(CodeRefused):
                services.verify_phone(ana, wrong, now=NOW)
        with pytest.raises(CodeRefused):
            services.verify_phone(ana, digits, now=NOW)
        ana.refresh_from_db()
        assert ana.phone_verified_at is None
        assert VerificationCode.objects.get().attempts == rules.CODE_ATTEMPTS

    def test_the_last_try_counts(self, ana, sent):
        ask(ana)
        digits = code_of(sent()[0])
        wrong = f"{(int(digits) + 1) % 10**6:06}"
        for _ in range(rules.CODE_ATTEMPTS - 1):
            with pytest.raises(CodeRefused):
                services.verify_phone(ana, wrong, now=NOW)
        services.verify_phone(ana, digits, now=NOW)

    def test_it_lasts_ten_minutes(self, ana, sent):
        ask(ana)
        with pytest.raises(CodeRefused):
            services.verify_phone(ana, code_of(sent()[0]), now=NOW + timedelta(minutes=10))
        services.verify_phone(ana, code_of(sent()[0]), now=NOW + timedelta(minutes=10, seconds=-1))

    def test_only_the_newest_counts(self, ana, sent):
        ask(ana)
        ask(ana, now=NOW + timedelta(minutes=1))
        first, second = (code_of(message) for message in sent())
        if first != second:
            with pytest.raises(CodeRefused):
                services.verify_phone(ana, first, now=NOW + timedelta(minutes=2))
        services.verify_phone(ana, second, now=NOW + timedelta(minutes=2))

    def test_it_doesnt_verify_another_number(self, ana, sent):
        ask(ana)
        ana.identify(email=ana.email, phone="+2290197000001")
        ana.save(update_fields=["phone", "phone_index"])
        with pytest.raises(CodeRefused):
            services.verify_phone(ana, code_of(sent()[0]), now=NOW)

    def test_anas_code_is_nothing_to_eve(self, ana, sent):
        eve = make_investor("Eve", phone="+2290197000002")
        ask(ana)
        with pytest.raises(CodeRefused):
            services.verify_phone(eve, code_of(sent()[0]), now=NOW)

    def test_what_the_worker_does_twice_sends_twice_and_the_later_counts(self, ana, sent):
        code = ask(ana)
        codes.send(code.pk, now=NOW)
        services.verify_phone(ana, code_of(sent()[1]), now=NOW)
        codes.send(code.pk, now=NOW)
        assert len(sent()) == 2

    def test_nothing_is_sent_for_a_code_that_came_too_late_to_the_worker(self, ana, sent):
        services.ask_code(ana, "phone", now=NOW)
        codes.send(VerificationCode.objects.get().pk, now=NOW + timedelta(minutes=10))
        assert sent() == []


class TestMail:
    def test_its_token_verifies_the_address(self, ana):
        ask(ana, "email")
        services.verify_email(mailed_token(), now=NOW + timedelta(hours=23))
        ana.refresh_from_db()
        assert ana.email_verified_at == NOW + timedelta(hours=23)

    @pytest.mark.parametrize("spoil", [lambda t: t[:-1], lambda t: t.replace(".", ""), lambda t: "", lambda t: "x.y"])
    def test_another_token_doesnt(self, ana, spoil):
        ask(ana, "email")
        with pytest.raises(CodeRefused):
            services.verify_email(spoil(mailed_token()), now=NOW)
        ana.refresh_from_db()
        assert ana.email_verified_at is None

    def test_a_digit_code_isnt_a_token(self, ana, sent):
        code = ask(ana)
        for _ in range(rules.CODE_ATTEMPTS):
            with pytest.raises(CodeRefused):
                services.verify_phone(ana, "000000" if code_of(sent()[0]) != "000000" else "000001", now=NOW)
        with pytest.raises(CodeRefused):
            services.verify_email(f"{code.pk.hex}.{code_of(sent()[0])}", now=NOW)

    def test_a_blocked_person_verifies_nothing(self, ana):
        ask(ana, "email")
        User.objects.filter(pk=ana.pk).update(blocked_at=NOW)
        with pytest.raises(CodeRefused):
            services.verify_email(mailed_token(), now=NOW)


class TestLimits:
    def test_each_wait_is_twice_the_last_and_a_day_has_five(self, ana):
        now, waits = NOW, []
        for _ in range(4):
            after = services.ask_code(ana, "phone", now=now)
            waits.append(after - now)
            with pytest.raises(TooSoon) as refused:
                services.ask_code(ana, "phone", now=after - timedelta(seconds=1))
            assert refused.value.wait == 2
            now = after
        assert waits == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8)]
        assert services.ask_code(ana, "phone", now=now) == NOW + timedelta(days=1)
        with pytest.raises(TooSoon):
            services.ask_code(ana, "phone", now=NOW + timedelta(hours=23))
        services.ask_code(ana, "phone", now=NOW + timedelta(days=1))

    def test_nothing_waits_to_be_verified(self, ana):
        bare = make_investor("Bo")
        with pytest.raises(NothingToVerify):
            services.ask_code(bare, "phone", now=NOW)
        User.objects.filter(pk=ana.pk).update(phone_verified_at=NOW)
        with pytest.raises(NothingToVerify):
            services.ask_code(ana, "phone", now=NOW)
        assert not VerificationCode.objects.exists()

    def test_a_number_is_written_to_so_often_whoever_asks(self, ana, settings):
        settings.SMS_A_DAY = (1, 9, 9)
        services.ask_code(ana, "phone", now=NOW)
        with pytest.raises(SmsCapped) as refused:
            services.ask_code(ana, "phone", now=NOW + timedelta(hours=1))
        assert refused.value.wait == 14 * 3600
        assert SmsCount.objects.get(scope="all").sent == 1
        assert not Alert.objects.exists()

    def test_a_country_has_a_cap_and_officers_hear_of_it(self, ana, settings):
        settings.SMS_A_DAY = (9, 1, 9)
        there = make_investor("Koffi", phone="+2250707070707")
        other = make_investor("Eve", phone="+2290197000002")
        services.ask_code(ana, "phone", now=NOW)
        services.ask_code(there, "phone", now=NOW)
        for _ in range(2):
            with pytest.raises(SmsCapped):
                services.ask_code(other, "phone", now=NOW)
        assert [(alert.kind, alert.dedupe) for alert in Alert.objects.all()] == [("accounts.sms_capped", "BJ")]
        assert VerificationCode.objects.count() == 2
        services.ask_code(other, "phone", now=NOW + timedelta(days=1))

    def test_all_together_have_a_cap(self, ana, settings):
        settings.SMS_A_DAY = (9, 9, 1)
        services.ask_code(ana, "phone", now=NOW)
        with pytest.raises(SmsCapped):
            services.ask_code(make_investor("Koffi", phone="+2250707070707"), "phone", now=NOW)
        assert SmsCount.objects.filter(scope="country:CI").count() == 0

    def test_an_address_is_written_to_so_often_whoever_asks(self):
        """Each of many accounts could have a stranger's mailbox written to, as the address that is to be theirs."""
        for number in range(rules.CLAIMS_BY_MAIL_A_DAY):
            sms_caps.count_mail("ana@example.com", now=NOW + timedelta(minutes=number))
        bea = make_investor("Bea")
        with pytest.raises(TooSoon) as refused, transaction.atomic():
            codes.open_code(bea, "email", "change", new_address="ana@example.com", now=NOW)
        assert refused.value.wait == 15 * 3600
        assert not VerificationCode.objects.exists()
        codes.open_code(bea, "email", "change", new_address="bea@example.org", now=NOW)
        codes.open_code(bea, "email", "change", new_address="ana@example.com", now=NOW + timedelta(days=1))

    def test_who_signs_up_with_such_an_address_asks_for_the_code_later(self):
        for _ in range(rules.CLAIMS_BY_MAIL_A_DAY):
            sms_caps.count_mail("ana@example.com", now=NOW)
        form = {"password": PASSWORD, "first_name": "Ana", "last_name": "Houngbo", "country": "BJ"}
        services.sign_up(email="ana@example.com", now=NOW, **form)
        assert User.objects.get().email == "ana@example.com"
        assert not VerificationCode.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_officers_hear_of_a_cap_that_sign_ups_met_whether_the_number_is_taken_or_free(self, settings, sent):
        """Whoever pumps messages signs up and does nothing else; and no answer takes longer than the other."""
        settings.SMS_A_DAY = (8, 1, 1)
        form = {"password": PASSWORD, "first_name": "Ana", "last_name": "Houngbo", "country": "BJ"}
        raised = Alert.objects.filter(kind="accounts.sms_capped", dedupe="BJ")
        for number, people, times in ((NUMBER, 1, []), ("+2290197000001", 2, [1]), (NUMBER, 2, [2])):
            services.sign_up(phone=number, now=NOW, **form)
            assert (User.objects.count(), list(raised.values_list("times_raised", flat=True))) == (people, times)
        assert (VerificationCode.objects.count(), len(sent())) == (1, 1)

    def test_a_part_of_each_cap_is_kept_for_codes_to_owners(self, ana, settings):
        """Strangers who sign up, and news, use up no country's messages."""
        settings.SMS_A_DAY = (9, 4, 99)
        for number in range(3):
            sms_caps.count_sms(f"+229019700000{number}", purpose="verify" if number else "notice", now=NOW)
        for purpose in ("verify", "change", "notice"):
            with pytest.raises(SmsCapped), transaction.atomic():
                sms_caps.count_sms(NUMBER, purpose=purpose, now=NOW)
        sms_caps.count_sms(NUMBER, purpose="step_up", now=NOW)
        with pytest.raises(SmsCapped), transaction.atomic():
            sms_caps.count_sms(NUMBER, purpose="pin", now=NOW)

    def test_news_leave_a_part_of_a_numbers_share(self, ana, settings):
        settings.SMS_A_DAY = (4, 99, 99)
        for _ in range(3):
            sms_caps.count_sms(NUMBER, purpose="notice", now=NOW)
        with pytest.raises(SmsCapped), transaction.atomic():
            sms_caps.count_sms(NUMBER, purpose="notice", now=NOW)
        sms_caps.count_sms(NUMBER, purpose="step_up", now=NOW)

    def test_no_number_stands_where_it_is_counted(self, ana):
        services.ask_code(ana, "phone", now=NOW)
        assert not any(NUMBER[1:] in count.scope for count in SmsCount.objects.all())

    def test_what_lapsed_is_forgotten(self, ana):
        services.ask_code(ana, "phone", now=NOW - timedelta(days=40))
        services.ask_code(ana, "phone", now=NOW)
        tasks.forget_old()
        assert VerificationCode.objects.get().created_at == NOW
        assert {count.day for count in SmsCount.objects.all()} == {NOW.date()}


@pytest.mark.django_db(transaction=True)
class TestApi:
    def signed_up(self, **changes: str) -> APIClient:
        client = APIClient()
        body = {"email": "ana@example.com", "phone": NUMBER, "password": PASSWORD, "country": "BJ"}
        body |= {"first_name": "Ana", "last_name": "Houngbo"} | changes
        assert client.post("/api/v1/auth/signup", body).status_code == 201
        pair = client.post("/api/v1/auth/login", {"identifier": body["email"], "password": PASSWORD}).json()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
        return client

    def asked(self, client: APIClient) -> list[str]:
        return [action["code"] for action in client.get("/api/v1/users/me").json()["actions_required"]]

    def test_from_sign_up_to_both_verified(self, sent):
        client = self.signed_up()
        assert {"verify-email", "verify-phone"} <= set(self.asked(client))
        answer = client.post("/api/v1/auth/verify-otp", {"code": code_of(sent()[0])})
        assert answer.status_code == 204
        assert APIClient().post("/api/v1/auth/verify-email", {"token": mailed_token()}).status_code == 204
        me = client.get("/api/v1/users/me").json()
        assert (me["email_verified_at"], me["phone_verified_at"]) == ("2026-11-20T09:00:00Z",) * 2
        assert not {"verify-email", "verify-phone"} & set(self.asked(client))

    def test_another_code_waits_and_says_until_when(self, sent, clock):
        client = self.signed_up()
        refused = client.post("/api/v1/auth/resend-otp", {"channel": "phone"})
        assert (refused.status_code, refused.json()["code"], refused["Retry-After"]) == (429, "too-soon", "61")
        clock.shift(timedelta(minutes=1, seconds=1))
        again = client.post("/api/v1/auth/resend-otp", {"channel": "phone"})
        assert (again.status_code, again.json()) == (202, {"next_at": "2026-11-20T09:03:01Z"})
        assert len(sent()) == 2

    def test_a_wrong_code_is_refused_without_a_reason(self, sent):
        client = self.signed_up()
        answers = [
            client.post("/api/v1/auth/verify-otp", {"code": code}).json()["code"] for code in ("000000", "999999")
        ]
        assert set(answers) == {"code-refused"}

    @pytest.mark.parametrize(
        "body", [{}, {"code": "12345"}, {"code": "1234567"}, {"code": "१२३४५६"}, {"code": 123456.5}]
    )
    def test_what_isnt_six_digits_is_a_bad_request(self, sent, body):
        assert self.signed_up().post("/api/v1/auth/verify-otp", body).status_code == 400
        assert VerificationCode.objects.get(channel="phone").attempts == 0

    def test_signing_up_goes_on_where_no_sms_may_go(self, sent, settings):
        settings.SMS_A_DAY = (0, 0, 0)
        self.signed_up()
        assert sent() == []
        assert VerificationCode.objects.get().channel == "email"


class TestSenders:
    @pytest.mark.parametrize("url", ["", "console", "twilio://", "twilio://sid@+1", "sandbox://", "https://x"])
    def test_an_address_that_names_none_is_refused(self, url):
        with pytest.raises(ValueError, match="SMS_URL"):
            sms.sender_of(url)

    def test_the_console_prints(self, settings, capsys):
        settings.SMS_URL = "console://"
        sms.send(NUMBER, "hello")
        assert capsys.readouterr().out == f"SMS to {NUMBER}: hello\n"

    def test_the_sandbox_keeps_one_a_line(self, sent):
        sms.send(NUMBER, "one\ntwo")
        assert sent() == [{"to": NUMBER, "text": "one\ntwo"}]
