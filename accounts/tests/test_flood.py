"""Ten thousand wrong log-ins in a day, from many addresses, real and forged: the owner comes in all the time.

Through the verb and the database as they are, and a thousand through the views behind none, one and two proxies; only
the hash is a quick one.
"""

from __future__ import annotations

import http.client
import json
import logging
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from rest_framework.settings import api_settings
from rest_framework.test import APIClient

from accounts import lockout, rules, services
from accounts.errors import LockedOut, WrongCredentials
from accounts.models import LoginFailure, Session
from oversight import trace
from oversight.models import AuditEvent
from tests.people import PASSWORD, make_investor

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
LOG_IN = "/api/v1/auth/login"
HOME, PROXIES = "41.85.160.7", ("10.0.0.1", "10.0.0.2")
CLIENT = APIClient()  # A new one each time would load all middleware anew.


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Ten thousand lines of log help nobody. Loggers remember what they may say: `disable` has them forget it."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(autouse=True)
def as_in_production(settings, monkeypatch) -> None:
    """The throttles of production."""
    monkeypatch.setattr(
        api_settings, "DEFAULT_THROTTLE_RATES", {**api_settings.DEFAULT_THROTTLE_RATES, "login": "20/m"}
    )


@pytest.fixture
def behind(settings) -> Any:
    def proxies(number: int) -> None:
        settings.NUM_PROXIES = number
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": number}

    return proxies


def call(password: str, *, at: str, proxies: int, forged: str = "", identifier: str = "ana@example.com") -> Any:
    """Log in from an address, through our proxies; `forged` is what the client writes into the header itself."""
    hops = [*([forged] if forged else []), *([at] if proxies else []), *PROXIES[1:proxies]]
    meta = {"REMOTE_ADDR": PROXIES[0] if proxies else at}
    if hops:
        meta["HTTP_X_FORWARDED_FOR"] = ", ".join(hops)
    return CLIENT.post(LOG_IN, {"identifier": identifier, "password": password}, format="json", **meta)


def attackers(count: int) -> Iterator[tuple[str, str]]:
    """Addresses, one in a hundred in Ana's own network, with what each pretends to be."""
    for number in range(count):
        near = number % 100 == 0
        yield (
            f"41.85.{number % 150}.{number % 250 + 1}"
            if near
            else f"102.{number % 7}.{number % 251}.{number % 241 + 1}",
            HOME if number % 2 else "",
        )


def guess(password: str, *, at: str, **_: Any) -> tuple[int, str]:
    """Try a password by the verb that the view calls; return how it is refused."""
    with trace.following(trace.Trace(ip=at)), pytest.raises((WrongCredentials, LockedOut)) as refused:
        services.log_in("ana@example.com", password, device=services.Device(ip=at), now=timezone.now())
    return refused.value.status, refused.value.code


def guess_by_view(password: str, **given: Any) -> tuple[int, str]:
    answer = call(password, **given)
    return answer.status_code, answer.json()["code"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attempt", "attempts", "proxies"),
    [(guess, 10_000, 0), (guess_by_view, 1000, 0), (guess_by_view, 1000, 1), (guess_by_view, 1000, 2)],
)
def test_the_owner_logs_in_all_day(behind, attempt, attempts, proxies):
    behind(proxies)
    ana = make_investor("Ana")
    answers: Counter[tuple[int, str]] = Counter()
    with time_machine.travel(NOW, tick=False) as clock:
        assert call(PASSWORD, at=HOME, proxies=proxies).status_code == 200
        for number, (address, forged) in enumerate(attackers(attempts)):
            clock.shift(DAY / attempts)
            answers[attempt(f"guess {number}", at=address, proxies=proxies, forged=forged)] += 1
            if number % 300 == 0:
                assert call(PASSWORD, at=HOME, proxies=proxies).status_code == 200
        assert call(PASSWORD, at=HOME, proxies=proxies, forged="6.6.6.6").status_code == 200
    assert set(answers) == {(401, "wrong-credentials"), (429, "locked-out")}
    assert sum(answers.values()) == attempts
    # Five in each quarter of an hour, for all strange addresses together, and for Ana's network.
    a_day = rules.ATTEMPTS_BEFORE_LOCK * DAY / rules.LOCK_DURATION
    assert 300 < answers[401, "wrong-credentials"] <= 2 * a_day
    came_in = Session.objects.filter(user=ana).count()
    assert set(Session.objects.values_list("ip", flat=True)) == {HOME}
    assert LoginFailure.objects.count() <= 2
    assert AuditEvent.objects.count() == came_in


@pytest.mark.parametrize("proxies", [0, 1, 2])
def test_with_one_counter_for_all_the_owner_is_locked_out(behind, proxies, monkeypatch):
    """The control: counters of known places are what lets her in."""
    behind(proxies)
    make_investor("Ana")
    assert call(PASSWORD, at=HOME, proxies=proxies).status_code == 200
    monkeypatch.setattr(lockout, "_known_place", lambda *_, **__: None)
    for number in range(5):
        call("a guess", at=f"102.0.0.{number}", proxies=proxies)
    assert call(PASSWORD, at=HOME, proxies=proxies).json()["code"] == "locked-out"


FORGED = (
    "6.6.6.6",
    "::ffff:6.6.6.6",
    "[2001:db8::6]:443",
    "6.6.6.6:99",
    "nonsense",
    ",,,",
    "6.6.6.6, 7.7.7.7",
    "unknown",
)


@pytest.mark.parametrize("proxies", [0, 1, 2])
def test_a_forged_address_escapes_nothing(behind, proxies):
    """One address is throttled, locked out, kept and written down as itself, whatever it pretends to be."""
    behind(proxies)
    make_investor("Ana")
    evil = "102.0.0.66"
    with time_machine.travel(NOW, tick=False):
        statuses = [
            call("a guess", at=evil, proxies=proxies, forged=f"{FORGED[n % len(FORGED)]}", identifier=f"n{n}@x.example")
            for n in range(25)
        ]
        assert Counter(answer.json()["code"] for answer in statuses) == {"wrong-credentials": 20, "throttled": 5}
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        for forged in FORGED:
            assert call(PASSWORD, at=evil, proxies=proxies, forged=forged).status_code == 200
    assert set(Session.objects.values_list("ip", flat=True)) == {evil}
    assert set(AuditEvent.objects.values_list("ip", flat=True)) == {evil}


@pytest.mark.parametrize("proxies", [0, 1, 2])
def test_who_forges_the_owners_address_gets_none_of_her_tries(behind, proxies):
    behind(proxies)
    make_investor("Ana")
    assert call(PASSWORD, at=HOME, proxies=proxies).status_code == 200
    codes = [
        call("a guess", at="102.0.0.66", proxies=proxies, forged=HOME if n % 2 else f"::ffff:{HOME}").json()["code"]
        for n in range(7)
    ]
    assert codes == ["wrong-credentials"] * 5 + ["locked-out"] * 2
    assert call(PASSWORD, at=HOME, proxies=proxies).status_code == 200


@pytest.mark.parametrize(("proxies", "believed"), [(0, "127.0.0.1"), (1, "102.0.0.66"), (2, HOME)])
def test_several_lines_of_the_header_are_one(behind, live_server, proxies, believed):
    """As a server joins them: a client's own line comes before the line of our proxy."""
    behind(proxies)
    make_investor("Ana")
    connection = http.client.HTTPConnection(live_server.thread.host, live_server.thread.port, timeout=30)
    body = json.dumps({"identifier": "ana@example.com", "password": PASSWORD})
    connection.putrequest("POST", LOG_IN)
    for name, value in (
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("X-Forwarded-For", f"6.6.6.6, {HOME}"),
        ("X-Forwarded-For", "102.0.0.66"),
    ):
        connection.putheader(name, value)
    connection.endheaders(body.encode())
    assert connection.getresponse().status == 200
    connection.close()
    assert Session.objects.get().ip == believed
