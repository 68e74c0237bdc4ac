"""Deliveries: claimed, sent outside any transaction, recorded, tried again, dropped for a reason."""

from __future__ import annotations

import smtplib
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from functools import partial
from itertools import count
from types import SimpleNamespace
from unittest.mock import Mock
from uuid import uuid4

import pytest
import time_machine
from anymail.exceptions import AnymailAPIError, AnymailRecipientsRefused
from django.core import mail
from django.db import connection

from accounts import sms
from accounts.models import SmsCount, User
from accounts.services import sms_caps
from core.errors import Forbidden
from notifications import kinds, rules, services, tasks
from notifications.channels import Failed
from notifications.channels import mail as mails
from notifications.models import Delivery, Device, MessageCount, Notification, Preference, QuietHours
from notifications.services import dispatch, sending, silence
from notifications.tests.conftest import COFFEE, FACTS, NOW, log_in, phone_of, reachable
from oversight.models import Alert
from tests.people import make_investor

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def tell(person, kind="tests_coffee", key="cup:7", now=NOW):
    services.notify(person, kind, facts=FACTS, key=key, now=now)


def row(**which) -> Delivery:
    return Delivery.objects.get(**which)


def state(**which):
    found = row(**which)
    return found.status, found.reason


def refuse_mails(monkeypatch, *errors):
    """Have the mail server say these, one a call, then take the mail."""
    said = list(errors)

    def send_messages(backend, messages):
        if said and (error := said.pop(0)) is not None:
            raise error
        mail.outbox.extend(messages)
        return len(messages)

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", send_messages)


class TestMail:
    def test_it_is_sent_in_the_readers_language_as_text_and_html(self, ana, settings):
        settings.APP_URL, settings.DEFAULT_FROM_EMAIL = "https://app.example", "Fiducia <no-reply@fiducia.example>"
        ana.language = "fr"
        ana.save(update_fields=["language"])
        tell(ana)
        assert sending.send_due(clock=lambda: NOW) == 1
        (sent,) = mail.outbox
        delivery = row()
        assert (sent.subject, sent.to, parseaddr(sent.from_email)[1]) == (
            "Café 7",
            ["ana@example.com"],
            "no-reply@fiducia.example",
        )
        assert sent.body.startswith(
            "Bonjour Ana,\n\nOne.\n\nTwo & <three>.\n\nCup\xa0: 7\n\nDrink\xa0: https://app.example/coffee/7\n"
        )
        ((html, kind),) = sent.alternatives
        assert (
            kind == "text/html" and "Two &amp; &lt;three&gt;." in html and 'href="https://app.example/coffee/7"' in html
        )
        assert sent.extra_headers["Message-ID"] == f"<{delivery.pk.hex}@fiducia.example>"
        assert (delivery.status, delivery.attempts, delivery.ended_at, delivery.reason) == ("sent", 1, NOW, "")

    @pytest.mark.parametrize(
        ("client", "told"),
        [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Linux"),
            ("Secure https://evil.example/a now", "a client that we don't know"),
            ("Account blocked: call Fiducia, +229 01 90 00 00 00 or 198.51.100.7/login Firefox/1", "Firefox"),
            ("", "a client that we don't know"),
        ],
    )
    def test_a_stranger_at_the_door_puts_no_words_into_the_warning(self, ana, client, told):
        facts = {"session": str(log_in(ana, client=client).pk)}
        services.notify(ana, "new_device", facts=facts, key="x", now=NOW)
        assert sending.send_due(clock=lambda: NOW) == 1
        assert f"\nWith: {told}\n" in mail.outbox[0].body

    def test_what_was_sent_isnt_sent_again(self, ana):
        tell(ana)
        assert [sending.send_due(clock=lambda: NOW) for _ in range(2)] == [1, 0]
        assert len(mail.outbox) == 1

    def test_no_provider_is_called_in_a_transaction(self, ana, monkeypatch):
        inside = []
        monkeypatch.setattr(dispatch, "send", lambda *_, **__: inside.append(len(connection.savepoint_ids)))
        before = len(connection.savepoint_ids)
        tell(ana)
        sending.send_due(clock=lambda: NOW)
        assert inside == [before]

    @pytest.mark.parametrize(
        "error",
        [
            smtplib.SMTPRecipientsRefused({"ana@example.com": (550, b"no such user ana@example.com")}),
            smtplib.SMTPDataError(554, b"spam from ana@example.com"),
            AnymailRecipientsRefused("ana@example.com is on the list"),
            AnymailAPIError("too large", status_code=413),
        ],
    )
    def test_a_refusal_is_final(self, ana, monkeypatch, error):
        refuse_mails(monkeypatch, error)
        tell(ana)
        sending.send_due(clock=lambda: NOW)
        assert row().status == "failed" and row().attempts == 1
        assert row().reason and "ana@" not in row().reason
        assert not Alert.objects.filter(kind="messages-fail").exists()

    @pytest.mark.parametrize(
        "error",
        [
            ConnectionRefusedError(),
            TimeoutError(),
            smtplib.SMTPServerDisconnected("gone"),
            smtplib.SMTPAuthenticationError(535, b"wrong password"),
            smtplib.SMTPSenderRefused(550, b"not allowed", "no-reply"),
            smtplib.SMTPRecipientsRefused({"ana@example.com": (451, b"greylisted")}),
            smtplib.SMTPDataError(452, b"full"),
            AnymailAPIError("busy", status_code=503),
            AnymailAPIError("bad key", status_code=401),
            AnymailAPIError("our sender isn't known there", status_code=422),
            ValueError("a bug of ours with ana@example.com"),
        ],
    )
    def test_a_failure_is_tried_again(self, ana, monkeypatch, error):
        refuse_mails(monkeypatch, error)
        tell(ana)
        assert sending.send_due(clock=lambda: NOW) == 0
        waits = row()
        assert (waits.status, waits.attempts, waits.next_try_at) == ("queued", 1, NOW + timedelta(minutes=1))
        assert waits.reason and "ana@" not in waits.reason
        assert sending.send_due(clock=lambda: NOW + timedelta(seconds=59)) == 0
        assert sending.send_due(clock=lambda: NOW + timedelta(minutes=1)) == 1
        assert (row().status, row().attempts, row().reason) == ("sent", 2, "")

    def test_a_provider_that_asks_for_longer_is_left_alone_for_longer(self, ana, monkeypatch):
        answer = SimpleNamespace(headers={"Retry-After": "600"}, reason="", text="")
        refuse_mails(monkeypatch, AnymailAPIError("busy", status_code=429, response=answer))
        tell(ana)
        assert sending.send_due(clock=lambda: NOW) == 0
        assert (row().status, row().next_try_at) == ("queued", NOW + timedelta(minutes=10))

    def test_after_six_attempts_it_is_given_up_and_officers_are_told(self, ana, monkeypatch):
        refuse_mails(monkeypatch, *[ConnectionRefusedError()] * 9)
        tell(ana)
        at, tries = NOW, []
        while row().status == "queued":
            at = max(at, row().next_try_at)
            tries.append(at - NOW)
            sending.send_due(clock=partial(max, at, at))
        minutes = [each.total_seconds() / 60 for each in tries]
        assert minutes == [0, 1, 6, 21, 81, 321]
        assert state() == ("failed", "the mail server can't be reached: ConnectionRefusedError")
        alert = Alert.objects.get(kind="messages-fail")
        assert alert.title == "Messages by e-mail can't be sent" and "ConnectionRefusedError" in alert.detail
        assert mail.outbox == []

    def test_a_provider_that_asks_for_a_day_each_time_is_told_to_officers(self, ana, monkeypatch):
        answer = SimpleNamespace(headers={"Retry-After": "86400"}, reason="", text="")
        refuse_mails(monkeypatch, *[AnymailAPIError("slow down", status_code=429, response=answer)] * 9)
        tell(ana, "pin_set")
        while row().status == "queued":
            at = row().next_try_at
            sending.send_due(clock=lambda at=at: at)
        assert (row().status, row().attempts, at - NOW) == ("failed", 6, timedelta(hours=8))
        assert Alert.objects.get(kind="messages-fail").dedupe == "email"

    def test_after_a_failure_the_next_gets_a_connection_of_its_own(self, ana, monkeypatch):
        refuse_mails(monkeypatch, smtplib.SMTPServerDisconnected("gone"))
        made = []
        before = mails.get_connection
        monkeypatch.setattr(mails, "get_connection", lambda: made.append(1) or before())
        for cup in range(3):
            tell(ana, key=str(cup))
        assert sending.send_due(clock=lambda: NOW) == 2
        assert len(made) == 2


class TestClaims:
    def test_a_claim_is_put_off_so_that_nobody_else_takes_it(self, ana):
        tell(ana)
        claimed = sending.claim.inside(now=NOW)
        assert [each.pk for each in claimed.to_send] == [row().pk]
        assert (row().attempts, row().next_try_at) == (1, NOW + rules.LEASE)
        assert sending.claim.inside(now=NOW + rules.LEASE - timedelta(seconds=1)).taken == 0

    def test_one_whose_worker_died_is_taken_again(self, ana):
        tell(ana)
        sending.claim.inside(now=NOW)
        assert sending.send_due(clock=lambda: NOW + rules.LEASE) == 1
        assert (row().status, row().attempts) == ("sent", 2)

    def test_one_whose_workers_always_die_is_given_up(self, ana):
        tell(ana)
        for attempt in range(7):
            sending.claim.inside(now=NOW + attempt * rules.LEASE)
        assert state() == ("failed", "no worker lived to say what came of it")
        assert row().attempts == 6
        alert = Alert.objects.get(kind="messages-fail", dedupe="email")
        assert "after 6 attempts: no worker lived to say what came of it." in alert.detail

    def test_a_worker_that_comes_back_too_late_changes_nothing(self, ana):
        tell(ana)
        sending.claim.inside(now=NOW)
        sending.claim.inside(now=NOW + rules.LEASE)
        sending.record.inside(row().pk, attempt=1, outcome=mails.Refused("late"), now=NOW)
        assert state() == ("queued", "")
        sending.record.inside(row().pk, attempt=2, outcome=None, now=NOW)
        sending.record.inside(row().pk, attempt=2, outcome=mails.Refused("twice"), now=NOW)
        assert state() == ("sent", "")

    def test_one_that_cant_be_written_doesnt_hold_up_the_others(self, ana):
        services.notify(ana, "new_device", facts={"session": str(uuid4())}, key="gone", now=NOW)
        ana.time_zone = "Mars/Olympus"
        ana.save(update_fields=["time_zone"])
        tell(ana)
        assert sending.send_due(clock=lambda: NOW) == 1
        waits = row(notification__kind="new_device")
        assert (waits.status, waits.attempts, waits.reason) == ("queued", 1, "an error of ours: MissingVariable")

    def test_one_whose_facts_are_wrong_doesnt_hold_up_the_others(self, ana):
        services.notify(ana, "new_device", facts={"session": "nonsense"}, key="wrong", now=NOW)
        tell(ana)
        assert sending.send_due(clock=lambda: NOW) == 1
        waits = row(notification__kind="new_device")
        assert (waits.status, waits.attempts, waits.reason) == ("queued", 1, "an error of ours: MissingVariable")

    def test_all_that_is_due_goes_out_in_one_run(self, ana, monkeypatch):
        monkeypatch.setattr(sending, "BATCH", 3)
        monkeypatch.setitem(rules.AN_HOUR, "email", 100)
        for cup in range(10):
            tell(ana, key=str(cup))
        assert sending.send_due(clock=lambda: NOW) == 10

    def test_what_is_urgent_waits_behind_no_crowd(self, ana, monkeypatch):
        """A hundred thousand mails about returns would hold up the warning of a stranger's log-in for hours."""
        monkeypatch.setattr(sending, "BATCH", 2)
        for cup in range(3):
            tell(ana, key=str(cup))
        tell(ana, "pin_set", now=NOW + timedelta(minutes=1))
        sending.send_due(clock=lambda: NOW + timedelta(minutes=1))
        assert [sent.subject for sent in mail.outbox] == ["Your PIN was set", "Coffee 7", "Coffee 7", "Coffee 7"]

    def test_a_run_ends_after_five_minutes(self, ana, monkeypatch):
        monkeypatch.setattr(sending, "BATCH", 1)
        for cup in range(3):
            tell(ana, key=str(cup))
        moments = iter(NOW + timedelta(minutes=minute) for minute in range(50))
        assert sending.send_due(clock=lambda: next(moments)) == 1
        assert Delivery.objects.filter(status="queued").count() == 2

    def test_one_whose_lease_ran_out_in_a_slow_batch_is_left_to_others(self, ana, monkeypatch):
        for cup in range(2):
            tell(ana, key=str(cup))
        at = [NOW]
        monkeypatch.setattr(dispatch, "send", lambda *_, **__: at.append(NOW + rules.LEASE))
        assert sending.send_due(clock=lambda: at[-1]) == 1
        assert (row(status="sent").attempts, row(status="queued").attempts) == (1, 0)
        assert row(status="queued").next_try_at == NOW + rules.LEASE
        assert MessageCount.objects.get().sent == 1

    def test_one_that_another_took_meanwhile_isnt_given_back(self, ana):
        tell(ana)
        (first,) = sending.claim.inside(now=NOW).to_send
        sending.claim.inside(now=NOW + rules.LEASE)
        sending.give_back.inside([first], until={}, now=NOW + rules.LEASE)
        assert (row().attempts, row().next_try_at) == (2, NOW + 2 * rules.LEASE)
        assert MessageCount.objects.get().sent == 1

    def test_none_is_given_up_that_was_never_tried(self, monkeypatch):
        """A server that takes a minute a mail: half a batch outlives its ten minutes."""
        for number in range(20):
            tell(reachable(f"P{chr(97 + number)}", email=f"p{number}@example.com"))
        at, tried = [NOW], Counter()

        def slow(row, seen, **_):
            tried[row.pk] += 1
            at.append(at[-1] + timedelta(seconds=61))
            raise Failed("the mail server can't be reached: TimeoutError")

        monkeypatch.setattr(dispatch, "send", slow)
        monkeypatch.setattr(silence, "SLOW", timedelta(hours=1))
        while (waits := Delivery.objects.filter(status="queued").order_by("next_try_at").first()) is not None:
            at.append(max(at[-1], waits.next_try_at) + timedelta(seconds=1))
            sending.send_in_turn(clock=lambda: at[-1])
        assert set(tried.values()) == {6} and len(tried) == 20
        assert set(Delivery.objects.values_list("status", "attempts")) == {("failed", 6)}

    def test_the_task_does_it(self, ana):
        tell(ana)
        tasks.send_due()
        assert row().status == "sent"


class TestSilence:
    """A provider that isn't reached takes ten seconds a message: thousands of pushes were hours without any mail."""

    @pytest.fixture
    def fcm(self, settings, monkeypatch):
        """A dead FCM, thirty pushes, and a mail behind them; the clock is its own."""
        settings.FCM_CREDENTIALS = {"project_id": "x", "client_email": "x", "private_key": "x", "token_uri": "x"}
        at = [NOW + timedelta(seconds=2)]

        def dead(row, message, *, now):
            at.append(at[-1] + timedelta(seconds=10))
            raise Failed("FCM can't be reached: TimeoutError")

        monkeypatch.setattr(dispatch, "_push", dead)
        for name in ("Pa", "Pb", "Pc"):
            person = make_investor(name)
            for number in range(10):
                phone_of(person, f"fcm:Token-{name}-{number}")
            tell(person)
        return at

    def test_it_doesnt_hold_up_the_others(self, ana, fcm):
        tell(ana, now=NOW + timedelta(seconds=1))
        assert sending.send_in_turn(clock=lambda: fcm[-1]) == 1
        assert [sent.to for sent in mail.outbox] == [["ana@example.com"]]
        assert fcm[-1] == NOW + timedelta(seconds=32)
        pushes = Delivery.objects.filter(channel="push", status="queued")
        assert sorted(pushes.values_list("attempts", flat=True)) == [0] * 27 + [1] * 3
        alert = Alert.objects.get(kind="messages-fail", dedupe="push")
        assert alert.title == "Messages by push can't be sent" and "FCM can't be reached" in alert.detail
        assert sum(MessageCount.objects.filter(channel="push").values_list("sent", flat=True)) == 3

    def test_for_a_minute_nobody_tries_it(self, fcm):
        sending.send_in_turn(clock=lambda: fcm[-1])
        fcm.append(fcm[-1] + timedelta(seconds=59))
        sending.send_in_turn(clock=lambda: fcm[-1])
        assert Delivery.objects.filter(attempts__gt=0).count() == 3
        fcm.append(fcm[-1] + timedelta(seconds=1))
        sending.send_in_turn(clock=lambda: fcm[-1])
        assert sum(Delivery.objects.values_list("attempts", flat=True)) == 6

    def test_a_channel_that_answers_isnt_left_alone(self, fcm, monkeypatch):
        """However slow it is, where it takes one of three messages."""
        went = count()

        def slow(row, message, *, now):
            fcm.append(fcm[-1] + timedelta(seconds=6))
            if next(went) % 3:
                raise Failed("FCM can't be reached: TimeoutError")

        monkeypatch.setattr(dispatch, "_push", slow)
        sending.send_in_turn(clock=lambda: fcm[-1])
        assert not Delivery.objects.filter(attempts=0).exists()
        assert not Alert.objects.exists()

    def test_a_channel_that_says_at_once_what_is_wrong_isnt_left_alone(self, fcm, monkeypatch):
        monkeypatch.setattr(dispatch, "_push", Mock(side_effect=Failed("FCM answered 503")))
        sending.send_in_turn(clock=lambda: fcm[-1])
        assert set(Delivery.objects.values_list("attempts", flat=True)) == {1}


class TestDropped:
    @pytest.mark.parametrize(("channel", "days"), [("email", 3), ("sms", 1)])
    def test_too_old(self, ana, channel, days):
        Preference.objects.create(user=ana, category="money", channel="sms", wanted=True)
        tell(ana)
        at = NOW + timedelta(days=days, seconds=1)
        sending.send_due(clock=lambda: at)
        assert state(channel=channel) == ("dropped", "too-old")
        assert row(channel=channel).ended_at == at

    @pytest.mark.parametrize("attempts", [0, 1])
    def test_officers_hear_of_one_that_was_tried_till_it_was_too_old(self, ana, monkeypatch, attempts):
        """Put off again and again, as by quiet hours between long waits."""
        tell(ana)
        Delivery.objects.update(attempts=attempts)
        sending.send_due(clock=lambda: NOW + timedelta(days=3, seconds=1))
        assert state() == ("dropped", "too-old")
        assert Alert.objects.filter(kind="messages-fail", dedupe="email").count() == attempts
        assert all("after 1 attempt: too-old" in alert.detail for alert in Alert.objects.all())

    def test_an_address_that_was_changed_and_isnt_proven(self, ana):
        tell(ana)
        ana.email_verified_at = None
        ana.save(update_fields=["email_verified_at"])
        sending.send_due(clock=lambda: NOW)
        assert state() == ("dropped", "address-unproven") and mail.outbox == []

    def test_an_address_that_is_gone(self):
        bo = make_investor("Bo")
        tell(bo, "pin_set")
        bo.identify(phone="+2290197000009")
        bo.save(update_fields=["email", "email_index", "phone", "phone_index"])
        sending.send_due(clock=lambda: NOW)
        assert state() == ("dropped", "no-address")

    def test_a_person_who_is_gone(self, ana):
        tell(ana)
        ana.deleted_at = NOW
        ana.save(update_fields=["deleted_at"])
        sending.send_due(clock=lambda: NOW)
        assert state() == ("dropped", "person-gone")

    def test_a_kind_that_is_no_more(self, ana, monkeypatch):
        tell(ana)
        monkeypatch.delitem(kinds._kinds, "tests_coffee")
        sending.send_due(clock=lambda: NOW)
        assert state() == ("dropped", "no-such-kind")

    def test_more_than_people_can_hear_in_an_hour(self, ana, eve):
        for cup in range(14):
            tell(ana, key=str(cup))
        assert sending.send_due(clock=lambda: NOW) == 12
        assert Delivery.objects.filter(status="dropped", reason="too-many-in-an-hour").count() == 2
        assert Notification.objects.count() == 14
        count = MessageCount.objects.get()
        assert (count.user_id, count.channel, count.sent, count.hour) == (ana.pk, "email", 12, NOW)
        tell(ana, key="next hour", now=NOW + timedelta(hours=1))
        assert sending.send_due(clock=lambda: NOW + timedelta(hours=1)) == 1

    def test_safety_isnt_limited_and_doesnt_count(self, ana):
        for number in range(14):
            tell(ana, "pin_set", key=str(number))
        assert sending.send_due(clock=lambda: NOW) == 14
        assert not MessageCount.objects.exists()

    def test_a_strangers_address_is_no_way_to_flood_it(self):
        """Each log-in with another name of a browser warns: whoever signed up with somebody's address has as many."""
        zoe = make_investor("Zoe")
        for number in range(14):
            tell(zoe, "pin_set", key=str(number))
        assert sending.send_due(clock=lambda: NOW) == 12
        assert Delivery.objects.filter(status="dropped", reason="too-many-in-an-hour").count() == 2

    def test_a_strangers_address_gets_no_more_in_a_day_than_claims_do(self):
        zoe = make_investor("Zoe")
        for hour in range(15):
            at = NOW + timedelta(hours=hour)
            for number in range(3):
                tell(zoe, "pin_set", key=f"{hour} {number}", now=at)
            sending.send_due(clock=lambda at=at: at)
        assert len(mail.outbox) == 20
        assert Delivery.objects.filter(status="dropped", reason="too-many-in-a-day").count() == 25
        tell(zoe, "pin_set", key="next day", now=NOW + timedelta(days=1))
        assert sending.send_due(clock=lambda: NOW + timedelta(days=1)) == 1

    def test_another_attempt_isnt_another_message(self, ana, monkeypatch):
        refuse_mails(monkeypatch, ConnectionRefusedError())
        tell(ana)
        sending.send_due(clock=lambda: NOW)
        sending.send_due(clock=lambda: NOW + timedelta(minutes=1))
        assert MessageCount.objects.get().sent == 1


class TestSms:
    @pytest.fixture
    def bo(self, texted):
        return make_investor("Bo", email="", phone="+2290197000009")

    def test_who_has_no_address_gets_one(self, bo, texted):
        tell(bo, "pin_set")
        assert sending.send_due(clock=lambda: NOW) == 1
        ((message),) = texted()
        assert message["to"] == "+2290197000009" and message["text"].startswith(
            "Fiducia: The PIN of your account was set."
        )

    def test_the_days_cap_holds(self, bo, texted, settings):
        settings.SMS_A_DAY = (1, 100, 100)
        tell(bo, "pin_set", key="1")
        tell(bo, "pin_set", key="2")
        assert sending.send_due(clock=lambda: NOW) == 1
        assert len(texted()) == 1
        assert Delivery.objects.filter(status="dropped", reason="no-more-sms-today").count() == 1

    @pytest.mark.parametrize("case", [((100, 4, 100), 4), ((100, 100, 4), 4), ((4, 100, 100), 3)])
    @pytest.mark.parametrize("kind", ["pin_set", "password_by_mail"])
    def test_safety_has_what_is_kept_but_a_numbers(self, bo, texted, settings, kind, case):
        """What is kept of a number's cap is for codes alone."""
        settings.SMS_A_DAY, sent = case
        User.objects.filter(pk=bo.pk).update(phone_verified_at=NOW)
        for key in range(4):
            tell(bo, kind, key=str(key))
        sending.send_due(clock=lambda: NOW)
        assert len(texted()) == sent

    def test_another_attempt_isnt_another_sms(self, bo, texted, settings, monkeypatch):
        settings.SMS_A_DAY = (1, 1, 1)

        def fail(number, text):
            raise sms.SmsFailed("busy")

        with monkeypatch.context() as away:
            away.setattr(sms, "send", fail)
            tell(bo, "pin_set")
            sending.send_due(clock=lambda: NOW)
        assert sending.send_due(clock=lambda: NOW + timedelta(minutes=1)) == 1
        assert (row().status, row().attempts, len(texted())) == ("sent", 2, 1)
        assert set(SmsCount.objects.values_list("sent", flat=True)) == {1}

    def test_a_sender_that_asks_for_longer_is_left_alone_for_longer(self, bo, texted, monkeypatch):
        def fail(number, text):
            raise sms.SmsFailed("busy", wait=timedelta(minutes=50))

        monkeypatch.setattr(sms, "send", fail)
        tell(bo, "pin_set")
        assert sending.send_due(clock=lambda: NOW) == 0
        assert (row().status, row().next_try_at) == ("queued", NOW + timedelta(minutes=50))

    @pytest.mark.parametrize("case", [(NOW, "pin_set", 1), (None, "pin_set", 0), (NOW, "tests_coffee", 0)])
    def test_strangers_sign_ups_keep_no_warning_from_an_owner(self, bo, texted, settings, case):
        """Of a country's four a day three are taken: the last is for owners' codes and the safety of their accounts."""
        settings.SMS_A_DAY = (9, 4, 99)
        bo.phone_verified_at, kind, went = case
        bo.save(update_fields=["phone_verified_at"])
        for number in range(3):
            sms_caps.count_sms(f"+229019700001{number}", purpose="verify", now=NOW)
        Preference.objects.create(user=bo, category="money", channel="sms", wanted=True)
        tell(bo, kind)
        assert sending.send_due(clock=lambda: NOW) == went == len(texted())

    def test_a_cap_of_all_is_told_to_officers(self, bo, texted, settings):
        settings.SMS_A_DAY = (9, 9, 0)
        tell(bo, "pin_set")
        sending.send_due(clock=lambda: NOW)
        assert texted() == [] and Alert.objects.filter(kind="accounts.sms_capped").exists()

    @pytest.mark.parametrize(
        ("error", "status"), [(sms.SmsRefused("Twilio answered 400"), "failed"), (sms.SmsFailed("busy"), "queued")]
    )
    def test_what_the_sender_says_is_kept(self, bo, monkeypatch, error, status):
        def say(number, text):
            raise error

        monkeypatch.setattr(sms, "send", say)
        tell(bo, "pin_set")
        sending.send_due(clock=lambda: NOW)
        assert state() == (status, str(error))


class TestQuietHours:
    @pytest.fixture
    def texts(self, ana, texted):
        """Ana wants SMS about money, too; she lives in Paris."""
        Preference.objects.create(user=ana, category="money", channel="sms", wanted=True)
        Preference.objects.create(user=ana, category="money", channel="email", wanted=False)
        ana.time_zone = "Europe/Paris"
        ana.save(update_fields=["time_zone"])
        return texted

    def test_what_can_wait_waits_for_the_morning(self, ana, texts):
        night = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)
        tell(ana, now=night)
        assert sending.send_due(clock=lambda: night) == 0
        waits = row()
        assert (waits.status, waits.attempts) == ("queued", 0)
        assert waits.next_try_at == datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
        assert sending.send_due(clock=lambda: waits.next_try_at) == 1
        assert len(texts()) == 1

    def test_what_is_urgent_doesnt(self, texted):
        bo = make_investor("Bo", email="", phone="+2290197000009")
        night = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
        tell(bo, "pin_set", now=night)
        assert sending.send_due(clock=lambda: night) == 1

    def test_mail_wakes_nobody(self, ana):
        night = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
        tell(ana, now=night)
        assert sending.send_due(clock=lambda: night) == 1

    def test_who_wants_none_has_none(self, ana, texts):
        QuietHours.objects.create(user=ana, begins=None, ends=None)
        night = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
        tell(ana, now=night)
        assert sending.send_due(clock=lambda: night) == 1


class TestRetry:
    def test_failed_ones_are_queued_again(self, ana, ada, monkeypatch):
        refuse_mails(monkeypatch, AnymailRecipientsRefused("no"))
        tell(ana)
        tell(ana, key="cup:8")
        sending.send_due(clock=lambda: NOW)
        later = NOW + timedelta(hours=1)
        ids = list(Delivery.objects.values_list("pk", flat=True))
        assert services.retry.inside(ids=ids, by=ada, now=later) == 1
        again = row(status="queued")
        assert (again.attempts, again.next_try_at, again.ended_at, again.reason) == (0, later, None, "")
        assert sending.send_due(clock=lambda: later) == 1

    def test_what_is_too_old_stays_failed(self, ana, ada, monkeypatch):
        refuse_mails(monkeypatch, AnymailRecipientsRefused("no"))
        tell(ana)
        sending.send_due(clock=lambda: NOW)
        late = NOW + timedelta(days=3, seconds=1)
        assert services.retry.inside(ids=[row().pk], by=ada, now=late) == 0
        assert row().status == "failed"

    def test_it_takes_the_permission(self, ana, omar, monkeypatch):
        refuse_mails(monkeypatch, AnymailRecipientsRefused("no"))
        tell(ana)
        sending.send_due(clock=lambda: NOW)
        with pytest.raises(Forbidden):
            services.retry.inside(ids=[row().pk], by=omar, now=NOW)
        assert row().status == "failed"


class TestForgetting:
    def test_what_is_old_goes_and_the_rest_stays(self, ana, eve):
        tell(ana)
        tell(ana, "tests_crumb")
        sending.send_due(clock=lambda: NOW)
        old, new = phone_of(ana, "old"), phone_of(eve, "new")
        old.session.revoked_at, old.session.revoke_reason = NOW, "log_out"
        old.session.save(update_fields=["revoked_at", "revoke_reason"])
        with time_machine.travel(NOW + timedelta(days=61)):
            eve_session = new.session
            eve_session.expires_at = NOW + timedelta(days=90)
            eve_session.save(update_fields=["expires_at"])
            tasks.forget_old()
            tasks.forget_old()
        assert [told.kind for told in Notification.objects.all()] == [COFFEE.code]
        assert list(Device.objects.values_list("pk", flat=True)) == [new.pk]
        assert Delivery.objects.count() == 1 and not MessageCount.objects.exists()
        with time_machine.travel(NOW + timedelta(days=91)):
            tasks.forget_old()
        assert Notification.objects.count() == 1 and not Delivery.objects.exists()
        with time_machine.travel(NOW + timedelta(days=731)):
            tasks.forget_old()
        assert not Notification.objects.exists()

    def test_what_still_waits_isnt_forgotten(self, ana):
        tell(ana)
        with time_machine.travel(NOW + timedelta(days=100)):
            tasks.forget_old()
        assert Delivery.objects.count() == 1
