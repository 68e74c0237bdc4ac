"""No answer tells whether somebody has an address: not its words, nor its headers, nor how long it takes.

Measured through the views, interleaved, so that what else the machine does falls on all alike. The hash is
production's at a tenth of its cost, so that it hides less: HASH=production measures with all of it. `pytest -s` prints
the figures.
"""

from __future__ import annotations

import itertools
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, make_password
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import LoginFailure, User
from accounts.services import login
from config.celery import app
from tests.people import PASSWORD, make_investor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

ROUNDS = 40
SAME = 0.25
"""How far the chance that one takes longer than the other may lie from a half: four times the error of 40 pairs."""

CLIENT = APIClient()
NUMBERS = itertools.count(1)
PHONES = {"Ana": "+2290197123435", "Ben": "+2290197123436", "Cleo": "+2290197123447"}
SIGN_UP = {"password": "a very good passphrase", "first_name": "Zoé", "last_name": "Agbossou", "country": "BJ"}


class CheaperHasher(Argon2PasswordHasher):
    """Production's, in less memory."""

    time_cost = 1
    memory_cost = 40 * 1024


HASHER = Argon2PasswordHasher if os.environ.get("HASH") == "production" else CheaperHasher


@pytest.fixture(autouse=True)
def as_in_production(settings) -> Iterator[None]:
    """The hash that counts, and a worker elsewhere."""
    settings.PASSWORD_HASHERS = [f"{HASHER.__module__}.{HASHER.__qualname__}"]
    app.conf.task_always_eager = False
    yield
    app.conf.task_always_eager = True


@pytest.fixture
def people(as_in_production) -> None:
    """Ana, verified; Ben, who isn't; Cleo, who is blocked. Their passwords are hashed as all are in production."""
    encoded = make_password(PASSWORD)
    for name, phone in PHONES.items():
        make_investor(name, phone=phone)
    User.objects.update(password=encoded)
    User.objects.filter(referral_code=_code("ana")).update(email_verified_at=timezone.now())
    User.objects.filter(referral_code=_code("cleo")).update(blocked_at=timezone.now())


def _code(name: str) -> str:
    return next(user.referral_code for user in User.objects.all() if user.email == f"{name}@example.com")


def _log_in(name: str) -> Callable[[], Any]:
    def ask() -> Any:
        given = {"identifier": f"{name}@example.com", "password": "not the password"}
        return CLIENT.post("/api/v1/auth/login", given, format="json")

    return ask


def _sign_up(address: Callable[[], str], number: Callable[[], str]) -> Callable[[], Any]:
    def ask() -> Any:
        given = {**SIGN_UP, "email": address(), "phone": number()}
        return CLIENT.post("/api/v1/auth/signup", given, format="json")

    return ask


def _reset(name: str) -> Callable[[], Any]:
    return lambda: CLIENT.post("/api/v1/auth/password/reset", {"identifier": f"{name}@example.com"}, format="json")


LOG_IN = {
    "unknown": _log_in("nobody"),
    "known": _log_in("ana"),
    "unverified": _log_in("ben"),
    "blocked": _log_in("cleo"),
}
SIGN_UPS = {
    "new": _sign_up(lambda: f"new{next(NUMBERS)}@example.com", lambda: f"+22901{next(NUMBERS) + 97000000}"),
    "taken": _sign_up(lambda: "ana@example.com", lambda: PHONES["Ana"]),
}
RESET = {"unknown": _reset("nobody"), "known": _reset("ana"), "blocked": _reset("cleo")}
KINDS = {"log-in": LOG_IN, "sign-up": SIGN_UPS, "reset": RESET}


def unlock() -> None:
    LoginFailure.objects.all().delete()


def lock() -> None:
    """Lock everybody, the unknown too."""
    for ask in LOG_IN.values():
        for _ in range(5):
            ask()


def measure(
    cases: dict[str, Callable[[], Any]], *, before: Callable[[], None], rounds: int = ROUNDS
) -> dict[str, list[float]]:
    """Milliseconds of each case, one of each in turn, in an order that chance makes."""
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for ask in cases.values():
        ask()
    for _ in range(rounds):
        for name in random.sample(list(cases), len(cases)):
            before()
            began = time.perf_counter()
            cases[name]()
            taken[name].append((time.perf_counter() - began) * 1000)
    return taken


def longer(one: list[float], other: list[float]) -> float:
    """The chance that one takes longer than the other (Mann and Whitney's U over all pairs): a half for the same."""
    wins = sum((a > b) + (a == b) / 2 for a in one for b in other)
    return wins / (len(one) * len(other))


def compare(kind: str, taken: dict[str, list[float]]) -> dict[str, float]:
    base, *others = taken
    print(f"\n{kind}: {base} {statistics.median(taken[base]):.1f} ms")
    chances = {}
    for name in others:
        chances[name] = longer(taken[name], taken[base])
        print(f"  {name} {statistics.median(taken[name]):.1f} ms, longer with a chance of {chances[name]:.2f}")
    return chances


@pytest.mark.parametrize("kind", KINDS)
def test_how_long_it_takes_tells_nothing(people, kind):
    chances = compare(kind, measure(KINDS[kind], before=unlock))
    assert {name: chance for name, chance in chances.items() if abs(chance - 0.5) > SAME} == {}


def test_nor_while_it_is_locked(people):
    lock()
    chances = compare("log-in, locked", measure(LOG_IN, before=lambda: None))
    assert {name: chance for name, chance in chances.items() if abs(chance - 0.5) > SAME} == {}
    assert {ask().status_code for ask in LOG_IN.values()} == {429}


def test_without_the_hash_for_nobody_it_would(people, monkeypatch):
    """The control: the measurement sees what it is for."""
    monkeypatch.setattr(login, "make_password", lambda _: "")
    chances = compare("log-in, no hash for nobody", measure(LOG_IN, before=unlock, rounds=20))
    assert all(chance > 0.9 for chance in chances.values())


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_answered_and_asked_tells_nothing(people, kind):
    """The same status, words and headers, and as many questions to the database."""
    answers, asked = [], []
    for ask in KINDS[kind].values():
        unlock()
        with CaptureQueriesContext(connection) as queries:
            answer = ask()
        headers = {name: value for name, value in answer.headers.items() if name != "X-Request-ID"}
        answers.append((answer.status_code, answer.content, headers))
        asked.append([query["sql"].split()[0] for query in queries])
    assert all(answer == answers[0] for answer in answers)
    fewest, most = sorted(map(len, asked))[:: len(asked) - 1]
    assert most - fewest <= 3, asked  # a savepoint is opened, rolled back and ended
