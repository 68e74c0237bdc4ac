"""Deleting people softly and restoring them: two officers, nothing lost, nothing left open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.core import mail
from django.test import Client
from rest_framework.test import APIClient

from accounts import errors, services
from accounts.models import PasswordResetToken, PinToken, Session, User, VerificationCode
from accounts.services import people, pins
from accounts.services.deletion import DeletionMove
from accounts.tests.test_admin import console, do, page
from investments import services as investing
from investments.models import Position
from investments.tests.worlds import World as Products
from offers import services as offering
from offers.tests.worlds import World as Offers
from oversight import services as oversight
from oversight.models import ApprovalRequest, AuditEvent
from payments.models import BankCredit
from payments.tests.conftest import NOON, Desk
from tests.people import PASSWORD, make_investor, make_officer

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DELETE, RESTORE = DeletionMove.DELETE, DeletionMove.RESTORE

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def ana(db) -> User:
    return make_investor("Ana", phone="+2290197123456", email_verified_at=NOW, phone_verified_at=NOW)


@pytest.fixture(autouse=True)
def clock(db):
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def fresh(person: User) -> User:
    return User.objects.get(pk=person.pk)


def ask(person: User, move: DeletionMove, by: User, *, now: datetime = NOW) -> ApprovalRequest:
    return services.request_deletion(person.pk, move=move, by=by, now=now, reason="she asked us to")


def carry_out(person: User, move: DeletionMove, by: User, approver: User, *, now: datetime = NOW) -> None:
    assert oversight.approve(ask(person, move, by, now=now).pk, by=approver, now=now).status == "approved"


def log_in(identifier: str = "ana@example.com"):
    return services.log_in(identifier, PASSWORD, device=services.Device(), now=NOW)


class TestDeleted:
    def test_by_two_with_a_reason(self, ana, omar, ada):
        request = ask(ana, DELETE, omar)
        assert dict(request.summary) == {"Person": ana.referral_code, "Change": "delete"}
        assert fresh(ana).deleted_at is None
        oversight.approve(request.pk, by=ada, now=NOW)
        assert fresh(ana).deleted_at == NOW
        event = AuditEvent.objects.get(action="accounts.deleted")
        assert (event.actor, event.reason, event.after) == (ada, "she asked us to", {"deleted": True})

    def test_not_by_one_nor_without_the_right_nor_oneself(self, ana, eve, omar):
        strangers = (eve, make_officer("Sam", "support"), make_officer("Fatou", "finance"))
        for stranger in strangers:
            with pytest.raises(oversight.NotAllowedToAsk):
                ask(ana, DELETE, stranger)
        request = ask(ana, DELETE, omar)
        with pytest.raises(oversight.OwnRequest):
            oversight.approve(request.pk, by=omar, now=NOW)
        for stranger in strangers:
            with pytest.raises(oversight.NotAllowedToDecide):
                oversight.approve(request.pk, by=stranger, now=NOW)
        with pytest.raises(errors.OwnAccount):
            ask(omar, DELETE, omar)
        assert not User.objects.exclude(deleted_at=None).exists()
        assert ApprovalRequest.objects.get().status == "requested"

    def test_whoever_is_deleted_already_is_not_again(self, ana, omar, lin):
        carry_out(ana, DELETE, omar, lin)
        with pytest.raises(errors.AlreadySo):
            ask(ana, DELETE, omar)

    def test_an_officer_only_once_their_roles_were_taken(self, omar, lin, ada):
        with pytest.raises(errors.OfficerKeepsRoles):
            ask(lin, DELETE, omar)
        request = ask(make_investor("Bea"), DELETE, omar)
        User.objects.filter(pk=request.target_id).update(is_staff=True)
        assert oversight.approve(request.pk, by=lin, now=NOW).status == "void"
        assert not User.objects.exclude(deleted_at=None).exists()

    @pytest.mark.django_db(transaction=True)
    def test_ends_all_that_was_open_and_tells_it(self, ana, omar, lin):
        log_in()
        session = Session.objects.get()
        services.set_pin(ana, pin="402917", password=PASSWORD, now=NOW)
        pin = services.verify_pin(ana, pin="402917", use=pins.Use(session, "PATCH", "/x"), now=NOW)
        services.ask_to_reset(ana, "email", now=NOW)
        services.request_reset(bytes(ana.email_index), now=NOW)
        mail.outbox.clear()
        carry_out(ana, DELETE, omar, lin)
        assert Session.objects.get().revoke_reason == "deleted"
        for rows in (
            PinToken.objects.filter(spent_at=None),
            PasswordResetToken.objects.filter(used_at=None),
            VerificationCode.objects.filter(used_at=None),
        ):
            assert not rows.exists()
        assert pin
        assert [told.subject for told in mail.outbox if told.to == [ana.email]] == ["Your account was deleted"]

    def test_comes_in_by_no_door(self, ana, omar, lin):
        pair = log_in()
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
        assert client.get("/api/v1/users/me").status_code == 200
        carry_out(ana, DELETE, omar, lin)
        assert client.get("/api/v1/users/me").status_code == 401
        with pytest.raises(errors.TokenRefused):
            services.refresh(pair.refresh, now=NOW)
        for identifier in ("ana@example.com", "+2290197123456"):
            with pytest.raises(errors.WrongCredentials):  # as for somebody whom nobody knows
                log_in(identifier)
        mail.outbox.clear()
        services.request_reset(bytes(ana.email_index), now=NOW)
        assert mail.outbox == [] and not PasswordResetToken.objects.exists()
        browser = Client()
        browser.post("/admin/login/", {"username": "ana@example.com", "password": PASSWORD})
        assert "_auth_user_id" not in browser.session

    def test_a_verified_address_stays_theirs(self, ana, omar, lin):
        carry_out(ana, DELETE, omar, lin)
        form = {"password": PASSWORD, "first_name": "An", "last_name": "Other", "country": "BJ", "now": NOW}
        services.sign_up(email="ana@example.com", **form)
        services.sign_up(phone="+2290197123456", **form)
        assert User.objects.filter(is_staff=False).count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_whoever_signs_up_with_it_is_told_whom_to_ask(self, ana, omar, lin):
        carry_out(ana, DELETE, omar, lin)
        mail.outbox.clear()
        services.sign_up(
            email="ana@example.com", password=PASSWORD, first_name="Ana", last_name="H", country="BJ", now=NOW
        )
        assert "was deleted" in mail.outbox[0].body
        assert "write to support" in mail.outbox[0].body and "log in" not in mail.outbox[0].body

    def test_an_address_that_nobody_verified_is_free(self, omar, lin):
        squatter = make_investor("Ana")
        carry_out(squatter, DELETE, omar, lin)
        assert fresh(squatter).email_index is None
        services.sign_up(
            email="ana@example.com", password=PASSWORD, first_name="Ana", last_name="H", country="BJ", now=NOW
        )
        assert people.find("ana@example.com").pk != squatter.pk

    def test_their_referral_code_is_nobodys(self, ana, omar, lin):
        carry_out(ana, DELETE, omar, lin)
        with pytest.raises(errors.UnknownReferralCode):
            people.referrer_of(ana.referral_code)
        assert people.find(ana.referral_code) == ana  # officers still find them


class TestRestored:
    def test_has_what_was_but_no_session(self, ana, omar, lin):
        services.set_pin(ana, pin="402917", password=PASSWORD, now=NOW)
        log_in()
        before = User.objects.values().get(pk=ana.pk)
        carry_out(ana, DELETE, omar, lin)
        carry_out(ana, RESTORE, lin, omar)
        assert User.objects.values().get(pk=ana.pk) == before
        assert not Session.objects.alive().exists()
        event = AuditEvent.objects.get(action="accounts.restored")
        assert (event.actor, event.reason, event.after) == (omar, "she asked us to", {"deleted": False})
        log_in()
        pins.require_right(ana, "402917", now=NOW)

    def test_by_two(self, ana, omar, lin):
        carry_out(ana, DELETE, omar, lin)
        request = ask(ana, RESTORE, omar)
        with pytest.raises(oversight.OwnRequest):
            oversight.approve(request.pk, by=omar, now=NOW)
        assert fresh(ana).deleted_at == NOW

    def test_stays_blocked_if_they_were(self, ana, omar, lin):
        services.block_user(ana.pk, by=omar, now=NOW, reason="her bank called")
        carry_out(ana, DELETE, omar, lin)
        carry_out(ana, RESTORE, omar, lin)
        assert fresh(ana).blocked_by == omar
        with pytest.raises(errors.AccountBlocked):
            log_in()

    def test_takes_back_an_address_that_is_still_free(self, omar, lin):
        person = make_investor("Ana")
        carry_out(person, DELETE, omar, lin)
        carry_out(person, RESTORE, omar, lin)
        assert people.find("ana@example.com") == person
        log_in()

    def test_leaves_an_address_to_who_has_it_meanwhile(self, omar, lin):
        person = make_investor("Ana", phone="+2290197123456", phone_verified_at=NOW)
        carry_out(person, DELETE, omar, lin)
        owner = make_investor("Owner", email="ana@example.com")
        carry_out(person, RESTORE, omar, lin)
        restored = fresh(person)
        assert (restored.email, restored.email_index, restored.phone) == ("", None, "+2290197123456")
        assert people.find("ana@example.com") == owner

    def test_isnt_with_nothing_to_log_in_with(self, omar, lin):
        person = make_investor("Ana")
        carry_out(person, DELETE, omar, lin)
        make_investor("Owner", email="ana@example.com")
        request = ask(person, RESTORE, omar)
        with pytest.raises(errors.IdentifiersTaken):
            oversight.approve(request.pk, by=lin, now=NOW)
        assert (fresh(person).deleted_at, fresh(person).email) == (NOW, "ana@example.com")
        assert ApprovalRequest.objects.get(pk=request.pk).status == "requested"

    def test_whoever_isnt_deleted_isnt_restored(self, ana, omar):
        with pytest.raises(errors.AlreadySo):
            ask(ana, RESTORE, omar)
        assert not ApprovalRequest.objects.exists()


def refused(person: User, by: User, *codes: str) -> None:
    with pytest.raises(errors.SomethingStands) as error:
        ask(person, DELETE, by)
    assert error.value.facts == {"obstacles": list(codes)}
    assert fresh(person).deleted_at is None


class TestObstacles:
    """What a person would lose."""

    def test_money_in_a_wallet_and_on_its_way(self, ana, eve, omar, lin):
        desk = Desk(ana, eve, omar, lin)
        deposit = desk.announce()
        refused(ana, omar, "deposit-awaited")
        desk.confirm(deposit)
        refused(ana, omar, "money")
        carry_out(eve, DELETE, omar, lin)

    def test_a_wallet_that_is_empty_again_is_none(self, ana, eve, omar, lin):
        desk = Desk(ana, eve, omar, lin)
        desk.approve(desk.reverse(desk.confirm(desk.announce())))
        assert desk.available() == 0
        carry_out(ana, DELETE, omar, lin, now=NOON)

    def test_an_open_position_until_it_is_closed(self, ana):
        world = Products()
        User.objects.filter(pk=ana.pk).update(kyc_level=1)
        position = world.open(fresh(ana), "basic", "500.00")
        refused(ana, world.officers[0], "open-position", "money")
        world.next_day()
        investing.cancel(position.pk, owner=ana, now=world.now)
        refused(ana, world.officers[0], "open-position", "money")  # What it earned may still be owed.
        Position.objects.filter(pk=position.pk).update(status="closed")
        refused(ana, world.officers[0], "money")

    def test_a_position_that_nothing_was_ever_in_is_none(self, ana):
        world = Products()
        world.open(ana, "basic")
        carry_out(ana, DELETE, *world.officers[:2], now=world.now)

    def test_an_investment_in_an_offer_and_a_place_in_its_line(self, ana):
        world = Offers()
        omar = world.officers[0]
        offer = world.offer(max_amount=Decimal(500), target=Decimal(100))
        bea = world.investor("Bea", offer, "500")
        cid = world.investor("Cid", offer, "0")
        invest = {"offer": offer.pk, "currency": "AED", "disclosure_version": "2026-06", "now": world.now}
        offering.invest(bea, amount=Decimal(500), **invest)
        refused(bea, omar, "offer-investment", "money")
        offering.invest(cid, amount=Decimal(100), join_waiting_list=True, **invest)
        refused(cid, omar, "offer-investment")

    def test_a_request_that_waits(self, ana, omar, lin):
        services.request_kyc_level(ana.pk, level=1, by=omar, now=NOW, reason="passport seen")
        refused(ana, omar, "open-approval")

    def test_a_credit_that_waits_for_its_approval(self, ana, eve, omar, lin):
        desk = Desk(ana, eve, omar, lin)
        desk.record(desk.announce())
        refused(ana, omar, "open-approval", "deposit-awaited")

    def test_what_came_since_it_was_asked(self, ana, eve, omar, lin):
        desk = Desk(ana, eve, omar, lin)
        request = ask(ana, DELETE, omar)
        desk.confirm(desk.announce())
        html = console(lin).get(f"/admin/oversight/approvalrequest/{request.pk}/change/").content.decode()
        assert "Something of theirs still stands" in html and "money in USD" in html
        with pytest.raises(errors.SomethingStands):
            oversight.approve(request.pk, by=lin, now=NOW)
        assert fresh(ana).deleted_at is None
        assert ApprovalRequest.objects.get(pk=request.pk).status == "requested"


class TestMoneyThatComesLate:
    def test_credits_nobody_who_was_deleted(self, ana, eve, omar, lin, clock):
        """The deposit had expired; its money goes to suspense, and back, or to a person who is restored."""
        desk = Desk(ana, eve, omar, lin)
        deposit = desk.announce()
        type(deposit).objects.filter(pk=deposit.pk).update(status="expired")
        carry_out(ana, DELETE, omar, lin)
        with pytest.raises(errors.PersonDeleted):
            desk.record(deposit)
        assert (desk.available(), desk.suspense(), desk.cash()) == (0, 0, 0)
        desk.approve(desk.record_unmatched("100.00"))
        credit = BankCredit.objects.get()
        with pytest.raises(errors.PersonDeleted):
            desk.allot(credit, deposit)
        assert (desk.available(), desk.suspense()) == (0, 100)
        carry_out(ana, RESTORE, omar, lin)
        desk.approve(desk.allot(credit, deposit))
        assert (desk.available(), desk.suspense()) == (100, 0)

    def test_that_was_recorded_before_isnt_credited_after(self, ana, eve, omar, lin):
        """As when the deletion is approved while somebody records the credit: the approval itself asks again."""
        desk = Desk(ana, eve, omar, lin)
        credits, kept = desk.record(desk.announce()), desk.announce()
        desk.approve(desk.record_unmatched("100.00"))
        allotment = desk.allot(BankCredit.objects.get(), kept)
        User.objects.filter(pk=ana.pk).update(deleted_at=NOW)
        for request in (credits, allotment):
            with pytest.raises(errors.PersonDeleted):
                desk.approve(request)
        assert (desk.available(), desk.suspense()) == (0, 100)


class TestConsole:
    def test_is_asked_for_with_its_figures_first(self, ana, omar):
        html, done = do(console(omar), page(ana, "do/ask-to-delete/"), reason="she asked us to")
        assert "Stands in the way" in html and "nothing" in html
        assert done.status_code == 200
        request = ApprovalRequest.objects.get()
        assert (request.verb, request.payload, request.reason) == (
            "accounts.deletion",
            {"move": "delete"},
            "she asked us to",
        )

    def test_says_what_stands_in_the_way_and_asks_for_nothing(self, ana, eve, omar, lin):
        desk = Desk(ana, eve, omar, lin)
        desk.confirm(desk.announce())
        before = ApprovalRequest.objects.count()
        html, done = do(console(omar), page(ana, "do/ask-to-delete/"), reason="x")
        assert "money in USD" in html
        assert "Something of theirs still stands" in done.content.decode()
        assert ApprovalRequest.objects.count() == before

    def test_needs_a_reason(self, ana, omar):
        do(console(omar), page(ana, "do/ask-to-delete/"), reason=" ")
        assert not ApprovalRequest.objects.exists()

    def test_a_deleted_person_can_be_asked_back(self, ana, omar, lin):
        assert "do/ask-to-restore" not in console(omar).get(page(ana)).content.decode()
        carry_out(ana, DELETE, omar, lin)
        html = console(omar).get(page(ana)).content.decode()
        assert "do/ask-to-restore" in html and "do/ask-to-delete" not in html
        listed = console(omar).get("/admin/accounts/user/", {"standing": "deleted"}).content.decode()
        assert ana.referral_code in listed
        do(console(omar), page(ana, "do/ask-to-restore/"), reason="she came back")
        assert ApprovalRequest.objects.get(status="requested").payload == {"move": "restore"}

    @pytest.mark.parametrize("deed", ["ask-to-delete", "ask-to-restore"])
    def test_without_the_right_is_refused(self, ana, deed):
        for officer in (make_officer("Sam", "support"), make_officer("Fatou", "finance")):
            assert console(officer).get(page(ana, f"do/{deed}/")).status_code == 403
            assert f"do/{deed}" not in console(officer).get(page(ana)).content.decode()
        assert not ApprovalRequest.objects.exists()


def test_a_week_later_it_expires_as_any_request(ana, omar, lin):
    request = ask(ana, DELETE, omar)
    late = NOW + timedelta(days=8)
    assert oversight.approve(request.pk, by=lin, now=late).status == "expired"
    assert fresh(ana).deleted_at is None
