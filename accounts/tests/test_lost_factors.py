"""Two officers take away the factors of somebody who lost them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail

from accounts import services
from accounts.errors import FactorMissing, OwnAccount
from accounts.models import Passkey, RecoveryCode, Session, Totp, User, VerificationCode
from accounts.services import factors, lost_factors
from accounts.tests.authenticator import Authenticator
from accounts.tests.test_factors import Enrolled
from accounts.tests.test_passkeys import register
from core.errors import Forbidden
from oversight import services as oversight
from oversight.models import ApprovalRequest, AuditEvent
from tests.people import PASSWORD, make_investor, make_officer

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(minutes=1)
REASON = "Phone lost; seen with identity card"


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def ask(person: User, by: User, *, with_number: bool = False) -> ApprovalRequest:
    return lost_factors.request_reset_of_factors(person.pk, with_number=with_number, by=by, now=NOW, reason=REASON)


def approve(request: ApprovalRequest, by: Any) -> ApprovalRequest:
    return oversight.approve(request.pk, by=by, now=NOW)


def test_everything_goes_and_is_told(ana, omar, lin):
    app = Enrolled(ana)
    register(ana, Authenticator(), at=EARLIER)
    asked = services.log_in(ana.email, PASSWORD, device=services.Device(), now=NOW)
    code = factors.Code(app.recovery_codes[0])
    services.log_in_with_factor(asked.mfa_token, code, device=services.Device(), now=NOW)
    mail.outbox.clear()
    approve(ask(ana, omar), lin)
    assert not factors.has_factor(ana)
    assert not RecoveryCode.objects.filter(used_at=None).exists()
    assert Session.objects.get().revoke_reason == "officer"
    assert [told.subject for told in mail.outbox if told.to == [ana.email]] == ["Your second factor was changed"]
    event = AuditEvent.objects.get(action="accounts.factors_reset")
    assert (event.actor, event.reason) == (lin, REASON)
    assert services.log_in(ana.email, PASSWORD, device=services.Device(), now=NOW).access


def test_one_alone_takes_nothing_away(ana, omar, lin, ada):
    Enrolled(ana)
    request = ask(ana, omar)
    with pytest.raises(Forbidden):
        approve(request, omar)
    with pytest.raises(Forbidden):
        approve(request, make_officer("Sam", "support"))
    with pytest.raises(OwnAccount):
        ask(omar, omar)
    for stranger in (ana, make_officer("Fin", "finance")):
        with pytest.raises(Forbidden):
            ask(ana, stranger)
    assert factors.has_factor(ana)


def test_the_officer_in_question_approves_nothing(omar, lin, ada):
    Enrolled(omar)
    request = ask(omar, lin)
    with pytest.raises(Forbidden):
        approve(request, omar)
    assert Totp.objects.filter(pk=omar.pk).exists()


def test_who_has_none_and_who_gave_them_up_meanwhile(ana, omar, lin):
    with pytest.raises(FactorMissing):
        ask(ana, omar)
    register(ana, Authenticator())
    request = ask(ana, omar)
    Passkey.objects.all().delete()
    with pytest.raises(FactorMissing):
        approve(request, lin)
    request.refresh_from_db()
    assert request.status == "requested"


@pytest.fixture
def numbered(sent) -> User:
    """Bea has a verified number and no factor, and came in from a phone that broke."""
    bea = make_investor("Bea", phone="+2290197123456", phone_verified_at=EARLIER, email_verified_at=EARLIER)
    services.log_in(bea.email, PASSWORD, device=services.Device("Phone/1.0", "41.138.88.1"), now=EARLIER)
    return bea


def test_who_lost_the_number_can_be_helped(numbered, omar, lin, sent):
    """Every log-in from another device asks for a code by SMS, and a password by mail doesn't change that."""
    laptop = services.Device("Laptop/1.0", "102.64.1.1")
    assert services.log_in(numbered.email, PASSWORD, device=laptop, now=NOW).methods == ("sms",)
    with pytest.raises(FactorMissing):
        ask(numbered, omar)
    mail.outbox.clear()
    asked = ask(numbered, omar, with_number=True)
    assert ["Number", "counts as theirs no more until they verify it anew, or another"] in asked.summary
    approve(asked, lin)
    numbered.refresh_from_db()
    assert (numbered.phone, numbered.phone_verified_at) == ("+2290197123456", None)
    assert services.payouts_held_until(numbered, now=NOW) == NOW + timedelta(days=1)
    told = [message.subject for message in mail.outbox if message.to == [numbered.email]]
    assert (told, sent()[-1]["to"]) == (["Your number counts no more"], "+2290197123456")
    assert "you lost your number" in sent()[-1]["text"]
    assert Session.objects.get().revoke_reason == "officer"
    assert not VerificationCode.objects.filter(channel="phone", used_at=None).exists()
    assert AuditEvent.objects.get(action="accounts.phone_unverified").actor == lin
    assert not AuditEvent.objects.filter(action="accounts.factors_reset").exists()
    assert services.log_in(numbered.email, PASSWORD, device=laptop, now=NOW).access


def test_factors_and_number_go_together(numbered, omar, lin):
    Enrolled(numbered)
    approve(ask(numbered, omar, with_number=True), lin)
    numbered.refresh_from_db()
    assert (factors.has_factor(numbered), numbered.phone_verified_at) == (False, None)


def test_the_number_stays_unless_it_is_asked_for(numbered, omar, lin):
    Enrolled(numbered)
    approve(ask(numbered, omar), lin)
    numbered.refresh_from_db()
    assert (factors.has_factor(numbered), numbered.phone_verified_at) == (False, EARLIER)


def test_a_number_that_proves_nothing_isnt_taken_away(ana, numbered, omar, lin):
    Enrolled(ana)
    with pytest.raises(FactorMissing):
        ask(ana, omar, with_number=True)
    request = ask(numbered, omar, with_number=True)
    User.objects.filter(pk=numbered.pk).update(phone_verified_at=None)
    with pytest.raises(FactorMissing):
        approve(request, lin)
    assert factors.has_factor(ana) and not AuditEvent.objects.filter(action="accounts.phone_unverified").exists()
