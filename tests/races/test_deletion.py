"""A person is deleted while something of theirs begins: one of the two finds the other.

Each lock has its control beside it: the same race with the lock taken out, seen to go wrong.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import pytest
import time_machine

from accounts import obstacles, services
from accounts.models import Session, User
from accounts.services import deletion
from accounts.services.deletion import DeletionMove
from ledger.models import Account
from offers import services as offering
from offers.tests.worlds import World as Offers
from oversight import services as oversight
from payments import obstacles as payments_obstacles
from payments.services import credits
from payments.tests.conftest import Desk
from tests.people import PASSWORD, make_investor
from tests.races.test_accounts import kinds, slowed, unlocked
from tests.races.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def deleting(person: User, by: User, approver: User):
    request = services.request_deletion(person.pk, move=DeletionMove.DELETE, by=by, now=NOW, reason="she asked us to")
    return partial(oversight.approve, request.pk, by=approver, now=NOW)


def is_deleted(person: User) -> bool:
    return User.objects.get(pk=person.pk).deleted_at is not None


class TestLogIn:
    """A log-in that meets the deletion leaves no session, whichever comes first."""

    @pytest.fixture
    def both(self, ana, omar, lin, monkeypatch):
        slowed(monkeypatch, deletion, "revoke_sessions")
        return [
            deleting(ana, omar, lin),
            partial(services.log_in, ana.email, PASSWORD, device=services.Device(), now=NOW),
        ]

    def test_leaves_no_session(self, both, ana):
        at_once(both)
        assert is_deleted(ana)
        assert not Session.objects.alive().exists()

    def test_without_the_lock_one_would_be_left(self, both, ana, monkeypatch):
        """The log-in has looked at the person's standing, and opens its session once the others were ended."""
        from accounts.services import new_device
        from oversight import services as four_eyes

        unlocked(monkeypatch, User)
        monkeypatch.setattr(four_eyes, "_may_lock", lambda model: False)
        is_new = new_device.is_new
        monkeypatch.setattr(new_device, "is_new", lambda *args, **more: time.sleep(0.5) or is_new(*args, **more))
        at_once(both)
        assert is_deleted(ana)
        assert Session.objects.alive().count() == 1


class TestDeposit:
    """Money that is credited while its owner is deleted: they keep both, or it isn't credited."""

    @pytest.fixture
    def desk(self, ana, eve, omar, lin) -> Desk:
        return Desk(ana, eve, omar, lin)

    @pytest.fixture
    def both(self, desk, monkeypatch):
        """The deposit had expired when the deletion was asked for, and its request came after that."""
        deposit = desk.announce()
        type(deposit).objects.filter(pk=deposit.pk).update(status="expired")
        work = deleting(desk.ana, desk.omar, desk.lin)
        credit = desk.record(deposit)
        monkeypatch.setattr(obstacles, "open_requests", lambda person, **more: [])
        return [work, partial(desk.approve, credit)]

    def outcome(self, desk) -> tuple[bool, Decimal]:
        return is_deleted(desk.ana), desk.available()

    def test_they_keep_both_or_are_deleted_without_it(self, desk, both, monkeypatch):
        slowed(monkeypatch, credits, "next_key")
        slowed(monkeypatch, deletion, "revoke_sessions")
        at_once(both)
        assert self.outcome(desk) in {(True, 0), (False, 100)}

    def test_without_the_lock_a_deleted_person_has_it(self, desk, both, monkeypatch):
        slowed(monkeypatch, credits, "next_key")
        slowed(monkeypatch, deletion, "revoke_sessions")
        monkeypatch.setattr(deletion, "require_there", lambda person_id: User.objects.get(pk=person_id))
        at_once(both)
        assert self.outcome(desk) == (True, 100)


class TestInvest:
    """Money that goes from the wallet into an offer while the wallet's owner is deleted: it is seen in one of them."""

    @pytest.fixture
    def both(self, monkeypatch):
        world = Offers()
        offer = world.offer()
        person = make_investor("Ana", kyc_level=1)
        omar, lin = world.officers[:2]
        request = services.request_deletion(
            person.pk, move=DeletionMove.DELETE, by=omar, now=world.now, reason="she asked us to"
        )
        world.make_ready(person)
        world.pay_in(person, "300")
        invest = partial(
            offering.invest,
            person,
            offer=offer.pk,
            amount=Decimal(300),
            currency="AED",
            disclosure_version="2026-06",
            now=world.now,
        )
        return person, [partial(oversight.approve, request.pk, by=lin, now=world.now), invest]

    def test_is_found(self, both):
        person, works = both
        assert kinds(at_once(works)) == ["OfferInvestment", "SomethingStands"]
        assert not is_deleted(person)

    def test_read_apart_it_would_be_missed(self, both, monkeypatch):
        """Offers first, then the wallet, account by account: the money leaves in between."""
        person, (delete, invest) = both
        from offers import obstacles as offers_obstacles

        def by_kind(kind):
            def read(user):
                held = Account.objects.owned_by(user).filter(kind=kind)
                return [obstacles.Obstacle("money", kind) for account in held if account.live_balance]

            return read

        def meanwhile(user):
            at_once([invest])
            return []

        apart = [offers_obstacles.investments, by_kind("locked"), meanwhile, by_kind("available")]
        monkeypatch.setattr(obstacles, "_providers", apart)
        delete()
        assert is_deleted(person)
        assert Account.objects.owned_by(person).get(kind="locked").live_balance == 300

    def test_read_at_once_it_is_found_whenever_it_moves(self, both, monkeypatch):
        """The same moment, between the look at offers and the one at money."""
        person, (delete, invest) = both
        from offers import obstacles as offers_obstacles

        def meanwhile(user):
            at_once([invest])
            return []

        there = [offers_obstacles.investments, meanwhile, payments_obstacles.money]
        monkeypatch.setattr(obstacles, "_providers", there)
        assert kinds(at_once([delete])) == ["SomethingStands"]
        assert not is_deleted(person)


def test_rooms_are_asked_from_above():
    """What a position or an offer owes becomes money in the wallet, so wallets are looked at last."""
    names = [provider.__module__ for provider in obstacles._providers]
    assert names == ["investments.obstacles", "offers.obstacles", "payments.obstacles"]
