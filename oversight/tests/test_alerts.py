"""An alert is one open row until somebody closes it with a word."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.errors import Forbidden, NotFound
from oversight import alerts
from oversight.models import Alert, AuditEvent
from oversight.tests.conftest import LATER, NOW
from tests.people import make_officer

pytestmark = pytest.mark.django_db


def raise_short(at=NOW, **more) -> Alert:
    return alerts.raise_alert("pool-short", at=at, **{"title": "Short", "dedupe": "investor", **more})


def test_it_keeps_what_it_is_about(ana):
    alert = alerts.raise_alert("x", title="T", detail="D", severity="critical", at=NOW, target=ana)
    alert.refresh_from_db()
    assert (alert.kind, alert.title, alert.detail, alert.severity) == ("x", "T", "D", "critical")
    assert (alert.target_type, alert.target_id) == ("accounts.user", str(ana.pk))
    assert (alert.raised_at, alert.last_raised_at, alert.times_raised) == (NOW, NOW, 1)


def test_while_it_is_open_it_is_raised_again_not_anew():
    first = raise_short()
    again = raise_short(at=LATER, title="Shorter", severity="critical")
    assert (again.pk, again.title, again.severity) == (first.pk, "Shorter", "critical")
    assert (again.raised_at, again.last_raised_at, again.times_raised) == (NOW, LATER, 2)
    assert Alert.objects.count() == 1


def test_another_kind_or_subject_is_another(ana):
    raise_short()
    raise_short(dedupe="vip")
    alerts.raise_alert("coverage", title="Short", at=NOW, dedupe="investor")
    assert Alert.objects.count() == 3


def test_after_it_was_closed_a_new_one_opens(omar):
    first = raise_short()
    alerts.close_alert(first.pk, by=omar, now=LATER, word=" paid in ")
    second = raise_short(at=LATER + timedelta(hours=1))
    first.refresh_from_db()
    assert (first.word, first.closed_by, first.closed_at, first.times_raised) == ("paid in", omar, LATER, 1)
    assert second.pk != first.pk
    assert list(Alert.objects.all().open()) == [second]
    event = AuditEvent.objects.get(action="oversight.alert.closed")
    assert (event.actor, event.target_id, event.reason) == (omar, str(first.pk), "paid in")


@pytest.mark.parametrize(("word", "refusal"), [("", alerts.WordMissing), (" \n", alerts.WordMissing)])
def test_without_a_word_it_stays_open(omar, word, refusal):
    alert = raise_short()
    with pytest.raises(refusal):
        alerts.close_alert(alert.pk, by=omar, now=LATER, word=word)
    alert.refresh_from_db()
    assert alert.closed_at is None


def test_who_may_not_close_doesnt(ana):
    alert = raise_short()
    for person in (ana, make_officer("Sam", "support")):
        with pytest.raises(Forbidden):
            alerts.close_alert(alert.pk, by=person, now=LATER, word="x")
    alert.refresh_from_db()
    assert alert.closed_at is None


def test_it_is_closed_once(omar, lin):
    alert = raise_short()
    alerts.close_alert(alert.pk, by=omar, now=LATER, word="one")
    with pytest.raises(alerts.AlertClosed):
        alerts.close_alert(alert.pk, by=lin, now=LATER, word="two")
    alert.refresh_from_db()
    assert (alert.word, alert.closed_by) == ("one", omar)


def test_one_that_isnt_there_isnt_found(omar):
    with pytest.raises(NotFound):
        alerts.close_alert(omar.pk, by=omar, now=LATER, word="x")


def test_another_severity_is_a_mistake():
    with pytest.raises(ValueError, match="severity"):
        raise_short(severity="mild")
    assert not Alert.objects.exists()
