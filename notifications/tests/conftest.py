"""Kinds of the tests' own, and people who can be reached."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Session
from notifications import kinds
from notifications.kinds import MONEY, RETURNS, Kind, Priority
from notifications.models import Device
from notifications.services import devices
from tests.people import make_investor

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
COFFEE = Kind(code="tests_coffee", category=MONEY, path="/coffee/{cup}", facts={"cup": "7", "amount": "1234.5"})
CRUMB = Kind(code="tests_crumb", facts=COFFEE.facts, category=RETURNS, priority=Priority.LOW, keep=timedelta(days=60))


@pytest.fixture(autouse=True)
def nobody_is_told() -> None:
    """Here they are."""


@pytest.fixture(autouse=True)
def own_kinds(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, settings: Any) -> Iterator[None]:
    """Two kinds with messages of their own."""
    from notifications import messages

    for language, word in (("en", "Coffee"), ("fr", "Café")):
        folder = tmp_path / "messages" / language
        folder.mkdir(parents=True)
        text = (
            '{% block title %}WORD {{ cup }}{% endblock %}{% block short %}WORD: {{ amount|money:"USD" }}{% endblock %}'
        )
        text += (
            "{% block body %}\nOne.\n\nTwo & <three>.\n{% endblock %}{% block rows %}\nCup | {{ cup }}\n{% endblock %}"
        )
        text = (text + "{% block action %}Drink{% endblock %}").replace("WORD", word)
        (folder / "tests_coffee.txt").write_text(text)
        (folder / "tests_crumb.txt").write_text(text)
    monkeypatch.setattr(kinds, "_kinds", {**kinds._kinds, COFFEE.code: COFFEE, CRUMB.code: CRUMB})
    monkeypatch.setattr(messages, "TEMPLATES", [str(tmp_path)])
    messages._engine.cache_clear()
    messages._template.cache_clear()
    yield
    messages._engine.cache_clear()
    messages._template.cache_clear()


FACTS = {"cup": "7", "amount": "1234.5"}


@pytest.fixture
def ana(db: None) -> Any:
    """Ana, whose address and number were shown to be hers."""
    return reachable("Ana", phone="+2290197123456", phone_verified_at=NOW)


def reachable(name: str, **fields: Any) -> Any:
    """Make an investor whose address was shown to be theirs."""
    return make_investor(name, **{"email_verified_at": NOW, **fields})


def log_in(person: Any, *, until: datetime = NOW + timedelta(days=30), client: str = "") -> Session:
    """Open a session, as a row."""
    given = {"created_at": NOW, "last_used_at": NOW, "expires_at": until, "user_agent": client}
    return Session.objects.create(user=person, token_hash=b"x", **given)


def phone_of(person: Any, name: str = "fcm:Token-1") -> Device:
    """Register a phone in a session of its own."""
    verb = devices.register_device.inside
    return verb(person, token=name, platform="android", session=log_in(person), now=NOW)


@pytest.fixture
def texted(settings: Any, tmp_path: Any) -> Callable[[], list[dict[str, str]]]:
    """What went out by SMS, in order."""
    path = tmp_path / "sms.jsonl"
    settings.SMS_URL = f"sandbox://{path}"
    return lambda: [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
