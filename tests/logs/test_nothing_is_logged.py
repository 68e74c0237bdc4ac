"""A whole journey, failures and all, leaves no secret and nobody's name, address or number in any log.

The platform runs as in production: gunicorn behind a proxy, a Celery worker, beat; PostgreSQL writes every statement of
the application into its log, and all that goes to broker and cache is overheard.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from config.embedded.places import place
from config.embedded.postgres import Postgres
from config.embedded.valkey import Valkey
from tests.database import worker_name
from tests.logs.house import DATABASE, House, Open
from tests.logs.journey import ANA, NEW_EMAIL, PIN, Journey
from tests.logs.secrets import Secrets

pytestmark = pytest.mark.slow

KINDS = {"email", "phone", "password", "first_name", "last_name", "access", "refresh", "mfa_token", "pin_token",
         "secret", "uri", "recovery_codes", "pin", "code", "token", "sent", "address", "browser",
         "challenge", "signature"}  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory: Any, kept_worlds: Any) -> Iterator[Open]:
    worker = worker_name()
    with (
        Postgres(place(f"logs-postgres-{worker}"), durable=False).in_use() as postgres,
        Valkey(place(f"logs-valkey-{worker}")).in_use() as valkey,
    ):
        house = House(postgres, valkey, tmp_path_factory.mktemp("processes"))
        house.prepare()
        with house.open() as running:
            yield running


def test_a_whole_journey_leaves_nothing_in_any_log(house: Open) -> None:
    Journey(house).whole()
    logs = house.logs()
    assert set(house.secrets.known.values()) >= KINDS
    assert len(house.secrets.known) > 60
    leaks = [(where, *leak) for where, text in logs.items() for leak in house.secrets.found_in(text)]
    assert leaks == [], "\n".join(str(leak) for leak in leaks)
    _was_listened_to(logs)
    _a_leak_would_be_found(house)


def _was_listened_to(logs: dict[str, str]) -> None:
    """Each of them wrote what it writes, failures too, or the silence above proves nothing."""
    assert '"request": "POST /api/v1/auth/login"' in logs["web"]
    assert '"code": 500' in logs["web"] or "request_failed" in logs["web"]
    assert "InsufficientPrivilege" in logs["web"] and "An invalid request was refused" in logs["web"]
    assert "accounts.mails.send" in logs["worker"] and "SMTPRecipientsRefused" in logs["worker"]
    assert "IntegrityError" in logs["worker"]
    assert "beat" in logs["beat"]
    assert "SELECT" in logs["postgresql"] and "ERROR" in logs["postgresql"] and "duration: " in logs["postgresql"]
    assert "LPUSH" in logs["broker and cache"] and "throttle:login:" in logs["broker and cache"]
    assert logs["valkey"]


def _a_leak_would_be_found(house: Open) -> None:
    """The control: one secret said in each place is found there, whatever wrote it."""
    machine = house.house
    with machine.admin(DATABASE) as admin:
        admin.execute("SET log_min_duration_statement = 0")
        admin.execute(f"SELECT '{NEW_EMAIL}'")
    machine.valkey._client().set("said", ANA["phone"])
    said = machine.run(
        "-c",
        "import django, logging; django.setup(); logging.getLogger('ledger').warning("
        f"'%s and %s and %s', {ANA['first_name']!r}, {ANA['password']!r}, '{PIN}')",
        database=DATABASE,
    )
    logs = house.logs()
    assert {name for name, *_ in house.secrets.found_in(logs["postgresql"])} == {"new address"}
    assert "phone" in {name for name, *_ in house.secrets.found_in(logs["broker and cache"])}
    assert {name for name, *_ in house.secrets.found_in(said)} == {"first_name", "password", "pin"}


@pytest.mark.parametrize(
    "line",
    [
        "Anaïs", '{"name": "Ana\\u00efs"}', "/x?name=Ana%C3%AFs", "code 402917 came", '"402917"', "code=402917",
        "otp:402917", "pin:402917", "1:402917",
        "IG5hbWVkIEFuYcOvcyBIb3VuZ2LDqWRqaSBhdCB0aGUgZG9vcg==", "{'name': 'Ana\\xefs'}",
    ],
)  # fmt: skip
def test_a_secret_is_found_in_any_writing(line: str) -> None:
    assert Secrets({"Anaïs": "name", "402917": "code"}).found_in(f"before\n{line}\nafter")


@pytest.mark.parametrize(
    "line", ["2026-11-22T11:35:22.402917Z", "11:402917", "402917:05", "0402917", "4029171", "a402917b", "1-402917-2"]
)
def test_six_digits_of_something_else_are_none(line: str) -> None:
    assert not Secrets({"402917": "code"}).found_in(line)
