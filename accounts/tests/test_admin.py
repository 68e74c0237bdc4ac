import re
from datetime import UTC, datetime

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client

from accounts import services
from accounts.models import Session, User
from accounts.tests.test_factors import Enrolled
from oversight.models import ApprovalRequest, AuditEvent
from tests.people import PASSWORD, enter, make_investor, make_officer

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
USERS = "/admin/accounts/user/"


@pytest.fixture
def ana(db):
    return make_investor("Ana", phone="+2290197123456")


def console(officer: User) -> Client:
    client = Client(raise_request_exception=False)
    enter(client, officer)
    return client


def page(person: User, deed: str = "change/") -> str:
    return f"{USERS}{person.pk}/{deed}"


def do(client: Client, address: str, **form):
    """Fill in a page, look at the figures, confirm them; return the figures and the last answer."""
    hidden = dict(re.findall(r'name="(_submission|_seen)" value="([^"]*)"', client.get(address).content.decode()))
    shown = client.post(address, {**form, **hidden, "_step": "preview"})
    html = shown.content.decode()
    hidden = dict(re.findall(r'name="(_submission|_seen)" value="([^"]*)"', html))
    return html, client.post(address, {**form, **hidden, "_step": "confirm"}, follow=True)


class TestList:
    def test_masks_identifiers(self, ana, ada):
        html = console(ada).get(USERS).content.decode()
        assert "Ana Houngbo" in html
        assert ana.referral_code in html
        assert "a…@example.com" in html
        assert "+229…56" in html
        assert "ana@example.com" not in html
        assert "97123456" not in html

    @pytest.mark.parametrize("writing", ["ANA@example.com", "97 12 34 56", "+2290197123456"])
    def test_finds_one_person_by_a_whole_identifier(self, ana, eve, ada, writing):
        html = console(ada).get(USERS, {"q": writing}).content.decode()
        assert (ana.referral_code in html, eve.referral_code in html) == (True, False)

    def test_finds_by_referral_code_and_id(self, ana, eve, ada):
        for text in (ana.referral_code.lower(), str(ana.pk)):
            html = console(ada).get(USERS, {"q": text}).content.decode()
            assert (ana.referral_code in html, eve.referral_code in html) == (True, False)

    @pytest.mark.parametrize("part", ["ana", "@example.com", "9712", "%", "'", "x" * 1000])
    def test_finds_nobody_by_a_part(self, ana, ada, part):
        answer = console(ada).get(USERS, {"q": part})
        assert answer.status_code == 200
        assert ana.referral_code not in answer.content.decode()

    def test_filters(self, ana, eve, ada):
        User.objects.filter(pk=ana.pk).update(blocked_at=NOW, kyc_level=2)
        for query in ({"standing": "blocked"}, {"kyc_level__exact": "2"}):
            html = console(ada).get(USERS, query).content.decode()
            assert (ana.referral_code in html, eve.referral_code in html) == (True, False)
        html = console(ada).get(USERS, {"standing": "officer"}).content.decode()
        assert (ana.referral_code in html, ada.referral_code in html) == (False, True)

    @pytest.mark.parametrize(
        "query",
        [
            {"password__startswith": "argon2"},
            {"last_login__isnull": "False"},
            {"referral_code__startswith": "A"},
            {"email_index__isnull": "False"},
            {"totp__isnull": "False"},
            {"sessions__ip": "192.0.2.1"},
        ],
    )
    def test_nothing_that_it_doesnt_show_can_be_guessed_by_it(self, ana, query):
        """Whoever may open the list would read a hash of a password letter by letter."""
        sam = console(make_officer("Sam", "moderator"))
        assert sam.get(USERS, query).status_code == 400

    def test_takes_as_many_queries_for_many_people_as_for_one(self, ana, ada, django_assert_max_num_queries):
        for name in ("Bea", "Cid", "Dan", "Eli", "Fay"):
            make_investor(name)
        client = console(ada)
        with django_assert_max_num_queries(14):
            client.get(USERS)

    def test_is_nobodys_without_the_right(self, ana, eve):
        for person in (
            ana,
            make_investor("Zoe", is_superuser=True),
            make_investor("Yao", is_superuser=True, is_staff=True),
        ):
            assert console(person).get(USERS).status_code in {302, 403}


class TestDetail:
    def test_shows_identifiers_in_full_to_whom_may_see_them(self, ana, ada, omar):
        masked = console(ada).get(page(ana)).content.decode()
        assert "a…@example.com" in masked
        assert "ana@example.com" not in masked
        whole = console(omar).get(page(ana)).content.decode()
        assert "ana@example.com" in whole
        assert "+2290197123456" in whole

    def test_shows_open_sessions(self, ana, omar):
        device = services.Device(user_agent="Ana's phone", ip="192.0.2.7")
        services.log_in("ana@example.com", PASSWORD, device=device, now=NOW)
        assert "192.0.2.7" in console(omar).get(page(ana)).content.decode()
        finance = make_officer("Fatou", "finance")
        assert "192.0.2.7" not in console(finance).get(page(ana)).content.decode()

    def test_what_is_asked_of_others_is_for_those_who_see_requests(self, ana, omar):
        """Support answers the person on the phone: it must not hear that a block is asked for."""
        do(console(omar), page(ana, "do/ask-to-block/"), reason="a suspicion")
        title = ApprovalRequest.objects.get().title
        for role in ("support", "moderator"):
            assert title not in console(make_officer(f"Sam {role}", role)).get(page(ana)).content.decode()
        for role in ("compliance", "finance", "administrator"):
            assert title in console(make_officer(f"Sam {role}", role)).get(page(ana)).content.decode()

    def test_changes_nothing(self, ana, ada):
        client = console(ada)
        before = User.objects.values().get(pk=ana.pk)
        assert client.post(page(ana), {"kyc_level": 3, "is_superuser": "on"}).status_code in {302, 403}
        assert client.post(page(ana, "delete/"), {"post": "yes"}).status_code in {403, 404}
        assert client.get(f"{USERS}add/").status_code == 403
        assert User.objects.values().get(pk=ana.pk) == before

    def test_offers_what_the_officer_may(self, ana, ada, omar):
        for officer, mine, theirs in ((ada, "grant-role", "set-kyc-level"), (omar, "set-kyc-level", "grant-role")):
            html = console(officer).get(page(ana)).content.decode()
            assert f"/do/{mine}/" in html
            assert f"/do/{theirs}/" not in html

    def test_offers_nothing_on_oneself(self, ada):
        assert "/do/" not in console(ada).get(page(ada)).content.decode()


class TestDeeds:
    def test_a_role_is_asked_for_with_its_figures_first(self, ana, ada):
        figures, answer = do(console(ada), page(ana, "do/grant-role/"), role="support", reason="joined")
        assert "investor, support" in figures
        assert "approval" in figures
        assert answer.status_code == 200
        request = ApprovalRequest.objects.get()
        assert (request.verb, request.payload) == ("accounts.role", {"role": "support", "move": "grant"})
        assert (request.requested_by, request.target_id, request.reason) == (ada, str(ana.pk), "joined")
        assert request.title in console(ada).get(page(ana)).content.decode()

    def test_looking_asks_for_nothing(self, ana, ada):
        client = console(ada)
        assert client.get(page(ana, "do/grant-role/")).status_code == 200
        client.post(page(ana, "do/grant-role/"), {"role": "support", "reason": "joined"})
        assert not ApprovalRequest.objects.exists()

    def test_a_kyc_level_is_asked_for(self, ana, omar):
        figures, _ = do(console(omar), page(ana, "do/set-kyc-level/"), level="1", reason="passport seen")
        assert "KYC level then" in figures
        assert ApprovalRequest.objects.get().payload == {"level": 1}
        assert User.objects.get(pk=ana.pk).kyc_level == 0

    @pytest.mark.parametrize("level", ["4", "-1", "x", "", "1.5"])
    def test_a_wrong_level_is_said_at_the_field(self, ana, omar, level):
        do(console(omar), page(ana, "do/set-kyc-level/"), level=level, reason="x")
        assert not ApprovalRequest.objects.exists()

    def test_a_refusal_is_shown_and_changes_nothing(self, ana, omar):
        _, answer = do(console(omar), page(ana, "do/set-kyc-level/"), level="0", reason="x")
        assert "It already is as requested" in answer.content.decode()
        assert not ApprovalRequest.objects.exists()

    def test_an_investor_is_blocked_at_once(self, ana, omar):
        services.log_in("ana@example.com", PASSWORD, device=services.Device(), now=NOW)
        do(console(omar), page(ana, "do/block-now/"), reason="her bank called")
        assert User.objects.get(pk=ana.pk).blocked_by == omar
        assert Session.objects.get().revoke_reason == "blocked"
        do(console(omar), page(ana, "do/ask-to-unblock/"), reason="a mistake")
        assert ApprovalRequest.objects.get().payload == {"move": "unblock"}

    def test_a_lost_number_is_asked_for_with_the_factors(self, ana, omar):
        address = page(ana, "do/ask-to-reset-factors/")
        assert address not in console(omar).get(page(ana)).content.decode()
        User.objects.filter(pk=ana.pk).update(phone_verified_at=NOW)
        assert address in console(omar).get(page(ana)).content.decode()
        html, _ = do(console(omar), address, reason="a mistake")
        assert "counts as theirs no more" not in html and not ApprovalRequest.objects.exists()
        html, _ = do(console(omar), address, reason="SIM lost", with_number="on")
        assert "counts as theirs no more" in html
        assert ApprovalRequest.objects.get().payload == {"with_number": True}

    def test_a_session_is_ended(self, ana, omar):
        services.log_in("ana@example.com", PASSWORD, device=services.Device(), now=NOW)
        session = Session.objects.get()
        do(console(omar), f"/admin/accounts/session/{session.pk}/do/end-session/")
        assert Session.objects.get().revoke_reason == "officer"
        assert AuditEvent.objects.get(action="accounts.session_ended").actor == omar

    @pytest.mark.parametrize("deed", ["grant-role", "take-role", "set-kyc-level", "block-now", "ask-to-block"])
    def test_without_the_right_is_refused(self, ana, deed):
        client = console(make_officer("Fatou", "finance"))
        assert client.get(page(ana, f"do/{deed}/")).status_code == 403
        assert client.post(page(ana, f"do/{deed}/"), {"_step": "confirm"}).status_code == 403
        assert not ApprovalRequest.objects.exists()


class TestRoles:
    def test_are_shown_and_never_changed(self, ada):
        client = console(ada)
        group = Group.objects.get(name="finance")
        assert "finance" in client.get("/admin/auth/group/").content.decode()
        address = f"/admin/auth/group/{group.pk}/change/"
        assert "accounts.view_user" in client.get(address).content.decode()
        before = set(group.permissions.values_list("pk", flat=True))
        client.post(address, {"name": "emperor", "permissions": []})
        group.refresh_from_db()
        assert (group.name, set(group.permissions.values_list("pk", flat=True))) == ("finance", before)
        assert client.get("/admin/auth/group/add/").status_code == 403

    def test_no_permission_of_the_console_adds_changes_or_deletes_people_or_roles(self, ada):
        for model in (User, Group, Session):
            page = admin.site.get_model_admin(model)
            assert not page.has_add_permission(None)
            assert not page.has_change_permission(None)
            assert not page.has_delete_permission(None)


def test_an_officer_leaves_the_console_when_blocked(ada):
    client = console(ada)
    assert client.get(USERS).status_code == 200
    User.objects.filter(pk=ada.pk).update(blocked_at=NOW)
    assert client.get(USERS).status_code == 302


class TestDoors:
    def enter(self, client: Client, identifier: str, password: str = PASSWORD):
        return client.post("/admin/login/?next=/admin/accounts/user/", {"username": identifier, "password": password})

    def test_an_officer_comes_in_by_address_and_lands_where_they_wanted(self, ada):
        client = Client()
        assert "E-mail address or phone number" in client.get("/admin/login/").content.decode()
        answer = self.enter(client, "ADA@example.com")
        assert (answer.status_code, answer["Location"]) == (302, USERS)
        enter(client, ada)
        assert client.get(USERS).status_code == 200

    def test_an_investor_and_a_superuser_stay_outside(self, ana):
        make_investor("Zoe", is_superuser=True)
        for identifier in ("ana@example.com", "zoe@example.com"):
            client = Client()
            answer = self.enter(client, identifier)
            assert answer.status_code == 200
            assert "are no officer" in answer.content.decode()
            assert client.get(USERS).status_code == 302

    def test_wrong_passwords_lock_the_door(self, ada):
        client = Client()
        for _ in range(5):
            self.enter(client, "ada@example.com", "wrong")
        assert "Too many wrong passwords" in self.enter(client, "ada@example.com").content.decode()
        assert client.get(USERS).status_code == 302

    def test_an_officer_changes_the_password_and_stays_here_alone(self, ada):
        Enrolled(ada)
        here, there = console(ada), console(ada)
        new = "a brand new secret"
        form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
        answer = here.post("/admin/password_change/", form)
        assert (answer.status_code, answer["Location"]) == (302, "/admin/password_change/done/")
        assert User.objects.get(pk=ada.pk).check_password(new)
        asked = here.get(USERS, follow=True)
        assert asked.request["PATH_INFO"].startswith("/admin/second-factor/")
        assert "Your password was changed" in asked.content.decode()
        assert there.get(USERS, follow=True).request["PATH_INFO"] == "/admin/login/"

    def test_a_wrong_present_password_changes_nothing(self, ada):
        form = {"old_password": "wrong", "new_password1": "a brand new secret", "new_password2": "a brand new secret"}
        answer = console(ada).post("/admin/password_change/", form)
        assert "The current password is not this one" in answer.content.decode()
        assert User.objects.get(pk=ada.pk).check_password(PASSWORD)
