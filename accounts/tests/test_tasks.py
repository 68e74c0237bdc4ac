from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail

from accounts import lockout, tasks
from accounts.models import LoginFailure, PasswordResetToken
from accounts.services import passwords

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def test_what_lapsed_long_ago_is_forgotten_and_nothing_else(ana, eve):
    passwords.open_reset(ana.pk, now=NOW - timedelta(days=31))
    passwords.open_reset(eve.pk, now=NOW - timedelta(days=29))
    lockout.spend_attempt(b"old", now=NOW - timedelta(days=2))
    lockout.spend_attempt(b"new", now=NOW - timedelta(hours=2))
    with time_machine.travel(NOW, tick=False):
        tasks.forget_old()
        tasks.forget_old()
    assert [bytes(row.pk) for row in LoginFailure.objects.all()] == [b"new"]
    assert PasswordResetToken.objects.get().user == eve


def test_a_mail_to_nobody_or_without_an_address_is_none(ana):
    tasks.send_mail("sign_up_attempted", "00000000-0000-7000-8000-000000000000")
    ana.email = ""
    ana.save(update_fields=["email"])
    tasks.send_mail("sign_up_attempted", str(ana.pk))
    assert mail.outbox == []


def test_a_name_in_a_mail_is_written_as_it_is(ana):
    ana.first_name = "N'Dri <b>"
    ana.save(update_fields=["first_name"])
    tasks.send_mail("sign_up_attempted", str(ana.pk))
    assert mail.outbox[0].body.startswith("Hello N'Dri <b>,")
