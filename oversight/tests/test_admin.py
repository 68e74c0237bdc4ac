"""The console's pages of oversight: what they show, to whom, and that every deed shows its figures first."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone

from oversight import alerts, audit, verbs
from oversight.models import Alert, AuditEvent, Decision, PersonKey
from oversight.tests.conftest import VERB, LanguageTaken, request_language
from tests.people import enter, make_officer

pytestmark = pytest.mark.django_db

LIST = "/admin/oversight/approvalrequest/"


@pytest.fixture(autouse=True)
def empty_cache():
    cache.clear()


@pytest.fixture
def asked(ana, omar):
    """Omar has asked, just now: these pages read the clock."""
    return request_language(ana, language="fr", by=omar, now=timezone.now())


@pytest.fixture
def as_lin(client, lin):
    enter(client, lin)
    return client


@pytest.fixture
def look_now(verb, monkeypatch):
    """Let the verb say from now on what a request's language would be."""

    def say(language, *, drifts=()):
        told = replace(verb, look=lambda request: [("Language then", language(request))], drifts=drifts)
        monkeypatch.setitem(verbs._verbs, VERB, told)

    return say


def page(asked, name: str) -> str:
    return f"{LIST}{asked.pk}/do/{name}/"


def hidden(answer) -> dict[str, str]:
    """The hidden fields of a page's form."""
    found = {}
    for tag in re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", answer.content.decode()):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and name[1] != "csrfmiddlewaretoken":
            found[name[1]] = value[1] if value else ""
    return found


def said(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


class TestApprovals:
    def test_the_queue_shows_what_waits(self, as_lin, asked, ana):
        answer = as_lin.get(LIST)
        assert answer.status_code == 200
        assert list(answer.context["cl"].queryset) == [asked]
        assert b"0 of 1" in answer.content

    def test_the_queue_can_show_what_waits_for_me(self, client, asked, omar, lin):
        for officer, rows in ((omar, []), (lin, [asked])):
            enter(client, officer)
            assert list(client.get(f"{LIST}?status=mine").context["cl"].queryset) == rows
        assert list(client.get(f"{LIST}?status=approved").context["cl"].queryset) == []
        assert list(client.get(f"{LIST}?status=all&verb=tests.set_language").context["cl"].queryset) == [asked]

    def test_who_has_no_right_sees_nothing(self, client, asked, eve):
        enter(client, make_officer("Sam", "support"))
        for address in (LIST, f"{LIST}{asked.pk}/change/", page(asked, "approve")):
            assert client.get(address).status_code == 403
        enter(client, eve)
        assert urlsplit(client.get(LIST).url).path == reverse("admin:login")

    def test_the_page_shows_what_is_frozen(self, as_lin, asked, ana, omar):
        answer = as_lin.get(f"{LIST}{asked.pk}/change/")
        text = answer.content.decode()
        assert "Language then" in text
        assert bytes(asked.payload_hash).hex() in text
        assert "&quot;language&quot;: &quot;fr&quot;" in text
        assert page(asked, "approve") in text
        assert page(asked, "reject") in text
        assert 'name="_save"' not in text

    def test_the_requester_is_offered_no_decision(self, client, asked, omar):
        enter(client, omar)
        text = client.get(f"{LIST}{asked.pk}/change/").content.decode()
        assert page(asked, "approve") not in text

    def test_a_deed_that_isnt_offered_leads_back_with_a_word(self, client, asked, omar):
        enter(client, omar)
        answer = client.get(page(asked, "approve"), follow=True)
        assert answer.redirect_chain[-1][0] == f"{LIST}{asked.pk}/change/"
        assert said(answer) == ["Approve: this can't be done here now, or not by you."]
        asked.refresh_from_db()
        assert asked.status == "requested" and not Decision.objects.exists()

    def test_a_decision_leads_back_to_what_waits_for_the_officer(self, as_lin, asked):
        shown = as_lin.post(page(asked, "approve"), {"note": ""})
        answer = as_lin.post(page(asked, "approve"), {**hidden(shown), "_step": "confirm"})
        assert answer.url == f"{LIST}?status=mine"

    def test_a_figure_that_changed_since_stands_beside_the_frozen_one(self, as_lin, asked, verb, monkeypatch):
        told = replace(verb, look=lambda request: [("Language then", "Fon")])
        monkeypatch.setitem(verbs._verbs, VERB, told)
        beside = "fr (when asked); now Fon"
        for address in (f"{LIST}{asked.pk}/change/", page(asked, "approve")):
            answer = as_lin.get(address) if "change" in address else as_lin.post(address, {"note": ""})
            assert beside in answer.content.decode()
        chosen = {"action": "approve_selected", "_selected_action": [str(asked.pk)]}
        assert beside in as_lin.post(LIST, chosen).content.decode()
        monkeypatch.setitem(verbs._verbs, VERB, replace(verb, look=lambda request: [("Language then", "fr")]))
        assert "(when asked)" not in as_lin.get(f"{LIST}{asked.pk}/change/").content.decode()

    def test_what_would_be_refused_now_says_so(self, as_lin, asked, verb, monkeypatch):
        def refuse(request):
            raise LanguageTaken

        monkeypatch.setitem(verbs._verbs, VERB, replace(verb, look=refuse))
        assert "it would be refused: This language is taken" in as_lin.get(f"{LIST}{asked.pk}/change/").content.decode()

    def test_nothing_is_added_changed_or_deleted_here(self, as_lin, asked):
        assert as_lin.get(f"{LIST}add/").status_code == 403
        assert as_lin.post(f"{LIST}{asked.pk}/delete/", {"post": "yes"}).status_code == 403
        assert as_lin.post(f"{LIST}{asked.pk}/change/", {"reason": "x"}).status_code == 403
        asked.refresh_from_db()
        assert asked.reason == "they asked for it"

    def test_approving_shows_the_figures_first(self, as_lin, asked, ana, lin):
        form = as_lin.get(page(asked, "approve"))
        assert form.status_code == 200
        shown = as_lin.post(page(asked, "approve"), {**hidden(form), "note": "seen", "_step": "preview"})
        assert shown.status_code == 200
        assert b"it is carried out at once" in shown.content
        assert b"yours is 1 of 1" in shown.content
        assert not Decision.objects.exists()
        done = as_lin.post(page(asked, "approve"), {**hidden(shown), "_step": "confirm"}, follow=True)
        assert said(done) == ["Set a language: approved and carried out"]
        ana.refresh_from_db()
        assert ana.language == "fr"
        decision = Decision.objects.get()
        assert (decision.approver, decision.note) == (lin, "seen")
        assert AuditEvent.objects.get(action="oversight.approve").ip == "127.0.0.1"

    def test_a_get_never_acts(self, as_lin, asked):
        as_lin.get(page(asked, "approve") + "?_step=confirm&note=x")
        assert not Decision.objects.exists()

    def test_a_confirmation_without_the_figures_shows_them(self, as_lin, asked):
        answer = as_lin.post(page(asked, "approve"), {"note": "", "_step": "confirm"})
        assert answer.status_code == 200
        assert b"The figures have changed meanwhile" in answer.content
        assert not Decision.objects.exists()

    def test_a_confirmation_sent_twice_runs_once(self, as_lin, asked, ana):
        shown = as_lin.post(page(asked, "approve"), {"note": "", "_step": "preview"})
        cache.add(f"console:sent:{shown.wsgi_request.user.pk}:{hidden(shown)['_submission']}", 1)
        again = as_lin.post(page(asked, "approve"), {**hidden(shown), "_step": "confirm"}, follow=True)
        assert said(again) == ["This was sent already."]
        assert not Decision.objects.exists()

    def test_a_refusal_is_shown_on_the_page_and_nothing_is_done(self, as_lin, ana, omar):
        asked = request_language(ana, language="xx", by=omar, now=timezone.now())
        shown = as_lin.post(page(asked, "approve"), {"note": "", "_step": "preview"})
        answer = as_lin.post(page(asked, "approve"), {**hidden(shown), "_step": "confirm"})
        assert answer.status_code == 409
        assert b"This language is taken" in answer.content
        assert not Decision.objects.exists()
        again = as_lin.post(page(asked, "approve"), {**hidden(answer), "_step": "confirm"})
        assert again.status_code == 409, "the refusal freed the form"

    def test_the_requester_is_refused_even_if_they_know_the_address(self, client, asked, omar):
        enter(client, omar)
        shown = client.post(page(asked, "approve"), {"note": "", "_step": "preview"})
        answer = client.post(page(asked, "approve"), {**hidden(shown), "_step": "confirm"})
        assert answer.status_code == 403
        assert b"Nobody decides what they asked for" in answer.content
        assert not Decision.objects.exists()

    def test_what_has_become_void_is_said_loudly(self, as_lin, asked, ana):
        ana.time_zone = "Africa/Lome"
        ana.save(update_fields=["time_zone"])
        shown = as_lin.post(page(asked, "approve"), {"note": "", "_step": "preview"})
        done = as_lin.post(page(asked, "approve"), {**hidden(shown), "_step": "confirm"}, follow=True)
        assert said(done) == ["Set a language: what it is about has changed since; it is void"]
        assert next(iter(done.context["messages"])).level_tag == "error"
        ana.refresh_from_db()
        assert ana.language == "en"

    def test_rejecting_needs_a_word(self, as_lin, asked):
        answer = as_lin.post(page(asked, "reject"), {"note": "", "_step": "preview"})
        assert b"This field is required" in answer.content
        shown = as_lin.post(page(asked, "reject"), {"note": "no", "_step": "preview"})
        done = as_lin.post(page(asked, "reject"), {**hidden(shown), "_step": "confirm"}, follow=True)
        assert said(done) == ["Set a language: rejected"]
        asked.refresh_from_db()
        assert asked.status == "rejected"

    def test_one_may_go_back_to_the_form(self, as_lin, asked):
        shown = as_lin.post(page(asked, "reject"), {"note": "why not", "_step": "preview"})
        form = as_lin.post(page(asked, "reject"), {**hidden(shown), "_step": "edit"})
        assert b"why not</textarea>" in form.content
        assert not Decision.objects.exists()

    def test_several_are_approved_one_by_one(self, as_lin, ana, eve, omar, lin):
        good = request_language(ana, language="fr", by=omar, now=timezone.now())
        bad = request_language(eve, language="xx", by=omar, now=timezone.now())
        own = request_language(eve, language="de", by=make_officer("Kim", "compliance"), now=timezone.now())
        chosen = {"action": "approve_selected", "_selected_action": [str(r.pk) for r in (good, bad, own)]}
        shown = as_lin.post(LIST, chosen)
        assert shown.status_code == 200
        assert b"Approve 3 requests" in shown.content
        assert not Decision.objects.exists()
        done = as_lin.post(LIST, {**hidden(shown), **chosen}, follow=True)
        assert said(done) == [
            "Set a language: approved and carried out",
            "Set a language: This language is taken",
            "Set a language: approved and carried out",
        ]
        people = {person.pk: person.language for person in get_user_model().objects.filter(pk__in=[ana.pk, eve.pk])}
        assert people == {ana.pk: "fr", eve.pk: "de"}
        bad.refresh_from_db()
        assert (bad.status, Decision.objects.count()) == ("requested", 2)

    @pytest.mark.parametrize("way", ["one", "several"])
    @pytest.mark.parametrize("case", [((), 0), (("Language",), 1)])
    def test_what_changed_since_it_was_shown_is_shown_again(self, as_lin, asked, look_now, way, case):
        """Unless it is a figure that drifts with everyday traffic."""
        drifts, decisions = case
        look_now(lambda request: "fr", drifts=drifts)
        if way == "one":
            shown = as_lin.post(page(asked, "approve"), {"note": "", "_step": "preview"})
            address, sent = page(asked, "approve"), {**hidden(shown), "note": "", "_step": "confirm"}
        else:
            shown = as_lin.post(LIST, {"action": "approve_selected", "_selected_action": [str(asked.pk)]})
            address, sent = LIST, hidden(shown)
        assert shown.status_code == 200 and "now Fon" not in shown.content.decode()
        look_now(lambda request: "Fon", drifts=drifts)
        again = as_lin.post(address, sent)
        assert Decision.objects.count() == decisions
        if not decisions:
            assert "fr (when asked); now Fon" in again.content.decode()
            assert b"The figures have changed meanwhile" in again.content
            as_lin.post(address, {**hidden(again), "note": "", "_step": "confirm"})
            assert Decision.objects.count() == 1

    def test_of_several_only_what_changed_is_shown_again(self, as_lin, asked, eve, look_now):
        other = request_language(eve, language="de", by=asked.requested_by, now=timezone.now())
        chosen = {"action": "approve_selected", "_selected_action": [str(asked.pk), str(other.pk)]}
        shown = as_lin.post(LIST, chosen)
        look_now(lambda request: "Fon" if request.pk == asked.pk else "de")
        again = as_lin.post(LIST, {**hidden(shown), **chosen})
        assert b"Approve 1 request<" in again.content and b"now Fon" in again.content
        assert said(again) == ["Set a language: approved and carried out"]
        assert [each.request for each in Decision.objects.all()] == [other]

    def test_of_several_none_is_approved_that_wasnt_shown(self, as_lin, asked):
        for more in ({}, {f"_seen_{asked.pk}": "0" * 64}, {f"_seen_{asked.pk}": ""}):
            chosen = {"action": "approve_selected", "_selected_action": [str(asked.pk)], "confirmed": "yes"}
            assert b"The figures have changed meanwhile" in as_lin.post(LIST, {**chosen, **more}).content
        assert not Decision.objects.exists()

    def test_several_aren_t_approved_by_who_may_approve_none(self, client, asked, ada):
        enter(client, ada)
        client.post(LIST, {"action": "approve_selected", "_selected_action": [str(asked.pk)], "confirmed": "yes"})
        assert not Decision.objects.exists() or not ada.has_perm("accounts.approve_kyc_level")
        asked.refresh_from_db()
        assert asked.status == "requested"

    def test_the_document_is_given_as_an_attachment(self, as_lin, client, ana, omar):
        file = ContentFile(b"%PDF", name='a"b\u00e9.pdf')
        asked = request_language(ana, language="fr", by=omar, now=timezone.now(), document=file)
        answer = as_lin.get(f"{LIST}{asked.pk}/document/")
        assert (answer.status_code, answer.content) == (200, b"%PDF")
        assert answer["Content-Type"] == "application/octet-stream"
        assert answer["Content-Disposition"] == 'attachment; filename="a_b_.pdf"'
        assert answer["X-Content-Type-Options"] == "nosniff"
        enter(client, make_officer("Sam", "support"))
        assert client.get(f"{LIST}{asked.pk}/document/").status_code == 403

    def test_a_broken_id_is_not_found(self, as_lin):
        assert as_lin.get(f"{LIST}nothing/do/approve/").status_code == 404


class TestAudit:
    LIST = "/admin/oversight/auditevent/"

    def test_it_is_listed_and_found_by_target(self, as_lin, asked, ana):
        answer = as_lin.get(self.LIST, {"target_type": "oversight.approvalrequest", "target_id": str(asked.pk)})
        assert [event.action for event in answer.context["cl"].queryset] == ["oversight.requested"]

    def test_the_history_of_a_row_is_its_trail(self, as_lin, asked):
        answer = as_lin.get(f"{LIST}{asked.pk}/history/")
        assert answer.status_code == 302
        assert answer.url == f"{self.LIST}?target_type=oversight.approvalrequest&target_id={asked.pk}"

    def test_a_page_leads_to_its_trail(self, as_lin, client, asked):
        link = f"{LIST}{asked.pk}/history/".encode()
        assert link in as_lin.get(f"{LIST}{asked.pk}/change/").content
        alert = alerts.raise_alert("x", title="A", at=timezone.now())
        enter(client, make_officer("Sam", "support"))
        answer = client.get(f"/admin/oversight/alert/{alert.pk}/change/")
        assert (answer.status_code, b"/history/" in answer.content) == (200, False)
        assert client.get(f"/admin/oversight/alert/{alert.pk}/history/").status_code == 403

    def test_the_personal_part_is_shown_to_those_who_may_alone(self, client, ana, omar, lin):
        event = audit.record("x", actor=omar, at=timezone.now(), personal={"phone": "+2290197000000"}, person=ana)
        address = f"{self.LIST}{event.pk}/change/"
        enter(client, lin)
        assert b"+2290197000000" in client.get(address).content
        enter(client, make_officer("Fin", "finance"))
        answer = client.get(address)
        assert answer.status_code == 200
        assert b"+2290197000000" not in answer.content
        PersonKey.objects.filter(pk=ana.pk).update(wrapped=None, destroyed_at=timezone.now())
        enter(client, lin)
        assert b"erased" in client.get(address).content

    def test_nothing_is_changed_here(self, as_lin, omar):
        event = audit.record("x", actor=omar, at=timezone.now())
        assert as_lin.get(f"{self.LIST}add/").status_code == 403
        assert as_lin.post(f"{self.LIST}{event.pk}/delete/", {"post": "yes"}).status_code == 403
        assert AuditEvent.objects.filter(pk=event.pk).exists()


class TestAlerts:
    LIST = "/admin/oversight/alert/"

    def test_open_ones_are_listed_and_closed_with_a_word(self, as_lin, lin):
        alert = alerts.raise_alert("pool", title="The pool is short", severity="critical", at=timezone.now())
        assert list(as_lin.get(self.LIST).context["cl"].queryset) == [alert]
        address = f"{self.LIST}{alert.pk}/do/close-with-word/"
        assert b"This field is required" in as_lin.post(address, {"word": " ", "_step": "preview"}).content
        shown = as_lin.post(address, {"word": "refilled", "_step": "preview"})
        assert b"refilled" in shown.content
        as_lin.post(address, {**hidden(shown), "_step": "confirm"})
        closed = Alert.objects.get()
        assert (closed.word, closed.closed_by) == ("refilled", lin)
        assert list(as_lin.get(self.LIST).context["cl"].queryset) == []
        assert list(as_lin.get(f"{self.LIST}?state=closed").context["cl"].queryset) == [alert]
        assert address.encode() not in as_lin.get(f"{self.LIST}{alert.pk}/change/").content

    def test_support_sees_but_doesn_t_close(self, client):
        alert = alerts.raise_alert("pool", title="The pool is short", at=timezone.now())
        enter(client, make_officer("Sam", "support"))
        assert client.get(f"{self.LIST}{alert.pk}/change/").status_code == 200
        address = f"{self.LIST}{alert.pk}/do/close-with-word/"
        assert client.post(address, {"word": "x", "_step": "confirm"}).status_code == 403
        assert Alert.objects.get().closed_at is None


class TestHeldFiles:
    def test_a_file_survives_the_confirmation_page(self, rf, omar):
        from django.core.files.uploadedfile import SimpleUploadedFile

        from oversight.console import held_files

        token = held_files.hold(SimpleUploadedFile("letter.pdf", b"%PDF"), by=omar)
        found = held_files.find(token, by=omar)
        assert (found.name, found.read()) == ("letter.pdf", b"%PDF")
        assert held_files.find(token, by=make_officer("Kim", "finance")) is None
        assert held_files.find(token + "x", by=omar) is None
        held_files.drop(token)
        assert held_files.find(token, by=omar) is None

    def test_what_nobody_confirms_goes(self, omar):
        from django.core.files.uploadedfile import SimpleUploadedFile

        from oversight.console import held_files

        held_files.hold(SimpleUploadedFile("letter.pdf", b"%PDF"), by=omar)
        assert held_files.purge(now=timezone.now()) == 0
        assert held_files.purge(now=timezone.now() + 2 * held_files.HELD_FOR) >= 1
        assert default_storage.listdir(held_files.FOLDER)[1] == []
