"""Races over log-ins by Google and Apple: a nonce is spent once, a person is made once, a last way in stays.

Each lock has its control beside it: the same race with the lock taken out, seen to go wrong.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial

import pytest
import time_machine

from accounts import services
from accounts.models import Provider, Session, SocialIdentity, SocialNonce, User
from accounts.models.social import subject_index
from accounts.services import identities, nonces, pins, social
from accounts.tests.conftest import issuer  # noqa: F401
from accounts.tests.issuers import claims, signed
from tests.people import PASSWORD
from tests.races.test_accounts import kinds, slowed, unlocked
from tests.races.test_codes import slow_saves
from tests.races.threads import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("issuer")]

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PROFILE = social.Profile(country="BJ")


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=True):
        yield


def token() -> str:
    return signed(claims("google", nonces.draw(now=NOW), now=NOW))


def log_in(id_token: str):
    return partial(social.exchange, Provider.GOOGLE, id_token, profile=PROFILE, device=services.Device(), now=NOW)


def link(person: User, subject: str = "110169484474386276334") -> SocialIdentity:
    index = subject_index("google", subject)
    return SocialIdentity.objects.create(user=person, provider="google", subject_index=index, created_at=NOW)


class TestOneNonce:
    """Tokens that answer one nonce log in once, whoever they are of."""

    @pytest.fixture
    def both(self, ana, eve, monkeypatch):
        """Ana's and Eve's, so that no lock of a person holds either up."""
        slow_saves(monkeypatch, SocialNonce)
        link(ana, "1")
        link(eve, "2")
        nonce = nonces.draw(now=NOW)
        return [log_in(signed(claims("google", nonce, now=NOW, sub=subject))) for subject in ("1", "2")]

    def test_one_logs_in(self, both):
        assert kinds(at_once(both)) == ["IdTokenRefused", "TokenPair"]
        assert Session.objects.count() == 1

    def test_without_the_lock_both_would(self, both, monkeypatch):
        def look(self, hashes):
            return self.filter(nonce_hash__in=hashes).first()

        for owner in (SocialNonce.objects._queryset_class, type(SocialNonce.objects)):
            monkeypatch.setattr(owner, "lock_any", look)
        assert kinds(at_once(both)) == ["TokenPair", "TokenPair"]

    def test_one_token_twice_logs_in_once(self, ana, monkeypatch):
        slow_saves(monkeypatch, SocialNonce)
        link(ana)
        assert kinds(at_once([log_in(token())] * 2)) == ["IdTokenRefused", "TokenPair"]

    def test_one_token_of_somebody_new_makes_one_person(self, monkeypatch):
        slow_saves(monkeypatch, SocialNonce)
        assert kinds(at_once([log_in(token())] * 2)) == ["IdTokenRefused", "TokenPair"]
        assert (User.objects.count(), Session.objects.count()) == (1, 1)


class TestTwoTokens:
    """Two tokens of one new person at once make one account, and both log in to it."""

    @pytest.fixture
    def both(self, monkeypatch):
        slowed(monkeypatch, identities, "keep")
        return [log_in(token()) for _ in range(6)]

    def test_make_one_account(self, both):
        assert kinds(at_once(both)) == ["TokenPair"] * 6
        assert (User.objects.count(), SocialIdentity.objects.count(), Session.objects.count()) == (1, 1, 6)

    def test_without_a_second_look_the_later_ones_would_fail(self, both, monkeypatch):
        monkeypatch.setattr(social, "TRIES", 1)
        assert kinds(at_once(both)) == ["AssertionError"] * 5 + ["TokenPair"]
        assert (User.objects.count(), SocialIdentity.objects.count(), Session.objects.count()) == (1, 1, 1)


class TestLastWayIn:
    """Two log-ins of somebody without a password are unlinked at once: one stays."""

    @pytest.fixture
    def both(self, ana, monkeypatch):
        pair = services.log_in(ana.email, PASSWORD, device=services.Device(), now=NOW)
        assert pair
        session = Session.objects.get()
        services.set_pin(ana, pin="402917", password=PASSWORD, now=NOW)
        works = []
        for subject in ("1", "2"):
            row = link(ana, subject)
            use = pins.Use(session, "DELETE", f"/api/v1/users/me/identities/{row.pk}")
            pin = services.verify_pin(ana, pin="402917", use=use, now=NOW)
            use = pins.Use(session, use.method, use.path, pin)
            works.append(partial(identities.unlink, ana, row.pk, use=use, now=NOW))
        User.objects.filter(pk=ana.pk).update(password="!")
        before = pins.spend

        def slowly(*args, **kwargs):
            time.sleep(0.2)
            before(*args, **kwargs)

        monkeypatch.setattr(pins, "spend", slowly)
        return works

    def test_one_stays(self, both):
        assert kinds(at_once(both)) == ["LastWayIn", "NoneType"]
        assert SocialIdentity.objects.count() == 1

    def test_without_the_lock_none_would(self, both, monkeypatch):
        unlocked(monkeypatch, User)
        assert kinds(at_once(both)) == ["NoneType", "NoneType"]
        assert not SocialIdentity.objects.exists()
