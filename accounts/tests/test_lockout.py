"""How it is found where somebody came in, which every log-in asks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection

from accounts import lockout

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.mark.django_db
def test_an_index_of_log_ins_alone_has_every_way_in():
    """Which index a plan takes depends on what is there; that this one has each action doesn't."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'oversight_audit_came_in'")
        (written,) = cursor.fetchone()
    assert "(actor_id, at)" in written
    assert [action for action in lockout.CAME_IN if f"'{action}'" not in written] == []
