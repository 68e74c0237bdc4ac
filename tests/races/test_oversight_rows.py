"""Many raise one alert at once, many need one person's key for the first time, two close one alert.

Seen to fail without what each stands on: without ON CONFLICT all but one of the alerts fail on the unique key,
and their transactions with them (`test_control_...` watches it); with `ignore_conflicts` taken out of the making
of a key, threads failed on its primary key; with the lock of `close_alert` taken out, both closed
the alert as far as the guard in the database, which refused the second.
"""

from __future__ import annotations

import threading
from functools import partial

import pytest
from django.db import DatabaseError, connections, transaction

from core.errors import DomainError
from oversight import alerts
from oversight.encryption import open_for, seal_for
from oversight.models import Alert, PersonKey
from oversight.tests.conftest import LATER, NOW

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 8


def at_once(*deeds) -> list:
    """Run each deed in a thread of its own, in a transaction; return what each gave or raised."""
    start, ends = threading.Barrier(len(deeds)), []

    def run(deed) -> None:
        try:
            start.wait(timeout=20)
            ends.append(deed())
        except (DomainError, DatabaseError) as error:
            ends.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[deed]) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(ends) == len(deeds)
    return ends


def raise_short():
    with transaction.atomic():
        return alerts.raise_alert("pool-short", title="Short", at=NOW, dedupe="investor").pk


def test_one_alert_is_raised_many_times():
    raised = at_once(*[raise_short] * THREADS)
    assert len(set(raised)) == 1
    assert Alert.objects.get().times_raised == THREADS


def test_control_without_on_conflict_all_but_one_fail(monkeypatch):
    head, tail = alerts.RAISE.split("ON CONFLICT")
    monkeypatch.setattr(alerts, "RAISE", head + tail[tail.index("RETURNING") :])
    raised = at_once(*[raise_short] * THREADS)
    assert sum(isinstance(end, DatabaseError) for end in raised) == THREADS - 1


def test_a_person_gets_one_key_however_many_need_it_first(ana):
    def seal() -> bytes:
        with transaction.atomic():
            return seal_for(ana.pk, b"plain", context="race")

    sealed = at_once(*[seal] * THREADS)
    assert PersonKey.objects.count() == 1
    assert {open_for(ana.pk, each, context="race") for each in sealed} == {b"plain"}


def test_an_alert_is_closed_by_one(omar, lin):
    alert_id = raise_short()
    ends = at_once(*(partial(alerts.close_alert, alert_id, by=who, now=LATER, word=str(who.pk)) for who in (omar, lin)))
    assert sorted(type(end).__name__ for end in ends) == ["Alert", "AlertClosed"]
    closed = Alert.objects.get()
    assert closed.word == str(closed.closed_by_id)
