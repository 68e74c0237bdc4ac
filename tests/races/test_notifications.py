"""Races over messages: told once, claimed by one worker, a device is one person's, read once.

Each has its control beside it: the same race with the lock or the key taken out, seen to go wrong.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event

import pytest
import time_machine
from django.core import mail
from django.db import models

from core.commands import command
from notifications import rules, services
from notifications.models import Delivery, Device, MessageCount, Notification
from notifications.services import limits, sending
from tests.people import make_investor
from tests.races.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def ana():
    return make_investor("Ana", email_verified_at=NOW)


@command
def tell(person, key: str) -> bool:
    return services.notify(person, "deposit_confirmed", facts=FACTS, key=key, now=NOW)


FACTS = {"deposit": "1", "reference": "FD", "amount": "5", "currency": "USD"}


class TestTelling:
    """The unique key (user, kind, key): whoever comes second waits for the first, and tells nothing."""

    def test_at_once_with_one_key_somebody_is_told_once(self, ana):
        answers = at_once([partial(tell, ana, "one")] * 6)
        assert sorted(answers) == [False] * 5 + [True]
        assert (Notification.objects.count(), Delivery.objects.count()) == (1, 1)

    def test_without_the_key_they_would_be_told_each_time(self, ana, monkeypatch):
        """The control: asking first whether it is there, as code without the key would."""

        @command
        def ask_then_tell(number: int) -> bool:
            if Notification.objects.filter(user=ana, facts=FACTS).exists():
                return False
            time.sleep(0.2)
            return services.notify(ana, "deposit_confirmed", facts=FACTS, key=str(number), now=NOW)

        assert at_once([partial(ask_then_tell, number) for number in range(4)]) == [True] * 4

    def test_two_who_tell_the_same_crowd_in_other_orders_dont_lock_each_other_out(self):
        crowd = [make_investor(f"P{number}").pk for number in range(40)]
        orders = [crowd, crowd[::-1]] * 2

        @command
        def tell_all(order) -> int:
            return services.notify_each("pin_set", [(person, "k", {}) for person in order], now=NOW)

        answers = at_once([partial(tell_all, order) for order in orders])
        assert sorted(answers) == [0, 0, 0, 40]
        assert Delivery.objects.count() == 40


class TestClaims:
    """`claim` skips rows that another worker holds, and puts off what it takes before it commits."""

    @pytest.fixture
    def due(self, ana, monkeypatch):
        for number in range(12):
            tell(ana, str(number))
        monkeypatch.setattr(sending, "BATCH", 5)
        before = Delivery.save

        def slow_save(self, **kwargs):
            time.sleep(0.02)
            before(self, **kwargs)

        monkeypatch.setattr(Delivery, "save", slow_save)

    def work(self):
        return sending.send_due(clock=lambda: NOW)

    def test_four_workers_send_each_message_once(self, due):
        assert sum(at_once([self.work] * 4)) == 12
        assert len({sent.extra_headers["Message-ID"] for sent in mail.outbox}) == len(mail.outbox) == 12
        assert set(Delivery.objects.values_list("status", "attempts")) == {("sent", 1)}

    def test_without_the_lock_several_would_take_one(self, due, monkeypatch):
        monkeypatch.setitem(rules.AN_HOUR, "email", 100)
        manager = type(Delivery.objects)

        def unlocked(self, now, *, most):
            return list(self.due(now).order_by("next_try_at", "pk").select_related("notification", "user")[:most])

        def claim(self, now, most, but):
            return unlocked(self.get_queryset(), now, most=most)

        monkeypatch.setattr(manager, "claim", claim)
        at_once([self.work] * 4)
        assert len(mail.outbox) > 12

    def test_the_hours_limit_holds_whoever_counts(self, due, ana):
        for number in range(12, 30):
            tell(ana, str(number))
        assert sum(at_once([self.work] * 4)) == 12
        assert MessageCount.objects.get().sent == 12

    def test_counting_first_and_writing_after_would_pass_it(self, due, ana, monkeypatch):
        """The control: read, wait, write, as a counter without the one statement would."""
        for number in range(12, 30):
            tell(ana, str(number))

        def count(row, *, now):
            made, _ = MessageCount.objects.get_or_create(hour=NOW, user_id=row.user_id, channel=row.channel)
            if made.sent >= 12:
                return False
            time.sleep(0.02)
            MessageCount.objects.filter(user_id=row.user_id).update(sent=made.sent + 1)
            return True

        monkeypatch.setattr(limits, "count", count)
        assert sum(answer for answer in at_once([self.work] * 4) if isinstance(answer, int)) > 12


class TestGivenBack:
    """A slow worker gives back what its ten minutes ran out for, while another takes it: it looks under the lock."""

    @pytest.fixture
    def both(self, ana, monkeypatch):
        tell(ana, "one")
        (mine,) = sending.claim(now=NOW).to_send
        later = NOW + rules.LEASE
        before = Delivery.save

        def slow_save(self, **kwargs):
            if self.attempts == 0:
                time.sleep(0.5)
            before(self, **kwargs)

        def take():
            time.sleep(0.2)
            return sending.claim(now=later)

        monkeypatch.setattr(Delivery, "save", slow_save)
        return [partial(sending.give_back, [mine], until={}, now=later), take]

    def test_it_is_given_back_or_taken(self, both):
        _, taken = at_once(both)
        row = Delivery.objects.get()
        assert (taken.taken, row.attempts, row.next_try_at) == (0, 0, NOW + rules.LEASE)

    def test_without_the_lock_what_another_has_would_be_free(self, both, monkeypatch):
        monkeypatch.setattr(models.QuerySet, "select_for_update", lambda self, **_: self)
        _, taken = at_once(both)
        row = Delivery.objects.get()
        assert (taken.to_send[0].attempts, row.attempts, row.next_try_at) == (2, 0, NOW + rules.LEASE)


class TestTurns:
    """One place a sender: while it is taken the worker's other processes are left to codes."""

    def test_whoever_finds_no_place_leaves_it_to_who_has_it(self, ana, monkeypatch):
        """Without the lock the second sent, too: each process of the worker would be at it for minutes."""
        tell(ana, "one")
        begun, go_on = Event(), Event()
        before = sending.send_due

        def send_slowly(*, clock):
            begun.set()
            assert go_on.wait(timeout=30)
            return before(clock=clock)

        monkeypatch.setattr(sending, "send_due", send_slowly)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(at_once, [partial(sending.send_in_turn, clock=lambda: NOW)])
            try:
                assert begun.wait(timeout=30)
                assert sending.send_in_turn(clock=lambda: NOW) == 0
                assert Delivery.objects.get().attempts == 0
            finally:
                go_on.set()
            assert first.result() == [1]
        tell(ana, "two")
        assert sending.send_in_turn(clock=lambda: NOW) == 1

    def test_a_sender_that_fails_gives_its_place_back(self, ana, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(sending, "claim", lambda **_: 1 / 0)
            assert isinstance(at_once([partial(sending.send_in_turn, clock=lambda: NOW)])[0], ZeroDivisionError)
        tell(ana, "one")
        assert sending.send_in_turn(clock=lambda: NOW) == 1


class TestRecords:
    """`record` locks the delivery and looks whose attempt counts: a worker that was given up changes nothing."""

    def test_two_workers_of_one_message_write_it_once(self, ana):
        tell(ana, "one")
        row = Delivery.objects.get()
        sending.claim(now=NOW)
        sending.claim(now=NOW + timedelta(minutes=10))
        late = partial(sending.record, row.pk, attempt=1, outcome=sending.Failed("late"), now=NOW)
        good = partial(sending.record, row.pk, attempt=2, outcome=None, now=NOW)
        assert at_once([late, good] * 3) == [None] * 6
        row.refresh_from_db()
        assert (row.status, row.attempts) == ("sent", 2)


class TestDevices:
    """The unique token: registered by two at once, it is one person's."""

    def test_a_token_is_one_persons(self, ana):
        from notifications.tests.conftest import log_in

        people = [ana, *(make_investor(f"P{number}") for number in range(5))]
        sessions = [log_in(person) for person in people]
        works = [
            partial(
                services.register_device, person, token="one token for all", platform="ios", session=session, now=NOW
            )
            for person, session in zip(people, sessions, strict=True)
        ]
        answers = at_once(works)
        assert all(isinstance(answer, Device) for answer in answers)
        device = Device.objects.get()
        assert device.session.user_id == device.user_id

    def test_looking_first_would_fail_some(self, ana):
        """The control: look whether it is there, then insert, as code without ON CONFLICT would."""
        from notifications.services.devices import index_of
        from notifications.tests.conftest import log_in

        sessions = [log_in(make_investor(f"P{number}")) for number in range(4)]

        @command
        def look_then_insert(session) -> None:
            found = Device.objects.filter(token_index=index_of("t")).exists()
            time.sleep(0.2)
            if not found:
                Device.objects.create(
                    user=session.user,
                    session=session,
                    platform="ios",
                    token="t",
                    token_index=index_of("t"),
                    registered_at=NOW,
                )

        answers = at_once([partial(look_then_insert, session) for session in sessions])
        assert sum(isinstance(answer, Exception) for answer in answers) == 3


class TestReading:
    """`mark_read` locks by primary key: overlapping marks in any order take turns, and the first time stays."""

    @pytest.fixture
    def told(self, ana):
        for number in range(60):
            tell(ana, str(number))
        return list(Notification.objects.order_by("pk").values_list("pk", flat=True))

    def works(self, ana, told):
        later = NOW + timedelta(minutes=1)
        return [
            partial(services.mark_read, ana, ids=told, now=NOW),
            partial(services.mark_read, ana, ids=told[::-1], now=later),
            partial(services.mark_read, ana, ids=None, now=later),
            partial(services.mark_read, ana, ids=told[:30], now=NOW),
        ]

    def test_each_is_read_once(self, ana, told):
        assert 0 in at_once(self.works(ana, told))
        assert not Notification.objects.unread().exists()
        first = dict(Notification.objects.values_list("pk", "read_at"))
        at_once(self.works(ana, told))
        assert dict(Notification.objects.values_list("pk", "read_at")) == first

    def test_without_the_lock_the_later_time_would_overwrite_the_first(self, ana, told, monkeypatch):
        """The control: read which are unread, wait, then mark those."""
        manager = type(Notification.objects)

        def unlocked(self, ids=None):
            rows = self if ids is None else self.filter(pk__in=ids)
            found = list(rows.values_list("pk", flat=True))
            time.sleep(0.1 if found else 0)
            return found

        times = []
        before = models.QuerySet.update

        def update(self, **changes):
            changed = before(self, **changes)
            if self.model is Notification:
                times.append(changed)
            return changed

        monkeypatch.setattr(models.QuerySet, "update", update)
        monkeypatch.setattr(manager._queryset_class, "lock", unlocked)
        at_once([partial(services.mark_read, ana, ids=None, now=NOW + timedelta(minutes=m)) for m in range(3)])
        assert sum(times) > len(told)
