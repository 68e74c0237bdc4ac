"""Whom slices are handed to, and when a close counts on nobody but itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
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
