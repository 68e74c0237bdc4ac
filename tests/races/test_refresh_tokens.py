"""Two refreshes with one token at once: one gets a pair, the other ends the family.

Seen to fail with the lock taken out: `test_without_the_lock_both_would_win` takes it out and watches it happen.
"""

import threading
import time
from datetime import UTC, datetime

import pytest
import time_machine
from django.db import connections

from accounts import services, tokens
from accounts.errors import TokenRefused
from accounts.models import Session, SessionQuerySet

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def slow_signing(monkeypatch):
    """Leave the other thread time between reading the session and writing it."""
    issue = tokens.issue

    def slowly(*args, **kwargs):
        time.sleep(0.1)
        return issue(*args, **kwargs)

    monkeypatch.setattr(tokens, "issue", slowly)
    with time_machine.travel(NOW, tick=True):
        yield


def refresh_twice_at_once(token: str) -> list[str]:
    """Return what became of two threads that present the same token."""
    start, outcomes = threading.Barrier(2), []

    def present() -> None:
        start.wait()
        try:
            services.refresh(token, now=NOW)
            outcomes.append("pair")
        except TokenRefused:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=present) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return sorted(outcomes)


@pytest.fixture
def token(ana) -> str:
    return services.log_in("ana@example.com", "correct horse battery", device=services.Device(), now=NOW).refresh


def test_one_wins_and_the_family_ends(token):
    assert refresh_twice_at_once(token) == ["pair", "refused"]
    assert Session.objects.get().revoke_reason == "reused"


def test_without_the_lock_both_would_win(token, monkeypatch):
    def look(self, session_id):
        return self.select_related("user").filter(pk=session_id).first()

    monkeypatch.setattr(SessionQuerySet, "lock", look)
    monkeypatch.setattr(type(Session.objects), "lock", look)
    assert refresh_twice_at_once(token) == ["pair", "pair"]
