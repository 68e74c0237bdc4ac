"""Exports asked for at once get no more of a day than one after another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from accounts import services
from accounts.models import Session
from accounts.services import pins
from backoffice.errors import TooManyExports
from backoffice.export import services as exports
from oversight import audit
from oversight.models import AuditEvent
from tests.people import PASSWORD, make_investor
from tests.races.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PIN, PATH = "402917", "/api/v1/users/me/export"


def test_the_last_of_a_day_is_handed_out_once():
    """Without the lock of the person's row two to four of four were handed out, each counting two before it."""
    ana = make_investor("Ana")
    services.set_pin(ana, pin=PIN, password=PASSWORD, now=NOW)
    services.log_in(ana.email, PASSWORD, device=services.Device(), now=NOW)
    session = Session.objects.get(user=ana)
    for hour in range(1, exports.A_DAY):
        audit.record(exports.EXPORTED, actor=ana, at=NOW - timedelta(hours=hour), target=ana)
    uses = [pins.Use(session, "GET", PATH, _token(ana, session)) for _ in range(4)]
    answers = at_once([partial(exports.export, ana, use=use, now=NOW) for use in uses])
    refused = [answer for answer in answers if isinstance(answer, TooManyExports)]
    (file,) = [answer for answer in answers if answer not in refused]
    file.close()
    assert len(refused) == 3
    assert AuditEvent.objects.filter(action=exports.EXPORTED).count() == exports.A_DAY


def _token(ana, session):
    return services.verify_pin(ana, pin=PIN, use=pins.Use(session, "GET", PATH), now=NOW)
