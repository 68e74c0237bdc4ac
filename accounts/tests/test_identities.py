"""Whose log-ins by Google and Apple are: linked by mail or from inside, listed, unlinked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from rest_framework.test import APIClient

from accounts import rules, services, tasks
from accounts.models import PendingLink, Session, SocialIdentity, Totp, TransactionPin, User
from accounts.services import passwords
from accounts.tests.test_social import (
    NOW,
    PROFILE,
    ana,
    clock,
    linked,
    log_in,
    no_way_in,
    post,
    refusal,
    token,
    with_number,
)
from oversight.models import AuditEvent
from tests.people import PASSWORD, make_investor, make_officer

__all__ = ["ana", "clock"]  # fixtures

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("issuer")]


class TestSomebodysAddress:
    """The address has an account already."""

    def ask(self, ana) -> str:
        """Try to log in; return the code that was mailed."""
        mail.outbox.clear()
        answer = log_in(token())
        assert (answer.status_code, set(answer.json())) == (202, {"detail"})
        assert [(told.to, told.subject) for told in mail.outbox] == [([ana.email], "Is this log-in yours?")]
        return mail.outbox[0].body.split("\n\n")[2]

    def test_its_owner_links_it_by_mail_and_then_comes_in(self, ana):
        code = self.ask(ana)
        assert no_way_in()
        mail.outbox.clear()
        assert post("/auth/social/link/confirm", {"token": code}).status_code == 204
        assert [told.subject for told in mail.outbox] == ["A log-in was linked by mail"]
        ana.refresh_from_db()
        assert services.payouts_held_until(ana, now=NOW) == NOW + timedelta(days=1)
        assert AuditEvent.objects.get(action="accounts.identity_linked").after == {"at": "google"}
        assert not Session.objects.exists()
        assert log_in(token()).status_code == 200
        assert Session.objects.get().user == ana

    def test_what_opened_the_account_before_opens_it_no_more(self, ana):
        """Somebody may have signed up with her address, and she verified it without a thought."""
        services.log_in(ana.email, PASSWORD, device=services.Device(), now=NOW)
        services.enrol(ana, password=PASSWORD, now=NOW)
        theirs = linked(ana, "another")
        code = self.ask(ana)
        assert post("/auth/social/link/confirm", {"token": code}).status_code == 204
        assert Session.objects.get().revoke_reason == "owner"
        assert not Totp.objects.exists()
        assert SocialIdentity.objects.get() != theirs
        answer = post("/auth/login", {"identifier": ana.email, "password": PASSWORD})
        assert refusal(answer) == (401, "wrong-credentials")
        assert log_in(token()).status_code == 200

    def test_it_is_told_elsewhere_than_in_that_mailbox(self, ana, sent):
        with_number(ana)
        assert post("/auth/social/link/confirm", {"token": self.ask(ana)}).status_code == 204
        assert [told["to"] for told in sent()] == [ana.phone]
        assert sent()[0]["text"].startswith("Fiducia: A log-in by Google or Apple was linked with a code")

    @pytest.mark.parametrize(("days_ago", "status"), [(8, 200), (10, 401)])
    def test_a_password_that_was_set_by_a_mail_to_this_address_stays(self, ana, days_ago, status):
        """Nine days ago it came in the place of another one."""
        phrase, then = "another good phrase", NOW - timedelta(days=days_ago)
        services.confirm_reset(passwords.open_reset(ana.pk, now=then), new=phrase, now=then)
        other = linked(ana, "another")
        assert post("/auth/social/link/confirm", {"token": self.ask(ana)}).status_code == 204
        assert post("/auth/login", {"identifier": ana.email, "password": phrase}).status_code == status
        assert SocialIdentity.objects.filter(pk=other.pk).exists() == (status == 200)

    def test_the_code_links_once(self, ana):
        code = self.ask(ana)
        post("/auth/social/link/confirm", {"token": code})
        SocialIdentity.objects.all().delete()
        assert refusal(post("/auth/social/link/confirm", {"token": code})) == (422, "code-refused")
        assert no_way_in()

    @pytest.mark.parametrize("wrong", ["x", "", ".", "0" * 32, "\u0661" * 32 + ".x", "x" * 200])
    def test_another_code_links_nothing(self, ana, wrong):
        self.ask(ana)
        assert post("/auth/social/link/confirm", {"token": wrong}).status_code in {400, 422}
        assert no_way_in()

    def test_the_code_links_nothing_by_another_door(self, ana):
        code = self.ask(ana)
        assert refusal(post("/auth/verify-email", {"token": code})) == (422, "code-refused")
        assert no_way_in()

    def test_a_code_that_verifies_links_nothing(self):
        make_investor("Bea", email="bea@gmail.com")
        services.ask_code(User.objects.get(), "email", now=NOW)
        code = mail.outbox[0].body.split("\n\n")[2]
        assert refusal(post("/auth/social/link/confirm", {"token": code})) == (422, "code-refused")
        assert User.objects.get().email_verified_at is None

    def test_the_code_is_good_for_a_day(self, ana, clock):
        code = self.ask(ana)
        clock.shift(timedelta(days=1))
        assert refusal(post("/auth/social/link/confirm", {"token": code})) == (422, "code-refused")
        assert no_way_in()

    def test_it_links_nothing_once_the_password_is_another(self, ana):
        code = self.ask(ana)
        services.confirm_reset(passwords.open_reset(ana.pk, now=NOW), new="another good phrase", now=NOW)
        assert refusal(post("/auth/social/link/confirm", {"token": code})) == (422, "code-refused")
        assert no_way_in()

    def test_it_doesnt_link_to_an_address_that_came_since(self, ana):
        code = self.ask(ana)
        ana.identify(email="ana.h@gmail.com")
        ana.save(update_fields=["email", "email_index"])
        assert refusal(post("/auth/social/link/confirm", {"token": code})) == (422, "code-refused")
        assert no_way_in()

    @pytest.mark.parametrize("standing", ["blocked_at", "deleted_at"])
    def test_it_doesnt_link_to_who_is_blocked_or_deleted_meanwhile(self, ana, standing):
        code = self.ask(ana)
        User.objects.filter(pk=ana.pk).update(**{standing: NOW})
        assert refusal(post("/auth/social/link/confirm", {"token": code})) == (422, "code-refused")
        assert no_way_in()

    def test_it_doesnt_link_what_somebody_else_linked_meanwhile(self, ana):
        code = self.ask(ana)
        theirs = linked(make_investor("Eve"))
        assert refusal(post("/auth/social/link/confirm", {"token": code})) == (422, "code-refused")
        assert SocialIdentity.objects.get() == theirs

    def test_codes_come_one_a_minute_and_the_token_stays_good(self, ana, clock):
        self.ask(ana)
        held = token()
        answer = log_in(held)
        assert (*refusal(answer), answer["Retry-After"]) == (429, "too-soon", "61")
        assert len(mail.outbox) == 1
        clock.shift(timedelta(seconds=61))
        assert log_in(held).status_code == 202

    def test_old_links_are_forgotten_with_their_codes(self, ana, clock):
        self.ask(ana)
        clock.shift(rules.KEEP_CODES + timedelta(days=2))
        tasks.forget_old()
        assert not PendingLink.objects.exists()

    @pytest.mark.parametrize("writing", ["ANA@gmail.com", "Ana@GMAIL.COM", " ana@gmail.com "])
    def test_another_writing_of_it_is_it(self, ana, writing):
        assert log_in(token(email=writing), **PROFILE).status_code == 202
        assert User.objects.count() == 1

    def test_that_was_never_verified_is_not_linked(self, ana):
        """Somebody may have signed up with a stranger's address, to own what the stranger brings to it."""
        User.objects.filter(pk=ana.pk).update(email_verified_at=None)
        mail.outbox.clear()
        answer = log_in(token(), **PROFILE)
        assert refusal(answer) == (409, "address-unverified")
        assert "write to support" in answer.json()["detail"]
        assert no_way_in() and mail.outbox == [] and User.objects.count() == 1

    def test_of_an_officer_is_not_linked(self):
        make_officer("Omar", "finance", email="ana@gmail.com", email_verified_at=NOW)
        assert refusal(log_in(token(), **PROFILE)) == (403, "officers-log-in-otherwise")
        assert no_way_in() and mail.outbox == []

    def test_of_a_deleted_account_stays_theirs(self, ana):
        User.objects.filter(pk=ana.pk).update(deleted_at=NOW)
        assert refusal(log_in(token(), **PROFILE)) == (403, "social-log-in-closed")
        assert no_way_in() and User.objects.count() == 1

    def test_that_google_didnt_verify_is_nobodys(self, ana):
        mail.outbox.clear()
        assert refusal(log_in(token(email_verified=False), **PROFILE)) == (422, "social-address-missing")
        assert no_way_in() and mail.outbox == []


class TestOwn:
    """Linked, listed and unlinked from inside."""

    LIST = "/api/v1/users/me/identities"

    @pytest.fixture
    def client(self, ana) -> APIClient:
        client = APIClient()
        pair = services.log_in(ana.email, PASSWORD, device=services.Device(), now=NOW)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
        return client

    def pin_token(self, client, ana, method, path) -> dict[str, str]:
        if not TransactionPin.objects.filter(user=ana).exists():
            services.set_pin(ana, pin="402917", password=PASSWORD, now=NOW)
        asked = client.post("/api/v1/auth/pin/verify", {"pin": "402917", "method": method, "path": path})
        return {"X-Pin-Token": asked.json()["pin_token"]}

    def link(self, client, id_token, provider="google", **headers):
        return client.post(self.LIST, {"provider": provider, "id_token": id_token}, headers=headers)

    def test_takes_a_pin(self, client, ana):
        held = token(email="other@gmail.com")
        assert refusal(self.link(client, held)) == (403, "pin-token-refused")
        assert not SocialIdentity.objects.exists()
        pin = self.pin_token(client, ana, "POST", self.LIST)
        mail.outbox.clear()
        answer = self.link(client, held, **pin)
        assert answer.status_code == 201
        assert set(answer.json()) == {"id", "provider", "created_at", "last_used_at"}
        assert [told.subject for told in mail.outbox] == ["How you log in was changed"]
        listed = client.get(self.LIST).json()["results"]
        assert [(row["provider"], row["last_used_at"]) for row in listed] == [("google", None)]
        assert log_in(token(email="other@gmail.com")).status_code == 200

    @pytest.mark.parametrize("column", ["email_verified_at", "phone_verified_at"])
    def test_not_to_an_address_that_nobody_verified(self, client, ana, column):
        """Whoever took a stranger's address would keep a way in when the stranger comes to own the account."""
        ana.identify(email=ana.email, phone="+2290197123456")
        ana.phone_verified_at = NOW
        setattr(ana, column, None)
        ana.save(update_fields=["phone", "phone_index", "phone_verified_at", "email_verified_at"])
        held, pin = token(), self.pin_token(client, ana, "POST", self.LIST)
        assert refusal(self.link(client, held, **pin)) == (409, "address-unverified")
        assert not SocialIdentity.objects.exists()

    def test_what_is_somebodys_already_isnt_linked(self, client, ana):
        theirs = linked(make_investor("Eve"))
        held, pin = token(), self.pin_token(client, ana, "POST", self.LIST)
        assert refusal(self.link(client, held, **pin)) == (409, "identity-taken")
        assert SocialIdentity.objects.get() == theirs

    def test_a_bad_token_or_provider_is_refused(self, client, ana):
        pin = self.pin_token(client, ana, "POST", self.LIST)
        assert refusal(self.link(client, "x", **pin)) == (401, "id-token-refused")
        assert self.link(client, token(), provider="twitter", **pin).status_code == 400
        assert not SocialIdentity.objects.exists()
        assert self.link(client, token(), **pin).status_code == 201  # the PIN's token is still good

    def test_unlinked_with_a_pin(self, client, ana):
        path = f"{self.LIST}/{linked(ana).pk}"
        assert refusal(client.delete(path)) == (403, "pin-token-refused")
        assert SocialIdentity.objects.exists()
        assert client.delete(path, headers=self.pin_token(client, ana, "DELETE", path)).status_code == 204
        assert not SocialIdentity.objects.exists()
        assert log_in(token()).status_code == 202  # by the address, as before it was linked
        assert AuditEvent.objects.filter(action="accounts.identity_unlinked").count() == 1

    def test_unlinking_ends_the_other_sessions(self, client, ana):
        """Whoever came in by it stays out."""
        path = f"{self.LIST}/{linked(ana).pk}"
        assert log_in(token()).status_code == 200
        theirs = Session.objects.latest("pk")
        assert client.delete(path, headers=self.pin_token(client, ana, "DELETE", path)).status_code == 204
        theirs.refresh_from_db()
        assert theirs.revoke_reason == "owner"
        assert client.get(self.LIST).status_code == 200

    def test_the_last_way_in_stays(self, client, ana):
        services.set_pin(ana, pin="402917", password=PASSWORD, now=NOW)
        ana.set_unusable_password()
        ana.save(update_fields=["password"])
        first, second = linked(ana), linked(ana, "2")
        pins = []
        for one in (first, second):
            path = f"{self.LIST}/{one.pk}"
            pins.append((path, self.pin_token(client, ana, "DELETE", path)))
        (one, pin), (other, other_pin) = pins
        assert client.delete(one, headers=pin).status_code == 204
        assert refusal(client.delete(other, headers=other_pin)) == (409, "last-way-in")
        assert SocialIdentity.objects.get() == second
