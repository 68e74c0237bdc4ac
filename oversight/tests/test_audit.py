"""The trail says who, what, when, why and from where; personal parts only to those who hold the key."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from core.errors import IllegalMove
from oversight import audit, services, trace
from oversight.models import ApprovalRequest, AuditEvent, PersonErased, PersonKey
from oversight.tests.conftest import LATER, NOW

pytestmark = pytest.mark.django_db


def test_an_event_keeps_everything(ana, omar):
    with trace.following(trace.Trace(ip="2001:db8::7", request_id="req-1")):
        changed = {"before": {"a": Decimal("1.10")}, "after": {"on": date(2026, 3, 2)}}
        made = audit.record("x.done", actor=omar, at=NOW, target=ana, reason="why", **changed)
    event = AuditEvent.objects.get(pk=made.pk)
    assert (event.action, event.actor, event.at, event.reason) == ("x.done", omar, NOW, "why")
    assert (event.target_type, event.target_id) == ("accounts.user", str(ana.pk))
    assert (event.before, event.after) == ({"a": "1.10"}, {"on": "2026-03-02"})
    assert (event.ip, event.request_id) == ("2001:db8::7", "req-1")
    assert abs((datetime.now(UTC) - event.recorded_at).total_seconds()) < 60, "the database's own clock"


def test_the_platform_itself_acts_from_nowhere():
    event = AuditEvent.objects.get(pk=audit.record("x", actor=None, at=NOW).pk)
    assert (event.actor, event.ip, event.request_id, event.target_type) == (None, None, "", "")


def test_the_personal_part_is_ciphertext_until_it_is_asked_for(ana, omar):
    event = audit.record("x", actor=omar, at=NOW, personal={"phone": "+2290197000000"}, person=ana)
    event.refresh_from_db()
    assert b"2290197" not in bytes(event.personal)
    assert audit.personal_of(event) == {"phone": "+2290197000000"}
    PersonKey.objects.filter(pk=ana.pk).update(wrapped=None, destroyed_at=NOW)
    with pytest.raises(PersonErased):
        audit.personal_of(event)


def test_it_is_bound_to_its_event(ana, omar):
    from oversight.encryption import DecryptionFailed

    one = audit.record("x", actor=omar, at=NOW, personal="a", person=ana)
    two = audit.record("x", actor=omar, at=NOW, personal="b", person=ana)
    one.personal = two.personal
    with pytest.raises(DecryptionFailed):
        audit.personal_of(one)


def test_a_personal_part_needs_its_person(omar):
    with pytest.raises(ValueError, match="person"):
        audit.record("x", actor=omar, at=NOW, personal="a")
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("content", [{"a": 0.1}, [0.1], {"a": [{"b": 1e9}]}, float("nan")])
def test_a_float_is_refused(omar, content):
    with pytest.raises(TypeError):
        audit.record("x", actor=omar, at=NOW, after=content)
    assert not AuditEvent.objects.exists()


def test_canonical_json_has_one_writing():
    assert audit.canonical({"b": 1, "a": [Decimal("1.0"), "é"]}) == '{"a":["1.0","é"],"b":1}'.encode()


class TestMoving:
    def test_a_move_is_checked_saved_and_written_down(self, asked, lin):
        services.move_to(asked, ApprovalRequest.Status.VOID, by=lin, at=LATER, reason="because", decided_at=LATER)
        asked.refresh_from_db()
        assert (asked.status, asked.decided_at) == ("void", LATER)
        event = AuditEvent.objects.get(action="oversight.approvalrequest.void")
        assert (event.actor, event.before, event.after, event.reason) == (
            lin,
            {"status": "requested"},
            {"status": "void"},
            "because",
        )

    def test_an_illegal_one_changes_nothing(self, asked, lin):
        services.move_to(asked, "void", by=lin, at=LATER, decided_at=LATER)
        events = AuditEvent.objects.count()
        with pytest.raises(IllegalMove) as refusal:
            services.move_to(asked, "approved", by=lin, at=LATER, decided_at=LATER)
        assert refusal.value.facts == {"current": "void", "wanted": "approved", "allowed": []}
        asked.refresh_from_db()
        assert (asked.status, AuditEvent.objects.count()) == ("void", events)
