"""A caller of the tests' endpoints."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from api.tests.endpoints import Gate
from tests.people import session_with_factor


@pytest.fixture
def endpoints(settings):
    """Serve the tests' endpoints instead of the platform's."""
    settings.ROOT_URLCONF = "api.tests.endpoints"
    cache.clear()
    Gate.held = False


@pytest.fixture
def ana_calls(ana, endpoints) -> Any:
    """Ana's client."""
    return caller(ana)


def caller(person: Any) -> Any:
    """A client that is logged in as this person."""
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(person, token=session_with_factor(person))
    return client
