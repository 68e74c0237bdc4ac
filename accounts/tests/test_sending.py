"""Mails of accounts that a server doesn't take at once: tried again, given up with an alert, refused for good."""

from __future__ import annotations

import smtplib
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import time_machine
from anymail.exceptions import AnymailAPIError, AnymailRecipientsRefused
from celery import Task, current_app
from django.core import mail

from accounts import mails, rules, sms, tasks
from accounts.models import PasswordResetToken, VerificationCode
from accounts.sending import Sending
from accounts.services import codes, passwords
from oversight.models import Alert
from tests.people import make_investor

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PASSING = [
    ConnectionRefusedError(),
    TimeoutError(),
    smtplib.SMTPServerDisconnected("gone"),
    smtplib.SMTPAuthenticationError(535, b"wrong password"),
    smtplib.SMTPRecipientsRefused({"ana@example.com": (451, b"greylisted")}),
    smtplib.SMTPRecipientsRefused({"ana@example.com": (554, b"5.7.1 <ana@example.com>: Relay access denied")}),
    smtplib.SMTPDataError(452, b"full"),
    smtplib.SMTPDataError(550, b"5.7.26 this mail isn't authenticated"),
    smtplib.SMTPDataError(554, "5.3.0 system not accepting"),
    AnymailAPIError("busy", status_code=503),
    AnymailAPIError("bad key", status_code=401),
    AnymailAPIError("our sender isn't known there", status_code=422),
    AnymailAPIError("our sender isn't an address", status_code=400),
]
FINAL = [
    smtplib.SMTPRecipientsRefused({"ana@example.com": (550, b"no such user ana@example.com")}),
    smtplib.SMTPRecipientsRefused({"ana@example.com": (550, b"5.1.1 no such user")}),
    smtplib.SMTPDataError(554, b"spam"),
    smtplib.SMTPDataError(552, b"5.2.2 mailbox full"),
    AnymailRecipientsRefused("ana@example.com is on the list"),
    AnymailAPIError("too large", status_code=413),
]


@pytest.fixture(autouse=True)
def worker(monkeypatch):
    """Tasks run here and at once, and their errors stay theirs, as in a worker."""
    monkeypatch.setitem(current_app.conf, "task_eager_propagates", False)


@pytest.fixture
def server(monkeypatch):
    """Have the mail server say these, one a mail, then take the mail; return how often it was asked."""
    said, asked = [], []

    def send_messages(backend, messages):
        asked.append(messages)
        if said:
            raise said.pop(0)
        mail.outbox.extend(messages)
        return len(messages)

    def says(*errors):
        said[:] = errors
        return asked

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", send_messages)
    return says


def of_address(person, purpose, **given):
    return VerificationCode.objects.create(
        user=person, channel="email", purpose=purpose, address_index=person.email_index,
        created_at=NOW, expires_at=datetime(2100, 1, 1, tzinfo=UTC), **given,
    )  # fmt: skip


def a_mail(ana):
    return lambda: mails.send.apply(["sign_up_attempted", str(ana.pk)])


def a_code(ana):
    ana.email_verified_at = None
    ana.save(update_fields=["email_verified_at"])
    code = of_address(ana, codes.Purpose.VERIFY)
    return lambda: tasks.send_code.apply([str(code.pk)])


def an_old_address(ana):
    code = of_address(ana, codes.Purpose.CHANGE, address="ana.old@example.com")
    return lambda: tasks.tell_old_address.apply([str(code.pk)])


def a_reset(ana):
    return lambda: tasks.reset_password.apply([bytes(ana.email_index).hex()])


ALL = pytest.mark.parametrize("task", [a_mail, a_code, an_old_address, a_reset])


@ALL
@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_a_failure_that_may_pass_is_tried_again(ana, server, task, error):
    run = task(ana)
    asked = server(error)
    assert run().status == "SUCCESS"
    assert (len(asked), len(mail.outbox)) == (2, 1)
    assert not Alert.objects.exists()


@ALL
@pytest.mark.parametrize("error", FINAL, ids=repr)
def test_a_refusal_is_final_and_alerts_nobody(ana, server, task, error):
    run = task(ana)
    asked = server(error)
    assert run().status == "FAILURE"
    assert (len(asked), mail.outbox) == (1, [])
    assert not Alert.objects.exists()


@ALL
def test_what_doesnt_pass_is_given_up_and_officers_are_told(ana, server, task):
    run = task(ana)
    asked = server(*[ConnectionRefusedError()] * 20)
    assert run().status == "FAILURE"
    assert (len(asked), mail.outbox) == (10, [])
    alert = Alert.objects.get(kind="accounts.messages_fail")
    assert (alert.dedupe, alert.times_raised) == ("mail", 1)
    assert alert.detail == "The newest was given up: the mail server can't be reached: ConnectionRefusedError."


def test_a_code_by_sms_is_given_up_while_it_is_good(db, monkeypatch):
    """One that has lapsed isn't sent, which is no failure: nobody would hear that no code arrives."""
    bo = make_investor("Bo", phone="+2290197123456")
    code = VerificationCode.objects.create(
        user=bo, channel="phone", purpose=codes.Purpose.VERIFY, address_index=bo.phone_index,
        created_at=NOW, expires_at=NOW + rules.CODE_LIFETIME["phone"],
    )  # fmt: skip
    asked = []
    with time_machine.travel(NOW, tick=False) as clock:

        def fail(number, text):
            asked.append(clock)
            clock.shift(timedelta(seconds=Sending.retry_backoff * 2 ** (len(asked) - 1)))
            raise sms.SmsFailed("busy")

        monkeypatch.setattr(sms, "send", fail)
        assert tasks.send_code.apply([str(code.pk)]).status == "FAILURE"
    alert = Alert.objects.get(kind="accounts.messages_fail")
    assert (alert.dedupe, alert.detail) == ("SMS", "The newest was given up: busy.")
    assert len(asked) == 7


@pytest.mark.parametrize(("wait", "seconds"), [(None, 5), (2, 5), (120, 120), (86400, 600)])
def test_it_is_tried_again_when_the_provider_asks_for_it(ana, server, monkeypatch, wait, seconds):
    put_off = []

    def retry(task, *args, exc, countdown, **options):
        put_off.append(countdown)
        raise exc

    monkeypatch.setattr(Task, "retry", retry)
    headers = {} if wait is None else {"Retry-After": str(wait)}
    server(AnymailAPIError("busy", status_code=429, response=SimpleNamespace(headers=headers, reason="", text="")))
    a_mail(ana)()
    assert put_off == [seconds]


@pytest.mark.parametrize("errors", [[ConnectionRefusedError()] * 20, FINAL[:1]], ids=["down", "refused"])
def test_a_reset_that_couldnt_be_mailed_isnt_counted(ana, server, errors):
    kept = passwords.open_reset(ana.pk, now=NOW)
    run = a_reset(ana)
    server(*errors)
    run()
    assert kept is not None and PasswordResetToken.objects.get().created_at == NOW


def test_the_link_of_the_last_attempt_is_the_one_that_is_good(ana, server):
    server(ConnectionRefusedError())
    a_reset(ana)()
    (row,), (sent,) = PasswordResetToken.objects.all(), mail.outbox
    secret = next(line.strip() for line in sent.body.splitlines() if len(line.strip()) == 43)
    passwords.confirm_reset(secret, new="violet harbour lantern 88", now=row.created_at)
    assert PasswordResetToken.objects.get(used_at__isnull=False).pk == row.pk


def test_many_sign_ups_with_one_address_are_told_of_three_times_a_day(ana, server):
    """From however many places: nobody's mailbox is filled by us. Another attempt at one mail isn't another mail."""
    asked = server(ConnectionRefusedError())
    for _ in range(5):
        mails.send.apply(["sign_up_attempted", str(ana.pk)])
    assert (len(asked), len(mail.outbox)) == (4, 3)
    mails.send.apply(["account_deleted", str(ana.pk)])
    assert len(mail.outbox) == 4
