"""Roles, levels and blocks: two persons, never oneself."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group, Permission

from accounts import errors, roles, services
from accounts.models import Session, User
from accounts.services.officers import NewOfficer
from accounts.services.roles import RoleMove
from accounts.services.standing import BlockMove
from core.errors import Forbidden, NotFound
from oversight import services as oversight
from oversight.models import ApprovalRequest, AuditEvent
from tests.people import make_officer

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
GRANT, REVOKE = RoleMove.GRANT, RoleMove.REVOKE


def fresh(person: User) -> User:
    return User.objects.get(pk=person.pk)


def roles_of(person: User) -> list[str]:
    return sorted(person.groups.values_list("name", flat=True))


def request_role(person, role, move, by):
    return services.request_role(person.pk, role=role, move=move, by=by, now=NOW, reason="she joined the team")


class TestRoles:
    def test_are_granted_by_two(self, ana, ada, mia):
        request = request_role(ana, "support", GRANT, ada)
        assert roles_of(ana) == ["investor"]
        assert not fresh(ana).is_staff
        assert dict(request.summary) == {"Person": ana.referral_code, "Role": "support", "Change": "grant"}
        oversight.approve(request.pk, by=mia, now=NOW)
        assert roles_of(ana) == ["investor", "support"]
        assert fresh(ana).is_staff
        assert fresh(ana).has_perm("accounts.view_user")
        event = AuditEvent.objects.get(action="accounts.role_granted")
        assert (event.actor, event.target_id) == (mia, str(ana.pk))
        assert (event.before, event.after) == ({"roles": ["investor"]}, {"roles": ["investor", "support"]})
        assert event.reason == "she joined the team"

    def test_are_not_granted_by_one(self, ana, ada):
        request = request_role(ana, "support", GRANT, ada)
        with pytest.raises(oversight.OwnRequest):
            oversight.approve(request.pk, by=ada, now=NOW)
        assert roles_of(ana) == ["investor"]
        assert ApprovalRequest.objects.get().status == "requested"

    def test_are_not_approved_by_whom_they_are_for(self, ada, mia):
        lin = make_officer("Lin", "compliance")
        request = request_role(lin, "finance", GRANT, ada)
        with pytest.raises(oversight.OwnRequest):
            oversight.approve(request.pk, by=lin, now=NOW)
        assert roles_of(lin) == ["compliance"]

    def test_are_not_asked_for_oneself(self, ada):
        with pytest.raises(errors.OwnAccount):
            request_role(ada, "finance", GRANT, ada)
        assert not ApprovalRequest.objects.exists()

    @pytest.mark.parametrize("who", ["ana", "omar"])
    def test_are_not_asked_for_without_the_right(self, who, request, eve):
        with pytest.raises(oversight.NotAllowedToAsk):
            request_role(eve, "support", GRANT, request.getfixturevalue(who))
        assert not ApprovalRequest.objects.exists()

    def test_are_taken_by_two_and_the_last_one_closes_the_console(self, ada, mia):
        lin = make_officer("Lin", "finance", "investor")
        oversight.approve(request_role(lin, "finance", REVOKE, ada).pk, by=mia, now=NOW)
        assert roles_of(lin) == ["investor"]
        assert not fresh(lin).is_staff

    def test_unknown_or_had_already_are_refused(self, ana, ada):
        with pytest.raises(errors.UnknownRole):
            request_role(ana, "emperor", GRANT, ada)
        with pytest.raises(errors.AlreadySo):
            request_role(ana, "investor", GRANT, ada)
        with pytest.raises(errors.AlreadySo):
            request_role(ana, "support", REVOKE, ada)
        with pytest.raises(NotFound):
            services.request_role(Session().pk, role="support", move=GRANT, by=ada, now=NOW, reason="x")
        assert not ApprovalRequest.objects.exists()

    def test_two_requests_for_one_role_grant_it_once(self, ana, ada, mia):
        first, second = request_role(ana, "investor", REVOKE, ada), request_role(ana, "investor", REVOKE, ada)
        oversight.approve(first.pk, by=mia, now=NOW)
        with pytest.raises(errors.AlreadySo):
            oversight.approve(second.pk, by=mia, now=NOW)
        second.refresh_from_db()
        assert second.status == "requested"

    def test_the_last_administrator_stays(self, ada, mia):
        """Mia is blocked, and Zoe, who asked for it, is no administrator by now."""
        compliance, zoe = make_officer("Lin", "compliance"), make_officer("Zoe", "administrator")
        request = request_role(ada, "administrator", REVOKE, zoe)
        User.objects.filter(pk=mia.pk).update(blocked_at=NOW)
        zoe.groups.clear()
        with pytest.raises(errors.LastAdministrator):
            oversight.approve(request.pk, by=compliance, now=NOW)
        assert roles_of(ada) == ["administrator"]
        with pytest.raises(errors.LastAdministrator):
            services.request_block(ada.pk, move=BlockMove.BLOCK, by=compliance, now=NOW, reason="x")

    def test_a_person_whose_standing_changed_since_makes_the_request_void(self, ana, ada, mia):
        request = request_role(ana, "support", GRANT, ada)
        User.objects.filter(pk=ana.pk).update(kyc_level=1)
        assert oversight.approve(request.pk, by=mia, now=NOW).status == "void"
        assert roles_of(ana) == ["investor"]


class TestKycLevel:
    def test_is_set_by_two(self, ana, omar, lin):
        request = services.request_kyc_level(ana.pk, level=1, by=omar, now=NOW, reason="passport seen")
        assert fresh(ana).kyc_level == 0
        oversight.approve(request.pk, by=lin, now=NOW)
        assert fresh(ana).kyc_level == 1
        event = AuditEvent.objects.get(action="accounts.kyc_level_set")
        assert (event.actor, event.before, event.after) == (lin, {"kyc_level": 0}, {"kyc_level": 1})

    def test_is_not_set_by_one_or_for_oneself(self, ana, omar):
        request = services.request_kyc_level(ana.pk, level=1, by=omar, now=NOW, reason="passport seen")
        with pytest.raises(oversight.OwnRequest):
            oversight.approve(request.pk, by=omar, now=NOW)
        with pytest.raises(errors.OwnAccount):
            services.request_kyc_level(omar.pk, level=1, by=omar, now=NOW, reason="it is me")
        assert fresh(ana).kyc_level == fresh(omar).kyc_level == 0

    @pytest.mark.parametrize(
        ("level", "refusal"),
        [(4, errors.LevelOutOfRange), (-1, errors.LevelOutOfRange), (0, errors.AlreadySo)],
    )
    def test_out_of_range_or_the_same_is_refused(self, ana, omar, level, refusal):
        with pytest.raises(refusal):
            services.request_kyc_level(ana.pk, level=level, by=omar, now=NOW, reason="x")
        assert not ApprovalRequest.objects.exists()


class TestBlock:
    def test_an_investor_at_once_ends_log_ins(self, ana, omar):
        services.log_in("ana@example.com", "correct horse battery", device=services.Device(), now=NOW)
        services.block_user(ana.pk, by=omar, now=NOW, reason="her bank called")
        assert (fresh(ana).blocked_at, fresh(ana).blocked_by) == (NOW, omar)
        assert Session.objects.get().revoke_reason == "blocked"
        assert AuditEvent.objects.get(action="accounts.blocked").reason == "her bank called"
        with pytest.raises(errors.AlreadySo):
            services.block_user(ana.pk, by=omar, now=NOW, reason="again")

    def test_an_officer_takes_two(self, omar, lin, ada):
        with pytest.raises(errors.OfficerIsBlockedByTwo):
            services.block_user(lin.pk, by=omar, now=NOW, reason="x")
        request = services.request_block(lin.pk, move=BlockMove.BLOCK, by=omar, now=NOW, reason="x")
        assert not fresh(lin).is_blocked
        oversight.approve(request.pk, by=ada, now=NOW)
        assert fresh(lin).is_blocked
        assert fresh(lin).get_all_permissions() == set()

    def test_unblocking_takes_two(self, ana, omar, lin):
        services.block_user(ana.pk, by=omar, now=NOW, reason="her bank called")
        request = services.request_block(ana.pk, move=BlockMove.UNBLOCK, by=omar, now=NOW, reason="a mistake")
        with pytest.raises(oversight.OwnRequest):
            oversight.approve(request.pk, by=omar, now=NOW)
        assert fresh(ana).is_blocked
        oversight.approve(request.pk, by=lin, now=NOW)
        assert (fresh(ana).blocked_at, fresh(ana).blocked_by) == (None, None)

    def test_nobody_blocks_themselves_or_without_the_right(self, ana, eve, omar):
        with pytest.raises(errors.OwnAccount):
            services.block_user(omar.pk, by=omar, now=NOW, reason="x")
        with pytest.raises(Forbidden):
            services.block_user(ana.pk, by=eve, now=NOW, reason="x")
        assert not User.objects.exclude(blocked_at=None).exists()


def new_officer(name: str) -> NewOfficer:
    return NewOfficer(f"{name}@example.com", "a long enough secret", name.title(), "Quenum", "BJ")


class TestFirstOfficers:
    def test_are_two_administrators(self):
        people = services.bootstrap_officers([new_officer("ada"), new_officer("mia")], now=NOW)
        assert [roles_of(person) for person in people] == [["administrator"], ["administrator"]]
        assert all(fresh(person).is_staff and not fresh(person).is_superuser for person in people)
        assert AuditEvent.objects.filter(action="accounts.role_granted", actor=None).count() == 2

    def test_come_once(self, ada):
        with pytest.raises(errors.OfficersExist):
            services.bootstrap_officers([new_officer("eva"), new_officer("mia")], now=NOW)
        assert list(User.objects.all()) == [ada]

    def test_leave_nothing_when_the_second_is_refused(self):
        from django.db import IntegrityError

        with pytest.raises(IntegrityError):
            services.bootstrap_officers([new_officer("ada"), new_officer("ada")], now=NOW)
        assert not User.objects.exists()


def test_a_sync_takes_and_gives_what_the_code_says():
    support = Group.objects.get(name="support")
    support.permissions.set(Permission.objects.filter(codename="request_role"))
    roles.sync(using="default")
    assert set(Group.objects.values_list("name", flat=True)) == set(roles.ROLES)
    assert not support.permissions.filter(codename="request_role").exists()
    assert support.permissions.filter(codename="view_user").exists()
