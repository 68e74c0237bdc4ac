"""Exports asked for at once get no more of a day than one after another, and hold up nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event

import pytest
from django.db import transaction

from accounts import services
from accounts.errors import PinTokenRefused, TokenRefused
from accounts.models import Session, User
from accounts.services import pins, sessions, standing
from backoffice.errors import ExportUnderWay, TooManyExports
from backoffice.export import services as exports
from oversight import audit
from oversight.models import AuditEvent
from tests.people import PASSWORD, make_investor, make_officer
from tests.races.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PIN, PATH = "402917", "/api/v1/users/me/export"


@pytest.fixture
def ana():
    """Ana, with a PIN and a log-in."""
    ana = make_investor("Ana")
    services.set_pin(ana, pin=PIN, password=PASSWORD, now=NOW)
    services.log_in(ana.email, PASSWORD, device=services.Device(), now=NOW)
    return ana


def export(ana):
    """An export with a token of its own, which is made now."""
    session = Session.objects.get(user=ana)
    return partial(exports.export, ana, use=pins.Use(session, "GET", PATH, _token(ana, session)), now=NOW)


def test_the_last_of_a_day_is_handed_out_once(ana):
    """Without the advisory lock two to four of four were handed out, each counting two before it."""
    for hour in range(1, exports.A_DAY):
        audit.record(exports.EXPORTED, actor=ana, at=NOW - timedelta(hours=hour), target=ana)
    answers = at_once([export(ana) for _ in range(4)])
    refused = [answer for answer in answers if isinstance(answer, TooManyExports | ExportUnderWay)]
    (file,) = [answer for answer in answers if answer not in refused]
    file.close()
    assert len(refused) == 3
    assert AuditEvent.objects.filter(action=exports.EXPORTED).count() == exports.A_DAY


def test_a_long_one_holds_up_nothing_of_the_persons(ana, slow):
    """With the person's row locked instead, money that came in meanwhile waited, and so did whatever else is theirs."""
    first, second = export(ana), export(ana)
    begun, go_on = slow
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(at_once, [first])
        try:
            assert begun.wait(timeout=30)
            with transaction.atomic():
                assert User.objects.select_for_update(no_key=True, nowait=True).get(pk=ana.pk) == ana
            with pytest.raises(ExportUnderWay):
                second()
        finally:
            go_on.set()
        (file,) = writing.result()
    file.close()
    assert AuditEvent.objects.filter(action=exports.EXPORTED).count() == 1


@pytest.fixture
def slow(monkeypatch):
    """An archive is begun to be written, and goes on when it is told."""
    begun, go_on = Event(), Event()

    def write_slowly(subject, file):
        begun.set()
        assert go_on.wait(timeout=30)

    monkeypatch.setattr("backoffice.export.archive.write", write_slowly)
    return begun, go_on


def end_of(ana):
    """What an officer does to her meanwhile, each by its own command."""
    omar = make_officer("Omar", "compliance")
    later = NOW + timedelta(seconds=1)
    return {
        "another PIN": partial(pins.change_pin, ana, pin="583104", current=PIN, now=later),
        "a block": partial(standing.block_user, ana.pk, by=omar, now=later, reason="asked by the police"),
        "a log-out": partial(sessions.end_own_sessions, ana, now=later),
    }


@pytest.mark.parametrize(
    ("name", "refusal"), [("another PIN", PinTokenRefused), ("a block", TokenRefused), ("a log-out", TokenRefused)]
)
def test_what_ends_it_waits_for_nothing_and_nothing_is_handed_out(ana, slow, name, refusal):
    """With the token spent first, another PIN waited for the archive, and money that came in waited for the PIN."""
    first, deed = export(ana), end_of(ana)[name]
    begun, go_on = slow
    with ThreadPoolExecutor(2) as pool:
        writing = pool.submit(at_once, [first])
        try:
            assert begun.wait(timeout=30)
            (done,) = pool.submit(at_once, [deed]).result(timeout=15)
            assert not isinstance(done, Exception)
        finally:
            go_on.set()
        (answer,) = writing.result()
    assert isinstance(answer, refusal)
    assert not AuditEvent.objects.filter(action=exports.EXPORTED).exists()


def _token(ana, session):
    return services.verify_pin(ana, pin=PIN, use=pins.Use(session, "GET", PATH), now=NOW)
