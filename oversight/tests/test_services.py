from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model

pytestmark = pytest.mark.django_db


def test_alert_smoke():
    from oversight import alerts

    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    one = alerts.raise_alert("x", title="A", at=at)
    two = alerts.raise_alert("x", title="A", at=at)
    assert one.pk == two.pk
    assert two.times_raised == 2
    assert get_user_model()._meta.label
