"""What the database refuses by itself, tried in raw SQL as the application's role, and as the owner's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection, connections, transaction
from uuid_utils.compat import uuid7

from core.errors import from_database
from oversight import alerts, audit, services
from oversight.encryption import seal_for
from oversight.models import Alert, ApprovalRequest, AuditEvent, Decision, PersonKey
from oversight.tests.conftest import LATER, NOW
from tests.people import make_officer

pytestmark = pytest.mark.django_db


def refused(sql: str, parameters=(), *, using: str = "default") -> str:
    """Run a statement that must be refused; return the guard's code, or "denied" when a right is lacking."""
    with pytest.raises(DatabaseError) as caught, transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(sql, parameters)
    refusal = from_database(caught.value)
    if refusal is not None:
        return refusal.facts["guard"]
    state = caught.value.__cause__.sqlstate
    return {"42501": "denied", "23514": "check", "23505": "unique"}.get(state, state)


def decide(asked, approver, verdict="approve") -> str:
    columns = "id, request_id, approver_id, verdict, note, at"
    sql = f"INSERT INTO oversight_decision ({columns}) VALUES (%s, %s, %s, %s, '', %s)"
    return refused(sql, [uuid7(), asked.pk, approver.pk, verdict, LATER])


def move(asked, status, at=LATER) -> str:
    sql = "UPDATE oversight_approvalrequest SET status = %s, decided_at = %s WHERE id = %s"
    return refused(sql, [status, at, asked.pk])


class TestDecisions:
    def test_the_requester_decides_nothing(self, asked, omar):
        assert decide(asked, omar) == "own-request"
        assert decide(asked, omar, "reject") == "own-request"
        assert not Decision.objects.exists()

    def test_nor_does_the_beneficiary(self, asked, ana):
        assert decide(asked, ana) == "own-benefit"
        assert not Decision.objects.exists()

    def test_a_person_has_one_word(self, asked, lin):
        Decision.objects.create(request=asked, approver=lin, verdict="approve", at=LATER)
        assert decide(asked, lin) == "unique"
        assert Decision.objects.count() == 1

    def test_nobody_decides_what_is_decided(self, asked, lin):
        services.reject(asked.pk, by=lin, now=LATER, note="no")
        assert decide(asked, make_officer("Kim", "compliance")) == "decided"

    def test_another_verdict_is_none(self, asked, lin):
        assert decide(asked, lin, "maybe") == "check"

    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE oversight_decision SET note = 'x'",
            "DELETE FROM oversight_decision",
            "TRUNCATE oversight_decision",
        ],
    )
    def test_a_decision_stays(self, asked, lin, sql):
        Decision.objects.create(request=asked, approver=lin, verdict="approve", at=LATER)
        assert refused(sql) == "denied"
        assert Decision.objects.get().note == ""


class TestRequests:
    def test_none_begins_decided(self, asked):
        columns = "verb, title, summary, payload, payload_hash, target_type, target_id, approvals, requested_by_id, "
        columns += "reason, document_name, requested_at, expires_at"
        sql = (
            f"INSERT INTO oversight_approvalrequest (id, status, decided_at, {columns}) "
            f"SELECT uuidv7(), 'approved', requested_at, {columns} FROM oversight_approvalrequest"
        )
        assert refused(sql) == "born-decided"
        assert ApprovalRequest.objects.count() == 1

    def test_none_is_approved_without_an_approval(self, asked):
        assert move(asked, "approved") == "not-approved"
        asked.refresh_from_db()
        assert asked.status == "requested"

    def test_none_is_approved_with_too_few(self, ana, omar, lin):
        from oversight.tests.conftest import request_language

        asked = request_language(ana, language="fr", by=omar, now=NOW, approvals=2)
        Decision.objects.create(request=asked, approver=lin, verdict="approve", at=LATER)
        assert move(asked, "approved") == "not-approved"

    def test_none_is_approved_against_a_word(self, asked, lin):
        Decision.objects.create(request=asked, approver=lin, verdict="approve", at=LATER)
        kim = make_officer("Kim", "compliance")
        Decision.objects.create(request=asked, approver=kim, verdict="reject", at=LATER)
        assert move(asked, "approved") == "not-approved"

    def test_none_is_approved_too_late(self, asked, lin):
        Decision.objects.create(request=asked, approver=lin, verdict="approve", at=LATER)
        assert move(asked, "approved", at=asked.expires_at) == "check"

    def test_none_is_rejected_by_nobody(self, asked):
        assert move(asked, "rejected") == "not-rejected"

    def test_what_is_decided_stays_decided(self, asked, lin):
        services.approve(asked.pk, by=lin, now=LATER)
        for status in ("requested", "rejected", "void", "expired"):
            assert move(asked, status, at=None if status == "requested" else LATER) == "decided"
        asked.refresh_from_db()
        assert asked.status == "approved"

    @pytest.mark.parametrize(
        "column", ["payload", "summary", "payload_hash", "moves_hash", "approvals", "verb", "reason"]
    )
    def test_the_application_may_not_touch_what_is_frozen(self, asked, column):
        assert refused(f"UPDATE oversight_approvalrequest SET {column} = {column}") == "denied"

    @pytest.mark.parametrize(
        "sql", ["DELETE FROM oversight_approvalrequest", "TRUNCATE oversight_approvalrequest CASCADE"]
    )
    def test_none_goes(self, asked, sql):
        assert refused(sql) == "denied"
        assert ApprovalRequest.objects.count() == 1


class TestTrail:
    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE oversight_auditevent SET reason = 'x'",
            "DELETE FROM oversight_auditevent",
            "TRUNCATE oversight_auditevent",
        ],
    )
    def test_it_stays(self, asked, sql):
        before = list(AuditEvent.objects.values_list("pk", "reason"))
        assert refused(sql) == "denied"
        assert list(AuditEvent.objects.values_list("pk", "reason")) == before


class TestKeys:
    def test_a_destroyed_key_never_returns(self, ana):
        seal_for(ana.pk, b"x")
        PersonKey.objects.filter(pk=ana.pk).update(wrapped=None, destroyed_at=NOW)
        sql = "UPDATE oversight_personkey SET wrapped = 'a', destroyed_at = NULL WHERE person_id = %s"
        assert refused(sql, [ana.pk]) == "destroyed"
        assert PersonKey.objects.get(pk=ana.pk).wrapped is None

    def test_a_key_isnt_deleted_nor_given_away(self, ana, eve):
        seal_for(ana.pk, b"x")
        assert refused("DELETE FROM oversight_personkey") == "denied"
        assert refused("UPDATE oversight_personkey SET person_id = %s", [eve.pk]) == "denied"


class TestAlerts:
    def test_a_closed_one_stays_closed(self, ana, omar):
        alert = alerts.raise_alert("x", title="A", at=NOW)
        alerts.close_alert(alert.pk, by=omar, now=LATER, word="looked")
        assert refused("UPDATE oversight_alert SET closed_at = NULL, closed_by_id = NULL, word = ''") == "closed"
        assert Alert.objects.get().word == "looked"

    def test_none_is_closed_without_a_word(self, omar):
        alerts.raise_alert("x", title="A", at=NOW)
        sql = "UPDATE oversight_alert SET closed_at = %s, closed_by_id = %s"
        assert refused(sql, [LATER, omar.pk]) == "check"


@pytest.mark.django_db(databases=["default", "owner"], transaction=True)
class TestAsTheOwner:
    """The triggers stand behind the rights: they stop the role that owns the tables, too."""

    @pytest.mark.parametrize(
        ("sql", "code"),
        [
            ("UPDATE oversight_auditevent SET reason = 'x'", "append-only"),
            ("DELETE FROM oversight_auditevent", "append-only"),
            ("UPDATE oversight_decision SET verdict = 'reject'", "append-only"),
            ("DELETE FROM oversight_decision", "append-only"),
            ("UPDATE oversight_approvalrequest SET payload = '{}'", "frozen"),
            ("UPDATE oversight_approvalrequest SET moves_hash = 'x'", "frozen"),
            ("UPDATE oversight_approvalrequest SET status = 'requested', decided_at = NULL", "decided"),
            ("DELETE FROM oversight_approvalrequest", "kept"),
            ("DELETE FROM oversight_alert", "kept"),
            ("UPDATE oversight_alert SET kind = 'y'", "frozen"),
            ("DELETE FROM oversight_personkey", "kept"),
        ],
    )
    def test_it_is_refused(self, asked, ana, lin, sql, code):
        services.approve(asked.pk, by=lin, now=LATER)
        with transaction.atomic():
            alerts.raise_alert("x", title="A", at=NOW)
            audit.record("x", actor=lin, at=NOW, personal={"name": "Ana"}, person=ana)
        assert refused(sql, using="owner") == code
        assert ApprovalRequest.objects.get().status == "approved"


def test_the_guards_functions_ignore_what_the_session_puts_in_front(asked, lin):
    """A temporary table of the same name doesn't make up approvals."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE oversight_decision AS SELECT * FROM public.oversight_decision")
        cursor.execute(
            "INSERT INTO pg_temp.oversight_decision (id, request_id, approver_id, verdict, note, at) "
            "VALUES (%s, %s, %s, 'approve', '', %s)",
            [uuid7(), asked.pk, lin.pk, LATER],
        )
    assert move(asked, "approved") == "not-approved"
    assert get_user_model().objects.filter(pk=lin.pk).exists()
    assert asked.expires_at == NOW + timedelta(days=7)
