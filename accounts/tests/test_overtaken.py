"""Requests that were let in, and whose session is ended before they do anything: they change nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from rest_framework.test import APIClient

from accounts import services
from accounts.authentication import SessionAuthentication
from accounts.models import (
    Passkey,
    PinToken,
    RecoveryCode,
    Session,
    SocialIdentity,
    Totp,
    TransactionPin,
    User,
    VerificationCode,
)
from accounts.tests.authenticator import Authenticator
from accounts.tests.issuers import claims, signed
from accounts.tests.test_factors import Enrolled
from oversight.models import AuditEvent
from tests.people import PASSWORD, make_investor

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ME, AUTH = "/api/v1/users/me", "/api/v1/auth"
PIN, PHRASE = "402917", "another good phrase"
KEPT = (
    User, Session, TransactionPin, PinToken, Totp, RecoveryCode, Passkey, SocialIdentity, VerificationCode, AuditEvent,
)  # fmt: skip


@pytest.fixture(autouse=True)
def clock(db):
    cache.clear()
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def rows() -> list[list[str]]:
    return [sorted(map(str, model.objects.values_list())) for model in KEPT]


class Thief:
    """In a session of Ana's, beside her own."""

    def __init__(self) -> None:
        self.ana, self.client = make_investor("Ana", email_verified_at=NOW), APIClient()
        self.theirs = self.log_in()
        self.session = Session.objects.get()
        self.log_in()
        self.hers = Session.objects.exclude(pk=self.session.pk).get()
        self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {self.theirs.access}")

    def log_in(self) -> Any:
        return services.log_in(self.ana.email, PASSWORD, device=services.Device(), now=NOW)

    def with_pin(self, method: str, path: str, body: Any = None) -> tuple[Any, ...]:
        """A request with a PIN's token."""
        services.set_pin(self.ana, pin=PIN, password=PASSWORD, now=NOW - timedelta(days=3))
        asked = self.client.post(f"{AUTH}/pin/verify", {"pin": PIN, "method": method, "path": path})
        return method, path, body, asked.json()["pin_token"]

    def send(self, method: str, path: str, body: Any = None, pin_token: str = "") -> Any:
        return getattr(self.client, method.lower())(path, body, format="json", headers={"X-Pin-Token": pin_token})


@pytest.fixture
def thief() -> Thief:
    return Thief()


def change_of_address(thief):
    return thief.with_pin("PATCH", ME, {"email": "thief@example.org"})


def first_pin(thief):
    return "POST", f"{AUTH}/pin", {"pin": PIN, "password": PASSWORD}


def another_pin(thief):
    services.set_pin(thief.ana, pin=PIN, password=PASSWORD, now=NOW - timedelta(days=3))
    return "POST", f"{AUTH}/pin", {"pin": "739205", "current_pin": PIN}


def another_password(thief):
    return "POST", f"{AUTH}/password/change", {"current_password": PASSWORD, "new_password": PHRASE}


def end_of_her_session(thief):
    return "DELETE", f"{ME}/sessions/{thief.hers.pk}"


def end_of_all_sessions(thief):
    return "DELETE", f"{ME}/sessions"


def end_of_all_other_sessions(thief):
    return "DELETE", f"{ME}/sessions?keep=current"


def an_app(thief):
    return "POST", f"{AUTH}/mfa/totp", {"password": PASSWORD}


def without_the_app(thief):
    Enrolled(thief.ana)
    Session.objects.update(revoked_at=None, revoke_reason="")
    return thief.with_pin("DELETE", f"{AUTH}/mfa/totp")


def without_the_passkey(thief):
    key = Authenticator().keep(thief.ana, at=NOW)
    return thief.with_pin("DELETE", f"{AUTH}/mfa/passkeys/{key.pk}")


def other_recovery_codes(thief):
    app = Enrolled(thief.ana)
    Session.objects.update(revoked_at=None, revoke_reason="")
    return "POST", f"{AUTH}/mfa/recovery-codes", {"code": app.code()}


def another_log_in(thief):
    nonce = thief.client.post(f"{AUTH}/social/nonce").json()["nonce"]
    held = signed(claims("google", nonce, now=NOW, email="thief@gmail.com"))
    return thief.with_pin("POST", f"{ME}/identities", {"provider": "google", "id_token": held})


def without_the_log_in(thief):
    identity = SocialIdentity.objects.create(
        user=thief.ana, provider="google", subject_index=b"x" * 32, created_at=NOW, last_used_at=NOW
    )
    return thief.with_pin("DELETE", f"{ME}/identities/{identity.pk}")


def export(thief):
    return thief.with_pin("GET", f"{ME}/export")


DEEDS = (
    change_of_address, first_pin, another_pin, another_password, end_of_her_session, end_of_all_sessions,
    end_of_all_other_sessions, an_app, without_the_app, without_the_passkey, other_recovery_codes, another_log_in,
    without_the_log_in, export,
)  # fmt: skip


@pytest.mark.parametrize("deed", DEEDS)
def test_in_an_open_session_it_is_done(thief, issuer, deed):
    request, before = deed(thief), rows()
    answer = thief.send(*request)
    assert answer.status_code in (200, 201, 204)
    assert rows() != before


@pytest.mark.parametrize("deed", DEEDS)
def test_in_a_session_that_was_ended_meanwhile_it_is_not(thief, issuer, deed, monkeypatch):
    request, let_in, before = deed(thief), SessionAuthentication.authenticate, []

    def then_ended(self, request):
        caller = let_in(self, request)
        services.end_own_session(thief.session.pk, by=thief.ana, now=NOW)
        before.append(rows())
        return caller

    monkeypatch.setattr(SessionAuthentication, "authenticate", then_ended)
    answer = thief.send(*request)
    assert (answer.status_code, answer.json()["code"]) == (401, "token-refused")
    assert [rows()] == before
