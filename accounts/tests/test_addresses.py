"""Another e-mail address or phone number: asked for with a PIN, counts once verified, told at the old one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.cache import cache
from rest_framework.test import APIClient

from accounts import services, tokens
from accounts.errors import TokenRefused
from accounts.models import PasswordResetToken, PinToken, Session, User, VerificationCode
from accounts.services import passwords
from accounts.tests.test_factors import Enrolled
from oversight.encryption import blind_index
from tests.people import PASSWORD, make_investor, make_officer

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ME, PIN = "/api/v1/users/me", "402917"


@pytest.fixture(autouse=True)
def clock(transactional_db):
    cache.clear()
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ana(sent) -> User:
    person = make_investor("Ana", phone="+2290197123456", email_verified_at=NOW, phone_verified_at=NOW)
    services.set_pin(person, pin=PIN, password=PASSWORD, now=NOW - timedelta(days=3))
    mail.outbox.clear()
    return person


@pytest.fixture
def client(ana) -> APIClient:
    client = APIClient()
    pair = client.post("/api/v1/auth/login", {"identifier": "ana@example.com", "password": PASSWORD}).json()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
    return client


def pin_token(client: APIClient) -> dict[str, str]:
    answer = client.post("/api/v1/auth/pin/verify", {"pin": PIN, "method": "PATCH", "path": ME})
    return {"X-Pin-Token": answer.json()["pin_token"]}


def change(client: APIClient, **fields: str) -> Any:
    return client.patch(ME, fields, headers=pin_token(client))


def mailed() -> str:
    return re.search(r"^[0-9a-f]{32}\.\S+$", mail.outbox[-1].body, re.MULTILINE)[0]


def confirm(token: str = "") -> Any:
    return APIClient().post("/api/v1/auth/verify-email", {"token": token or mailed()})


def test_a_new_address_counts_once_verified_and_the_old_one_is_told(client, ana):
    answer = change(client, email="Ana.H@example.org")
    assert (answer.status_code, answer.json()["email"]) == (200, "ana@example.com")
    assert [told.to for told in mail.outbox] == [["ana.h@example.org"]]
    assert confirm().status_code == 204
    ana.refresh_from_db()
    assert (ana.email, ana.email_verified_at, ana.email_index) == ("ana.h@example.org", NOW, blind_index(ana.email))
    assert ana.phone == "+2290197123456"
    assert (mail.outbox[-1].subject, mail.outbox[-1].to) == ("Your address or number was changed", ["ana@example.com"])
    assert services.payouts_held_until(ana, now=NOW) == NOW + timedelta(days=1)


def test_a_new_number_counts_once_verified_and_the_old_one_is_told(client, ana, sent):
    assert change(client, phone="+2290197000001").status_code == 200
    digits = re.search(r"\b\d{6}\b", sent()[-1]["text"])[0]
    assert sent()[-1]["to"] == "+2290197000001"
    assert client.post("/api/v1/auth/verify-otp", {"code": digits}).status_code == 204
    ana.refresh_from_db()
    assert (ana.phone, ana.email) == ("+2290197000001", "ana@example.com")
    assert sent()[-1]["to"] == "+2290197123456" and "was changed" in sent()[-1]["text"]


def test_without_a_pin_nothing_is_sent(client, ana):
    for headers in ({}, {"X-Pin-Token": "x" * 43}):
        answer = client.patch(ME, {"email": "new@example.org"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "pin-token-refused")
    assert mail.outbox == [] and not VerificationCode.objects.exists()


def test_a_token_is_for_one_change_and_a_refused_one_leaves_it(client, ana):
    headers = pin_token(client)
    same = client.patch(ME, {"email": "ana@example.com"}, headers=headers)
    assert (same.status_code, PinToken.objects.get().spent_at) == (409, None)
    assert client.patch(ME, {"email": "one@example.org"}, headers=headers).status_code == 200
    assert client.patch(ME, {"phone": "+2290197000001"}, headers=headers).status_code == 403


@pytest.mark.parametrize("other", [{"first_name": "Anna"}, {"phone": "+2290197000001"}, {"language": "fr"}])
def test_an_address_comes_alone(client, ana, other):
    assert change(client, email="new@example.org", **other).status_code == 400
    ana.refresh_from_db()
    assert ana.first_name == "Ana" and mail.outbox == []


def test_what_somebody_else_has_is_never_said(client, ana):
    make_investor("Eve")
    free, taken = change(client, email="free@example.org"), None
    VerificationCode.objects.all().delete()
    taken = change(client, email="eve@example.com")
    assert (taken.status_code, taken.json()) == (free.status_code, free.json())
    refused = confirm()
    assert (refused.status_code, refused.json()["code"]) == (422, "code-refused")
    ana.refresh_from_db()
    assert ana.email == "ana@example.com"


def test_links_that_went_to_the_old_address_set_no_password(client, ana):
    passwords.open_reset(ana.pk, now=NOW)
    change(client, email="new@example.org")
    confirm()
    assert PasswordResetToken.objects.get().used_at == NOW


def reset_by_mail(ana: User) -> None:
    services.confirm_reset(passwords.open_reset(ana.pk, now=NOW), new="another good phrase", now=NOW)


def refresh_with_an_old_token(ana: User) -> None:
    before = tokens.issue(Session.objects.get().pk, ana.pk, now=NOW - timedelta(minutes=1))
    with pytest.raises(TokenRefused):
        services.refresh(before.refresh, now=NOW)
    assert Session.objects.get().revoke_reason == "reused"


ENDS = {
    "a reset by mail": reset_by_mail,
    "another password": lambda ana: services.change_password(
        ana, session_id=Session.objects.get().pk, current=PASSWORD, new="another good phrase", now=NOW
    ),
    "an end of all other sessions": lambda ana: services.end_own_sessions(ana, keep=Session.objects.get().pk, now=NOW),
    "an end of that session": lambda ana: services.end_own_session(Session.objects.get().pk, by=ana, now=NOW),
    "an end of that session by an officer": lambda ana: services.end_session(
        Session.objects.get().pk, by=make_officer("Lin", "compliance"), now=NOW
    ),
    "a refresh token that came twice": refresh_with_an_old_token,
    "another PIN": lambda ana: services.change_pin(ana, pin="739205", current=PIN, now=NOW),
    "a first factor": lambda ana: Enrolled(ana, at=NOW),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_change_that_waits_ends_with_what_it_was_asked_by(client, ana, end):
    """Whoever had her phone and her PIN asked for it: its code comes back without either, up to a day later."""
    change(client, email="thief@example.org")
    token = mailed()
    end(ana)
    refused = confirm(token)
    assert (refused.status_code, refused.json()["code"]) == (422, "code-refused")
    ana.refresh_from_db()
    assert ana.email == "ana@example.com"


def test_of_two_changes_the_newer_counts(client, ana, clock):
    change(client, email="one@example.org")
    older = mailed()
    clock.shift(timedelta(minutes=2))
    change(client, email="two@example.org")
    assert confirm(older).status_code == 422
    assert confirm().status_code == 204
    ana.refresh_from_db()
    assert ana.email == "two@example.org"


def test_one_after_another_waits(client, ana):
    change(client, email="one@example.org")
    answer = change(client, email="two@example.org")
    assert (answer.status_code, answer["Retry-After"]) == (429, "61")


def test_a_first_address_is_told_to_the_number(sent):
    bo = make_investor("Bo", email="", phone="+2290197000009", phone_verified_at=NOW)
    with time_machine.travel(NOW - timedelta(days=3)):
        services.set_pin(bo, pin=PIN, password=PASSWORD, now=NOW - timedelta(days=3))
    assert [message["to"] for message in sent()] == ["+2290197000009"]
    assert sent()[0]["text"].startswith("Fiducia: The PIN of your account was set.")
    client = APIClient()
    pair = client.post("/api/v1/auth/login", {"identifier": "+2290197000009", "password": PASSWORD}).json()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
    change(client, email="bo@example.org")
    assert confirm().status_code == 204
    assert "e-mail address of your Fiducia account was changed" in sent()[-1]["text"]
    assert [told.to for told in mail.outbox] == [["bo@example.org"]]


def test_a_first_number_is_told_by_mail(sent):
    zoe = make_investor("Zoe", email_verified_at=NOW)
    services.set_pin(zoe, pin=PIN, password=PASSWORD, now=NOW - timedelta(days=3))
    client = APIClient()
    pair = client.post("/api/v1/auth/login", {"identifier": "zoe@example.com", "password": PASSWORD}).json()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
    change(client, phone="+2290197000001")
    digits = re.search(r"\b\d{6}\b", sent()[-1]["text"])[0]
    client.post("/api/v1/auth/verify-otp", {"code": digits})
    assert mail.outbox[-1].to == ["zoe@example.com"] and "The phone number of your account" in mail.outbox[-1].body
