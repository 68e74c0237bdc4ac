"""Many requests with one key at once do the work once.

Seen to fail with the lock taken out: two requests with one key were at work at the same moment, and the second,
having done it all in vain, failed on the unique key of the kept answer (`test_control_without_the_lock...` takes
the lock out and watches it).
"""

from __future__ import annotations

import threading

import pytest
from django.db import connections

from api import idempotency
from api.models import KeptAnswer
from api.tests.conftest import caller
from api.tests.endpoints import Gate
from oversight.models import AuditEvent

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 20
ROUNDS = 3


@pytest.fixture(autouse=True)
def endpoints(settings):
    settings.ROOT_URLCONF = "api.tests.endpoints"
    Gate.held = False
    Gate.leave.clear()
    yield
    Gate.held = False
    Gate.leave.set()


def send_at_once(person, count: int, *, key: str) -> list:
    """Send the same request from `count` threads at the same moment."""
    start, answers = threading.Barrier(count), []
    caller(person).get("/health/live")  # some middleware can't be loaded by two threads at once

    def send() -> None:
        client = caller(person)
        try:
            start.wait(timeout=20)
            answers.append(client.post("/works", {"amount": "10.00"}, headers={"Idempotency-Key": key}))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(answers) == count
    return answers


def works() -> int:
    return AuditEvent.objects.filter(action="tests.worked").count()


def test_twenty_at_once_work_once(ana):
    for number in range(ROUNDS):
        answers = send_at_once(ana, THREADS, key=f"round-{number}")
        done = [answer for answer in answers if answer.status_code == 201]
        busy = [answer for answer in answers if answer.status_code == 409]
        assert len(done) + len(busy) == THREADS
        assert done
        assert len({answer.content for answer in done}) == 1
        assert sum("Idempotent-Replayed" not in answer for answer in done) == 1
        assert all(answer["Retry-After"] == "1" for answer in busy)
        assert {answer.json()["code"] for answer in busy} <= {"request-in-progress"}
        assert works() == number + 1
    assert KeptAnswer.objects.count() == ROUNDS


def test_while_the_first_is_at_work_the_second_is_told_to_wait(ana):
    Gate.held = True
    first: list = []

    def send() -> None:
        try:
            first.append(caller(ana).post("/works", {"amount": "10.00"}, headers={"Idempotency-Key": "slow"}))
        finally:
            connections.close_all()

    thread = threading.Thread(target=send)
    thread.start()
    assert Gate.entered.acquire(timeout=20)
    second = caller(ana).post("/works", {"amount": "10.00"}, headers={"Idempotency-Key": "slow"})
    Gate.held = False
    Gate.leave.set()
    thread.join(timeout=20)
    assert (second.status_code, second["Retry-After"]) == (409, "1")
    assert second.json()["code"] == "request-in-progress"
    assert (first[0].status_code, works()) == (201, 1)
    third = caller(ana).post("/works", {"amount": "10.00"}, headers={"Idempotency-Key": "slow"})
    assert (third.content, third["Idempotent-Replayed"]) == (first[0].content, "true")


def test_control_without_the_lock_two_are_at_work_at_once(ana, monkeypatch):
    monkeypatch.setattr(idempotency, "_take", lambda key: None)
    Gate.held = True
    caller(ana).get("/health/live")
    answers: list = []

    def send() -> None:
        try:
            answers.append(caller(ana).post("/works", {"amount": "10.00"}, headers={"Idempotency-Key": "unlocked"}))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert Gate.entered.acquire(timeout=20)
    assert Gate.entered.acquire(timeout=20), "both are at work"
    Gate.leave.set()
    for thread in threads:
        thread.join(timeout=20)
    ends = sorted((answer.status_code, answer.json().get("code", "")) for answer in answers)
    assert ends == [(201, ""), (409, "already-exists")]
