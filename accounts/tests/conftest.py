from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from accounts.tests.issuers import CLIENT, RSA_KEYS, Issuer, jwk, serving


@pytest.fixture(autouse=True)
def nobody_is_told() -> None:
    """Here they are: what is told of log-ins and factors goes out by mail and SMS."""


@pytest.fixture
def sent(settings, tmp_path) -> Callable[[], list[dict[str, str]]]:
    """What went out by SMS, in order."""
    path = tmp_path / "sms.jsonl"
    settings.SMS_URL = f"sandbox://{path}"
    return lambda: [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def issuer(settings):
    """Google and Apple in one, with the key `one`, and our client there."""
    with serving(Issuer([jwk(RSA_KEYS[0], "one")])) as playing:
        settings.SOCIAL_CLIENT_IDS = {"google": [CLIENT, "1234-android.apps.example"], "apple": [CLIENT]}
        settings.SOCIAL_JWKS_URLS = dict.fromkeys(("google", "apple"), playing.address)
        yield playing
