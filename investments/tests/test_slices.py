"""Whom slices are handed to, and when a close counts on nobody but itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Barrier, get_ident
from typing import Any

import pytest
from django.db import connection, transaction
from kombu.exceptions import OperationalError

from investments import slices
from oversight.models import Alert

pytestmark = pytest.mark.django_db(transaction=True)


class Hand:
    """Slices that workers do when they are sent, as many as `reach` says."""

    def __init__(self, *, reach: int = 0, refuses: bool = False) -> None:
        self.reach, self.refuses = reach, refuses
        self.sent: list[int] = []
        self.worked: list[int] = []
        self.done: set[int] = set()

    def send(self, slice_id: int) -> None:
        if self.refuses:
            raise OperationalError("nobody listens")
        self.sent.append(slice_id)
        if len(self.sent) <= self.reach:
            self.done.add(slice_id)

    def work(self, slice_id: int) -> None:
        self.worked.append(slice_id)
        self.worked.sort()

    def undone(self, slice_ids: Sequence[int]) -> list[int]:
        return [each for each in slice_ids if each not in self.done]


@pytest.fixture
def workers(world: Any, settings: Any) -> slices.Workers:
    settings.RETURNS_STALLED_SECONDS = 0.3
    return slices.Workers(world.now)


def run(slice_ids: Sequence[int], hand: Hand, workers: slices.Workers | None) -> None:
    slices.run(slice_ids, hand, workers=workers, progress=slices.unwatched)


def alerts() -> list[tuple[str, int]]:
    return list(Alert.objects.filter(kind="workers-gone").values_list("detail", "times_raised"))


def test_workers_that_do_their_slices_get_the_next_ones(workers: slices.Workers) -> None:
    hand = Hand(reach=4)
    run([1, 2], hand, workers)
    run([3, 4], hand, workers)
    assert (hand.sent, hand.worked, workers.why, alerts()) == ([1, 2, 3, 4], [], "", [])


def test_workers_that_are_gone_are_waited_for_once(workers: slices.Workers) -> None:
    hand = Hand(reach=1)
    run([1, 2], hand, workers)
    run([3, 4], hand, workers)
    assert (hand.sent, hand.worked) == ([1, 2], [2, 3, 4])
    assert workers.why == "No worker did a slice for 0.3 seconds"
    ((detail, raised),) = alerts()
    assert detail.startswith(workers.why) and raised == 1


def test_a_slice_that_fails_in_a_worker_that_answers_raises_no_alert(
    workers: slices.Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices.current_app.control, "ping", lambda **_: [{"celery@here": {"ok": "pong"}}])
    hand = Hand(reach=1)
    run([1, 2], hand, workers)
    run([3], hand, workers)
    assert (hand.sent, hand.worked, alerts()) == ([1, 2], [2, 3], [])


def test_a_broker_that_refuses_is_asked_once(workers: slices.Workers) -> None:
    hand = Hand(refuses=True)
    run([1, 2], hand, workers)
    hand.refuses = False
    run([3], hand, workers)
    assert (hand.sent, hand.worked) == ([], [1, 2, 3])
    ((detail, raised),) = alerts()
    assert detail.startswith("The broker takes no slices (OperationalError)") and raised == 1


def test_the_next_close_finds_the_alert_open_and_keeps_it(workers: slices.Workers) -> None:
    for each in (workers, slices.Workers(workers.now)):
        run([1], Hand(), each)
    assert [raised for _, raised in alerts()] == [2]


def test_without_workers_everything_is_done_here(world: Any) -> None:
    hand = Hand()
    run([1, 2], hand, None)
    assert (hand.sent, hand.worked) == ([], [1, 2])


class Meeting(Hand):
    """Slices of which each waits until another is worked on as well, on another connection."""

    def __init__(self) -> None:
        super().__init__()
        self.met = Barrier(2)
        self.backends: set[int] = set()

    def work(self, slice_id: int) -> None:
        self.met.wait(timeout=20)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (backend,) = cursor.fetchone()
        self.backends.add(backend)
        self.met.wait(timeout=20)
        super().work(slice_id)


def test_two_are_worked_on_at_a_time_each_on_a_connection_of_its_own(world: Any) -> None:
    hand = Meeting()
    run([1, 2, 3, 4], hand, None)
    assert hand.worked == [1, 2, 3, 4] and len(hand.backends) >= 2


def test_inside_a_transaction_they_are_worked_on_in_turn(world: Any) -> None:
    hand = Hand()
    with transaction.atomic():
        here = get_ident()
        threads = set[int]()
        hand.work = lambda slice_id: threads.add(get_ident())  # type: ignore[method-assign]
        run([1, 2], hand, None)
    assert threads == {here}


def test_what_a_slice_raises_ends_the_run_and_takes_on_no_further_slice(world: Any) -> None:
    class Failing(Hand):
        def work(self, slice_id: int) -> None:
            super().work(slice_id)
            time.sleep(0.05)
            raise OperationalError("the disk is full")

    hand = Failing()
    with pytest.raises(OperationalError, match="the disk is full"):
        run(range(100), hand, None)
    assert len(hand.worked) < 100
