"""Four eyes: what may be asked, by whom it may be decided, and what an outcome leaves behind."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.management import call_command

from core.errors import NotFound
from oversight import documents, services, verbs
from oversight.models import ApprovalRequest, AuditEvent, Decision
from oversight.tests.conftest import LATER, NOW, VERB, LanguageTaken, request_language
from tests.people import make_officer

pytestmark = pytest.mark.django_db


def nothing_happened(asked: ApprovalRequest, person) -> None:
    """The request is open, undecided, and the person as before."""
    asked.refresh_from_db()
    assert (asked.status, asked.decided_at) == ("requested", None)
    assert not Decision.objects.exists()
    assert get_user_model().objects.get(pk=person.pk).language == "en"
    assert not AuditEvent.objects.filter(action__in=["oversight.approve", "oversight.reject"]).exists()


class TestAsking:
    def test_what_is_asked_is_frozen_as_it_was(self, asked, ana, omar):
        asked.refresh_from_db()
        canonical = b'{"payload":{"language":"fr"},"verb":"tests.set_language"}'
        assert bytes(asked.payload_hash) == hashlib.sha256(canonical).digest()
        assert bytes(asked.target_hash) == hashlib.sha256(b'{"time_zone":"UTC"}').digest()
        assert asked.summary == [["Person", str(ana)], ["Language then", "fr"]]
        assert (asked.target_type, asked.target_id) == ("accounts.user", str(ana.pk))
        assert (asked.title, asked.approvals, asked.requested_by, asked.beneficiary) == ("Set a language", 1, omar, ana)
        assert asked.expires_at - asked.requested_at == timedelta(days=7)
        event = AuditEvent.objects.get(action="oversight.requested")
        assert (event.actor, event.at, event.target_id) == (omar, NOW, str(asked.pk))
        assert event.after["payload_hash"] == hashlib.sha256(canonical).hexdigest()

    @pytest.mark.parametrize("role", ["finance", "administrator", "support"])
    def test_only_who_holds_the_permission_may_ask(self, ana, role):
        other = make_officer("Paul", role)
        assert not other.has_perm("accounts.request_kyc_level")
        with pytest.raises(services.NotAllowedToAsk):
            request_language(ana, language="fr", by=other, now=NOW)
        assert not ApprovalRequest.objects.exists()
        assert not AuditEvent.objects.exists()

    def test_nobody_asks_for_their_own_benefit(self, omar):
        with pytest.raises(services.OwnRequest):
            request_language(omar, language="fr", by=omar, now=NOW)
        assert not ApprovalRequest.objects.exists()

    @pytest.mark.parametrize("reason", ["", "  \n"])
    def test_a_reason_is_needed(self, ana, omar, reason):
        with pytest.raises(services.ReasonMissing):
            request_language(ana, language="fr", by=omar, now=NOW, reason=reason)
        assert not ApprovalRequest.objects.exists()

    def test_an_unknown_verb_is_refused(self, omar):
        with pytest.raises(verbs.UnknownVerb):
            services.ask("tests.none", by=omar, at=NOW, payload={}, summary=[], reason="x")

    def test_a_target_of_another_kind_is_refused(self, asked, omar):
        with pytest.raises(services.WrongTarget):
            services.ask(VERB, by=omar, at=NOW, payload={}, summary=[], reason="x", target=asked)
        assert ApprovalRequest.objects.count() == 1

    def test_a_float_in_the_payload_is_refused(self, ana, omar):
        with pytest.raises(TypeError):
            services.ask(VERB, by=omar, at=NOW, payload={"a": [{"b": 0.1}]}, summary=[], reason="x", target=ana)
        assert not ApprovalRequest.objects.exists()

    def test_two_verbs_of_one_name_are_a_mistake(self, verb):
        with pytest.raises(ValueError, match="two verbs"):
            verbs.register(verbs.Verb(VERB, "Other", "", "", apply=print))


class TestApproving:
    def test_another_officer_approves_and_it_is_done(self, asked, ana, lin):
        done = services.approve(asked.pk, by=lin, now=LATER, note="seen")
        assert (done.status, done.decided_at) == ("approved", LATER)
        ana.refresh_from_db()
        assert ana.language == "fr"
        decision = Decision.objects.get()
        assert (decision.approver, decision.verdict, decision.note, decision.at) == (lin, "approve", "seen", LATER)
        trail = list(AuditEvent.objects.order_by("id").values_list("action", "actor_id"))
        assert trail == [
            ("oversight.requested", asked.requested_by_id),
            ("oversight.approve", lin.pk),
            ("oversight.approvalrequest.approved", lin.pk),
        ]

    def test_the_requester_is_refused(self, asked, ana, omar):
        with pytest.raises(services.OwnRequest):
            services.approve(asked.pk, by=omar, now=LATER)
        nothing_happened(asked, ana)

    def test_the_beneficiary_is_refused(self, lin, omar):
        asked = request_language(lin, language="fr", by=omar, now=NOW)
        with pytest.raises(services.OwnRequest):
            services.approve(asked.pk, by=lin, now=LATER)
        nothing_happened(asked, lin)

    def test_without_the_permission_it_is_refused(self, asked, ana, ada, eve):
        for other in (ada, eve):
            with pytest.raises(services.NotAllowedToDecide):
                services.approve(asked.pk, by=other, now=LATER)
            with pytest.raises(services.NotAllowedToDecide):
                services.reject(asked.pk, by=other, now=LATER, note="no")
        nothing_happened(asked, ana)

    def test_who_is_no_officer_is_refused_whatever_their_groups(self, asked, ana, lin):
        lin.is_staff = False
        lin.save(update_fields=["is_staff"])
        with pytest.raises(services.NotAllowedToDecide):
            services.approve(asked.pk, by=lin, now=LATER)
        nothing_happened(asked, ana)

    def test_a_superuser_opens_nothing(self, asked, ana, ada):
        ada.is_superuser = True
        with pytest.raises(services.NotAllowedToDecide):
            services.approve(asked.pk, by=ada, now=LATER)
        nothing_happened(asked, ana)

    def test_what_an_officer_asked_for_who_is_blocked_since_is_refused(self, asked, ana, omar, lin):
        get_user_model().objects.filter(pk=omar.pk).update(blocked_at=LATER)
        with pytest.raises(services.RequesterShutOut):
            services.approve(asked.pk, by=lin, now=LATER)
        nothing_happened(asked, ana)
        assert services.reject(asked.pk, by=lin, now=LATER, note="asked by a thief").status == "rejected"

    def test_who_is_let_in_again_stands_by_their_word(self, asked, omar, lin):
        people = get_user_model().objects.filter(pk=omar.pk)
        people.update(blocked_at=LATER)
        people.update(blocked_at=None)
        assert services.approve(asked.pk, by=lin, now=LATER).status == "approved"

    def test_an_unknown_request_is_not_found(self, asked, lin):
        with pytest.raises(NotFound):
            services.approve(lin.pk, by=lin, now=LATER)

    def test_two_approvals_take_two_others(self, ana, omar, lin):
        asked = request_language(ana, language="fr", by=omar, now=NOW, approvals=2)
        first = services.approve(asked.pk, by=lin, now=LATER)
        ana.refresh_from_db()
        assert (first.status, ana.language) == ("requested", "en")
        with pytest.raises(services.AlreadyDecided):
            services.approve(asked.pk, by=lin, now=LATER)
        assert Decision.objects.count() == 1
        kim = make_officer("Kim", "compliance")
        second = services.approve(asked.pk, by=kim, now=LATER)
        ana.refresh_from_db()
        assert (second.status, ana.language) == ("approved", "fr")

    def test_a_decided_request_is_decided(self, asked, ana, lin):
        services.approve(asked.pk, by=lin, now=LATER)
        kim = make_officer("Kim", "compliance")
        for decide in (services.approve, services.reject):
            with pytest.raises(services.AlreadyDecided):
                decide(asked.pk, by=kim, now=LATER, note="no")
        assert Decision.objects.count() == 1

    def test_what_the_deed_refuses_leaves_the_request_open(self, ana, omar, lin):
        asked = request_language(ana, language="xx", by=omar, now=NOW)
        with pytest.raises(LanguageTaken):
            services.approve(asked.pk, by=lin, now=LATER)
        nothing_happened(asked, ana)

    def test_a_target_that_changed_makes_it_void_and_that_is_kept(self, asked, ana, lin):
        ana.time_zone = "Africa/Porto-Novo"
        ana.save(update_fields=["time_zone"])
        outcome = services.approve(asked.pk, by=lin, now=LATER)
        asked.refresh_from_db()
        ana.refresh_from_db()
        assert (outcome.status, asked.status, asked.decided_at, ana.language) == ("void", "void", LATER, "en")
        assert not Decision.objects.exists()
        assert AuditEvent.objects.filter(action="oversight.approvalrequest.void", actor=lin).count() == 1
        with pytest.raises(services.RequestVoid):
            services.require_carried_out(outcome)

    def test_what_the_verb_doesnt_name_may_change(self, asked, ana, lin):
        ana.country = "TG"
        ana.save(update_fields=["country"])
        assert services.approve(asked.pk, by=lin, now=LATER).status == "approved"

    def test_a_payload_that_isnt_the_one_asked_for_is_refused(self, asked, ana, lin, monkeypatch):
        monkeypatch.setattr(services, "_payload_hash", lambda verb, payload: b"another")
        with pytest.raises(services.PayloadChanged):
            services.approve(asked.pk, by=lin, now=LATER)
        nothing_happened(asked, ana)


class TestExpiry:
    def test_one_second_before_it_may_be_approved(self, asked, lin):
        assert services.approve(asked.pk, by=lin, now=NOW + timedelta(days=7, seconds=-1)).status == "approved"

    @pytest.mark.parametrize("verb_name", ["approve", "reject"])
    def test_from_its_last_moment_on_it_expires_and_that_is_kept(self, asked, ana, lin, verb_name):
        moment = NOW + timedelta(days=7)
        outcome = getattr(services, verb_name)(asked.pk, by=lin, now=moment, note="late")
        asked.refresh_from_db()
        ana.refresh_from_db()
        assert (outcome.status, asked.status, asked.decided_at, ana.language) == ("expired", "expired", moment, "en")
        assert not Decision.objects.exists()
        with pytest.raises(services.RequestExpired):
            services.require_carried_out(outcome)

    def test_what_is_over_expires_and_the_rest_stays(self, asked, ana, omar):
        young = request_language(ana, language="de", by=omar, now=NOW + timedelta(days=3))
        assert services.expire_requests(now=NOW + timedelta(days=7)) == 1
        assert services.expire_requests(now=NOW + timedelta(days=7)) == 0
        asked.refresh_from_db()
        young.refresh_from_db()
        assert (asked.status, young.status) == ("expired", "requested")
        event = AuditEvent.objects.get(action="oversight.approvalrequest.expired")
        assert (event.actor, event.before, event.after) == (None, {"status": "requested"}, {"status": "expired"})

    def test_the_command_says_how_many(self, asked, capsys):
        call_command("expire_requests")
        assert capsys.readouterr().out == "1 request expired\n"


class TestRejecting:
    def test_one_word_against_it_ends_it(self, ana, omar, lin):
        asked = request_language(ana, language="fr", by=omar, now=NOW, approvals=2)
        services.approve(asked.pk, by=lin, now=LATER)
        kim = make_officer("Kim", "compliance")
        outcome = services.reject(asked.pk, by=kim, now=LATER, note="not her wish")
        ana.refresh_from_db()
        assert (outcome.status, ana.language) == ("rejected", "en")
        assert Decision.objects.get(approver=kim).note == "not her wish"

    def test_it_needs_a_word(self, asked, ana, lin):
        with pytest.raises(services.ReasonMissing):
            services.reject(asked.pk, by=lin, now=LATER, note=" ")
        nothing_happened(asked, ana)

    def test_the_requester_cant_even_reject(self, asked, ana, omar):
        with pytest.raises(services.OwnRequest):
            services.reject(asked.pk, by=omar, now=LATER, note="never mind")
        nothing_happened(asked, ana)


class TestDocuments:
    CONTENT = b"%PDF-1.7 the bank's letter"

    def test_a_document_is_kept_with_its_hash(self, ana, omar):
        document = ContentFile(self.CONTENT, name="../../letter of the bank.pdf")
        asked = request_language(ana, language="fr", by=omar, now=NOW, document=document)
        asked.refresh_from_db()
        assert asked.document_name == "letter of the bank.pdf"
        assert bytes(asked.document_hash) == hashlib.sha256(self.CONTENT).digest()
        assert asked.document.name.startswith("approvals/")
        assert asked.document.name.endswith(f"{asked.pk}.pdf")
        assert documents.read(asked) == self.CONTENT

    def test_a_changed_document_is_not_shown(self, ana, omar):
        document = ContentFile(self.CONTENT, name="letter.pdf")
        asked = request_language(ana, language="fr", by=omar, now=NOW, document=document)
        with asked.document.storage.open(asked.document.name, "wb") as stored:
            stored.write(b"another letter")
        with pytest.raises(documents.DocumentChanged):
            documents.read(asked)

    @pytest.mark.parametrize(
        ("name", "content"), [("page.html", b"<script>"), ("noname", b"x"), ("a.pdf", b""), ("a.pdf.exe", b"x")]
    )
    def test_other_kinds_and_empty_ones_are_refused(self, ana, omar, name, content):
        with pytest.raises(documents.DocumentRefused):
            request_language(ana, language="fr", by=omar, now=NOW, document=ContentFile(content, name=name))
        assert not ApprovalRequest.objects.exists()

    def test_a_huge_one_is_refused(self, ana, omar, monkeypatch):
        monkeypatch.setattr(documents, "MAXIMUM_BYTES", 10)
        with pytest.raises(documents.DocumentRefused):
            request_language(ana, language="fr", by=omar, now=NOW, document=ContentFile(b"x" * 11, name="a.pdf"))
        assert not ApprovalRequest.objects.exists()
