"""Health and metrics."""

from __future__ import annotations

import pytest

from api import health


def test_live_says_that_the_process_answers(client):
    answer = client.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_ready_runs_every_check(client):
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    own = {name: answer.json()["checks"][name] for name in ("database", "cache", "broker", "migrations")}
    assert own == {name: {"status": "ok"} for name in own}


@pytest.mark.django_db
def test_a_room_adds_a_check_and_its_failure_is_a_503_without_details(client, monkeypatch):
    monkeypatch.setattr(health, "_checks", {})

    def breaks() -> None:
        raise OSError("password of the database: hunter2")

    def waits() -> None:
        raise health.NotReady("the last day isn't closed")

    health.register_check("one", breaks)
    health.register_check("two", waits)
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["status"] == "failing"
    assert answer.json()["checks"]["one"] == {"status": "failing", "detail": "unreachable"}
    assert answer.json()["checks"]["two"] == {"status": "failing", "detail": "the last day isn't closed"}
    assert b"hunter2" not in answer.content


@pytest.mark.django_db
def test_a_migration_that_isnt_applied_fails_readiness(client, monkeypatch):
    class OneWaits:
        def __init__(self, connection):
            self.loader = self
            self.graph = self

        def leaf_nodes(self):
            return []

        def migration_plan(self, targets):
            return ["one"]

    monkeypatch.setattr(health, "MigrationExecutor", OneWaits)
    monkeypatch.setitem(health.INSIDE, "migrations", health.Migrations())
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["migrations"] == {"status": "failing", "detail": "1 not applied"}


def test_without_the_database_it_answers_at_once(client, monkeypatch):
    def away(**parameters):
        assert parameters["connect_timeout"] == 2
        raise OSError("no route to 10.0.0.5")

    asked = []
    monkeypatch.setattr(health.psycopg, "connect", away)
    monkeypatch.setattr(health, "_checks", {"room": lambda: asked.append(1)})
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {
        "database": {"status": "failing", "detail": "unreachable"},
        "cache": {"status": "ok"},
        "broker": {"status": "ok"},
        "migrations": {"status": "failing", "detail": "needs the database"},
        "room": {"status": "failing", "detail": "needs the database"},
    }
    assert not asked


def test_a_broker_or_cache_that_is_away_is_named(client, monkeypatch, settings):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(health.cache, "get", lambda key: None)
    monkeypatch.setattr(health, "check_database", lambda: None)
    assert health.outcome(health.check_broker) == {"status": "failing", "detail": "unreachable"}
    assert health.outcome(health.check_cache) == {"status": "failing", "detail": "a value isn't kept"}


def test_only_reading_is_answered(client):
    assert client.post("/health/live").status_code == 405


class TestMetrics:
    TOKEN = "a-token-for-the-collector"

    def test_without_a_token_in_the_settings_nobody_reads(self, client, settings):
        settings.METRICS_TOKEN = ""
        for header in ("", "Bearer ", "Bearer anything"):
            answer = client.get("/metrics", headers={"Authorization": header} if header else {})
            assert answer.status_code == 401
            assert answer.json()["code"] == "not-authenticated"

    def test_a_wrong_token_is_refused(self, client, settings):
        settings.METRICS_TOKEN = self.TOKEN
        for header in ("Bearer wrong", f"Basic {self.TOKEN}", self.TOKEN, "Bearer b\xe4d"):
            answer = client.get("/metrics", headers={"Authorization": header})
            assert answer.status_code == 401, header
            assert b"python_info" not in answer.content

    def test_the_token_opens_them(self, client, settings):
        settings.METRICS_TOKEN = self.TOKEN
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {self.TOKEN}"})
        assert answer.status_code == 200
        assert b"django_http_requests" in answer.content
