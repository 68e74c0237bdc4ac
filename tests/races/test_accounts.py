"""Races over log-in, refresh tokens, resets, sign-up and roles.

Each lock has its control beside it: the same race with the lock taken out, seen to go wrong.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import transaction

from accounts import lockout, roles, services, tokens
from accounts.models import LoginFailure, PasswordResetToken, Session, User, VerificationCode
from accounts.services import codes, passwords, pins, sessions
from accounts.services.officers import NewOfficer
from accounts.services.roles import RoleMove
from oversight import services as oversight
from oversight.encryption import blind_index
from oversight.models import AuditEvent
from tests.people import PASSWORD, make_investor, make_officer
from tests.races.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=True):
        yield


def kinds(outcomes: list[object]) -> list[str]:
    return sorted(type(outcome).__name__ for outcome in outcomes)


def slowed(monkeypatch, owner, name: str) -> None:
    """Leave the other threads time between reading and writing."""
    before = getattr(owner, name)

    def slowly(*args, **kwargs):
        time.sleep(0.1)
        return before(*args, **kwargs)

    monkeypatch.setattr(owner, name, slowly)


def unlocked(monkeypatch, model) -> None:
    """Take the lock out: read the row, and hold nobody up."""

    def look(self, key):
        return self.filter(pk=key).first()

    monkeypatch.setattr(model._default_manager._queryset_class, "lock", look)
    monkeypatch.setattr(type(model._default_manager), "lock", look)


class TestRefresh:
    """Two refreshes with one token at once: one gets a pair, the other ends the family."""

    @pytest.fixture
    def twice(self, ana, monkeypatch):
        token = services.log_in("ana@example.com", PASSWORD, device=services.Device(), now=NOW).refresh
        slowed(monkeypatch, tokens, "issue")
        return [partial(services.refresh, token, now=NOW)] * 2

    def test_one_wins_and_the_family_ends(self, twice):
        assert kinds(at_once(twice)) == ["TokenPair", "TokenRefused"]
        assert Session.objects.get().revoke_reason == "reused"

    def test_without_the_locks_both_would_win(self, twice, monkeypatch):
        unlocked(monkeypatch, User)
        unlocked(monkeypatch, Session)
        assert kinds(at_once(twice)) == ["TokenPair", "TokenPair"]


class TestEnd:
    """The owner logs out while an officer ends the same session: it ended once, and the trail says by whom."""

    @pytest.fixture
    def both(self, ana, omar, monkeypatch):
        token = services.log_in("ana@example.com", PASSWORD, device=services.Device(), now=NOW).refresh
        slowed(monkeypatch, sessions, "revoke")
        return [
            partial(services.log_out, token, now=NOW),
            partial(services.end_session, Session.objects.get().pk, by=omar, now=NOW),
        ]

    def ends(self) -> int:
        verbs = ["accounts.logged_out", "accounts.session_ended"]
        return AuditEvent.objects.filter(action__in=verbs).count()

    def test_it_ends_once(self, both):
        assert kinds(at_once(both)) in (["NoneType", "NoneType"], ["NoneType", "NotFound"])
        assert self.ends() == 1

    def test_without_the_locks_both_would_have_ended_it(self, both, monkeypatch):
        unlocked(monkeypatch, User)
        unlocked(monkeypatch, Session)
        assert kinds(at_once(both)) == ["NoneType", "NoneType"]
        assert self.ends() == 2


class TestOvertaken:
    """A thief asks for another address while their session is ended: no code stays good that would give it.

    What asks holds the person, and so does whatever ends a session: the refresh of an old token, too.
    """

    ENDS = ("owner", "all", "officer", "reused")

    def end(self, how: str, session: Session, ana, omar):
        before = tokens.issue(session.pk, ana.pk, now=NOW - timedelta(minutes=1)).refresh
        return {
            "owner": partial(services.end_own_session, session.pk, by=ana, now=NOW),
            "all": partial(services.end_own_sessions, ana, now=NOW),
            "officer": partial(services.end_session, session.pk, by=omar, now=NOW),
            "reused": partial(services.refresh, before, now=NOW),
        }[how]

    @pytest.fixture
    def both(self, ana, omar, monkeypatch):
        services.set_pin(ana, pin="402917", password=PASSWORD, now=NOW)
        services.log_in("ana@example.com", PASSWORD, device=services.Device(), now=NOW)
        session = Session.objects.get()
        use = pins.Use(session, "PATCH", "/api/v1/users/me")
        use = replace(use, token=services.verify_pin(ana, pin="402917", use=use, now=NOW))
        for _ in range(2):
            slowed(monkeypatch, codes, "open_code")
        for step in ("_end_what_was_begun", "revoke_sessions"):
            slowed(monkeypatch, sessions, step)
        ask = partial(services.change_address, ana, channel="email", address="thief@example.org", use=use, now=NOW)
        return lambda how: [ask, self.end(how, session, ana, omar)]

    def good_codes(self) -> int:
        return VerificationCode.objects.filter(purpose="change", used_at=None).count()

    @pytest.mark.parametrize("how", ENDS)
    def test_no_code_stays_good(self, both, how):
        outcomes = at_once(both(how))
        assert type(outcomes[0]).__name__ in ("NoneType", "TokenRefused")
        assert not Session.objects.alive().exists()
        assert self.good_codes() == 0

    @pytest.mark.parametrize("how", ENDS)
    def test_without_the_persons_lock_one_would(self, both, how, monkeypatch):
        unlocked(monkeypatch, User)
        assert at_once(both(how))[0] is None
        assert not Session.objects.alive().exists()
        assert self.good_codes() == 1


class TestOfficersPassword:
    """A thief at an officer's laptop changes the password while a colleague ends the console: not after it ended."""

    @pytest.fixture
    def both(self, omar, ada, monkeypatch):
        for _ in range(2):
            slowed(monkeypatch, passwords, "_replace_password")
        slowed(monkeypatch, sessions, "end_consoles")
        return [
            partial(services.set_password, omar, checked=omar.password, encoded="md5$x$y", now=NOW),
            partial(services.end_sessions, omar.pk, by=ada, now=NOW, reason="laptop stolen"),
        ]

    def deeds(self) -> list[str]:
        found = AuditEvent.objects.filter(action__in=["accounts.password_changed", "accounts.sessions_ended"])
        return list(found.order_by("id").values_list("action", flat=True))

    def test_it_is_changed_before_or_not_at_all(self, both):
        changed, _ = at_once(both)
        assert type(changed).__name__ in ("NoneType", "TokenRefused")
        assert self.deeds()[-1] == "accounts.sessions_ended"
        assert len(self.deeds()) == (2 if changed is None else 1)

    def test_without_the_persons_lock_it_is_changed_after(self, both, monkeypatch):
        unlocked(monkeypatch, User)
        assert at_once(both)[0] is None
        assert self.deeds() == ["accounts.sessions_ended", "accounts.password_changed"]


class TestGuesses:
    """Twelve guesses at once get five tries, as twelve in a row do."""

    @pytest.fixture
    def guesses(self, ana):
        return [partial(services.check_credentials, "ana@example.com", f"guess {n}", now=NOW) for n in range(12)]

    def test_get_no_more_tries_than_in_a_row(self, guesses):
        assert kinds(at_once(guesses)) == ["LockedOut"] * 7 + ["WrongCredentials"] * 5
        assert LoginFailure.objects.get().failures == 5

    def test_without_the_lock_would_get_more(self, guesses, monkeypatch):
        from accounts import rules

        slowed(monkeypatch, rules, "failures_after")
        unlocked(monkeypatch, LoginFailure)
        assert kinds(at_once(guesses)).count("WrongCredentials") > 5


class TestForget:
    """Counters are forgotten by primary key, so that no two who forget wait for each other; who does is tried again.

    Seen to fail: with a plain delete the first meets a deadlock (the rows lie in the table the other way round), and
    the second does with `take_back` as a mere transaction.
    """

    @pytest.fixture
    def ana(self):
        return make_investor("Ana", phone="+2290197123456")

    @pytest.fixture
    def indexes(self, ana):
        """Both counters of hers, the lesser one first."""
        lesser, greater = sorted(bytes(each) for each in (ana.email_index, ana.phone_index))
        for index in (greater, lesser):
            lockout.spend_attempt(index, now=NOW)
        return lesser, greater

    def beside(self, work, first: bytes, second: bytes) -> list[object]:
        """Run `work` while somebody holds the first counter, and then waits for the second."""
        is_held = threading.Event()

        def hold() -> str:
            with transaction.atomic():
                LoginFailure.objects.all().lock(first)
                is_held.set()
                time.sleep(0.5)
                return "held" if LoginFailure.objects.filter(pk=second).select_for_update() else "gone"

        return at_once([hold, lambda: is_held.wait(20) and work()])

    def test_in_their_order(self, indexes):
        def forget() -> None:
            with transaction.atomic():
                lockout.forget(*reversed(indexes))

        assert self.beside(forget, *indexes) == ["held", None]
        assert not LoginFailure.objects.exists()

    def test_a_right_password_that_meets_a_deadlock_is_right(self, ana, indexes):
        lesser, greater = indexes
        name = ana.email if lesser == bytes(ana.email_index) else ana.phone
        outcomes = self.beside(partial(services.check_credentials, name, PASSWORD, now=NOW), greater, lesser)
        assert outcomes == ["held", ana]
        assert not LoginFailure.objects.exists()


class TestReset:
    """One reset link, used twice at once, sets one password."""

    @pytest.fixture
    def twice(self, ana):
        token = passwords.open_reset(ana.pk, now=NOW)
        return [partial(services.confirm_reset, token, new=f"brand new secret {n}", now=NOW) for n in range(2)]

    def test_one_wins(self, twice):
        assert kinds(at_once(twice)) == ["NoneType", "ResetTokenRefused"]

    def test_without_the_locks_both_would_win(self, twice, monkeypatch):
        unlocked(monkeypatch, PasswordResetToken)
        unlocked(monkeypatch, User)
        slowed(monkeypatch, passwords, "make_password")
        assert kinds(at_once(twice)) == ["NoneType", "NoneType"]


class TestLastAdministrators:
    """Two administrators lose their role at the same moment: one stays."""

    @pytest.fixture
    def both(self, ada, mia):
        omar, lin = make_officer("Omar", "compliance"), make_officer("Lin", "compliance")
        asked = [
            services.request_role(
                person.pk, role="administrator", move=RoleMove.REVOKE, by=by, now=NOW, reason="she leaves"
            )
            for person, by in ((ada, mia), (mia, ada))
        ]
        return [
            partial(oversight.approve, request.pk, by=by, now=NOW)
            for request, by in zip(asked, (omar, lin), strict=True)
        ]

    def test_one_stays(self, both):
        assert kinds(at_once(both)) == ["ApprovalRequest", "LastAdministrator"]
        assert User.objects.filter(groups__name="administrator").count() == 1

    def test_without_the_lock_both_would_go(self, both, monkeypatch):
        from accounts.services import roles as service

        monkeypatch.setattr(roles, "lock", lambda role: Group.objects.get(name=role))
        slowed(monkeypatch, service, "role_names")
        assert kinds(at_once(both)) == ["ApprovalRequest", "ApprovalRequest"]
        assert not User.objects.filter(groups__name="administrator").exists()


class TestFirstOfficers:
    """Two bootstraps at once make two administrators, not four."""

    @pytest.fixture
    def twice(self):
        def officers(name: str) -> list[NewOfficer]:
            return [NewOfficer(f"{name}{n}@example.com", "a good secret", name, "Quenum", "BJ") for n in range(2)]

        return [partial(services.bootstrap_officers, officers(name), now=NOW) for name in ("ada", "mia")]

    def test_one_wins(self, twice):
        assert kinds(at_once(twice)) == ["OfficersExist", "list"]
        assert User.objects.count() == 2

    def test_without_the_lock_both_would_win(self, twice, monkeypatch):
        monkeypatch.setattr(roles, "lock", lambda role: Group.objects.get(name=role))
        from accounts.services import officers

        slowed(monkeypatch, officers, "change_role")
        assert kinds(at_once(twice)) == ["list", "list"]


def test_one_address_signed_up_eight_times_at_once_is_one_person():
    """The unique index holds this one: whoever comes second is told nothing, and nothing is made."""
    form = {"password": PASSWORD, "first_name": "Ana", "last_name": "Houngbo", "country": "BJ", "now": NOW}
    writings = ["ana@example.com", "ANA@example.com"] * 4
    outcomes = at_once([partial(services.sign_up, email=writing, **form) for writing in writings])
    assert outcomes == [None] * 8
    assert User.objects.get().email_index == blind_index("ana@example.com")


def test_a_log_in_that_meets_a_change_of_password_leaves_no_session(ana):
    """The person's row is locked by both: an old password opens nothing once the new one stands.

    Seen to fail: with User.objects.lock as a plain get, a session opened by the old one is left.
    """
    outcomes = at_once(
        [
            partial(services.log_in, "ana@example.com", PASSWORD, device=services.Device(), now=NOW),
            partial(passwords.set_password, ana, checked=ana.password, encoded="md5$x$y", now=NOW),
        ]
    )
    assert outcomes[1] is None
    assert not Session.objects.alive().exists()


def test_a_name_that_changes_while_keys_rotate_stays_changed(ana, monkeypatch):
    """Seen to fail: without the row locks of rotate_keys, the name that it had read is written over the new one."""
    is_read, save = threading.Event(), User.save

    def slowly(person, *args, **kwargs):
        if "email" in (kwargs.get("update_fields") or ()):  # the rotation, which writes all that is encrypted
            is_read.set()
            time.sleep(0.5)
        save(person, *args, **kwargs)

    def change():
        is_read.wait(20)
        return services.change_profile(ana, now=NOW, last_name="Quenum")

    monkeypatch.setattr(User, "save", slowly)
    answers = at_once([partial(call_command, "rotate_keys", verbosity=0), change])
    assert not [answer for answer in answers if isinstance(answer, Exception)], answers
    ana.refresh_from_db()
    assert ana.last_name == "Quenum"
