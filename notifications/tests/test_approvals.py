"""What officers hear of four eyes: who may decide that one waits, who asked what became of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail

from accounts import services as accounts
from notifications.models import Delivery, Notification
from notifications.services import sending
from notifications.tests.conftest import NOW
from oversight import services as oversight
from tests.people import make_officer

pytestmark = pytest.mark.django_db


def ask(ana, by):
    return accounts.request_kyc_level.inside(ana.pk, level=1, by=by, now=NOW, reason="documents seen")


def told(kind: str) -> set[str]:
    return set(Notification.objects.filter(kind=kind).values_list("user__first_name", flat=True))


@pytest.fixture
def officers(omar, lin, ada):
    """Omar and Lin hold the permission, by two roles; Ada, Sam and Bea, who is blocked, don't."""
    make_officer("Sam", "support")
    bea = make_officer("Bea", "compliance")
    bea.blocked_at, bea.blocked_by = NOW, ada
    bea.save(update_fields=["blocked_at", "blocked_by"])
    nia = make_officer("Nia", "compliance")
    nia.is_staff = False
    nia.save(update_fields=["is_staff"])
    return omar, lin


def test_who_may_decide_hears_once_and_nobody_else(ana, officers):
    omar, _ = officers
    request = ask(ana, omar)
    assert told("approval_waits") == {"Lin"}
    one = Notification.objects.get(kind="approval_waits")
    assert (one.key, one.facts) == (str(request.pk), {"request": str(request.pk)})
    assert Delivery.objects.get().channel == "email"


def test_it_takes_the_same_queries_however_many_may_decide(ana, officers, django_assert_num_queries):
    from notifications import approvals

    omar, _ = officers
    request = ask(ana, omar)
    for number in range(5):
        make_officer(f"C{number}", "compliance")
    with django_assert_num_queries(2):
        approvals.tell_deciders(None, request=request, now=NOW)
    assert len(told("approval_waits")) == 6


@pytest.mark.parametrize(("verb", "status"), [("approve", "approved"), ("reject", "rejected")])
def test_who_asked_hears_what_became_of_it(ana, officers, verb, status):
    omar, lin = officers
    request = ask(ana, omar)
    getattr(oversight, verb).inside(request.pk, by=lin, now=NOW, note="seen")
    one = Notification.objects.get(kind="approval_ended")
    assert (one.user, one.facts) == (omar, {"request": str(request.pk), "status": status})


def test_what_expires_is_told_too(ana, officers):
    omar, _ = officers
    ask(ana, omar)
    assert oversight.expire_requests.inside(now=NOW + timedelta(days=8)) == 1
    assert Notification.objects.get(kind="approval_ended").facts["status"] == "expired"


def test_what_is_void_is_told_too(ana, officers):
    omar, lin = officers
    request = ask(ana, omar)
    ana.kyc_level = 2
    ana.save(update_fields=["kyc_level"])
    oversight.approve.inside(request.pk, by=lin, now=NOW)
    assert Notification.objects.get(kind="approval_ended").facts["status"] == "void"


def test_who_gains_by_it_isnt_asked(officers):
    omar, lin = officers
    accounts.request_kyc_level.inside(lin.pk, level=1, by=omar, now=NOW, reason="documents seen")
    assert told("approval_waits") == set()


def test_the_mail_leads_to_the_console(ana, officers, settings):
    settings.CONSOLE_URL = "https://console.example"
    omar, _ = officers
    request = ask(ana, omar)
    sending.send_due(clock=lambda: NOW)
    (sent,) = mail.outbox
    assert sent.to == ["lin@example.com"] and sent.subject == "A request waits for approval"
    assert f"https://console.example/admin/oversight/approvalrequest/{request.pk}/change/" in sent.body
    assert "Asked for: Set a KYC level" in sent.body and "Ana" not in sent.body
