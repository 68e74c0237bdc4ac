"""Deny by default; officers by the permission that the endpoint names; throttles."""

from __future__ import annotations

import pytest
import time_machine
from rest_framework.request import Request
from rest_framework.settings import api_settings

from api.tests.conftest import caller
from api.throttles import ScopedRate, rate
from oversight import trace
from tests.people import make_officer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("endpoints")]


def test_an_endpoint_that_names_no_permission_answers_nobody(ana, ada):
    for person in (ana, ada):
        assert caller(person).get("/unnamed").status_code == 403


def test_an_officer_needs_the_permission_and_the_standing(ana, omar):
    assert caller(omar).get("/staff").status_code == 200
    assert caller(ana).get("/staff").status_code == 403
    assert caller(make_officer("Mod", "moderator")).get("/staff").status_code == 403
    omar.is_staff = False
    assert caller(omar).get("/staff").status_code == 403


def test_a_superuser_opens_nothing(eve):
    eve.is_superuser = eve.is_staff = True
    assert caller(eve).get("/staff").status_code == 403


class TestThrottles:
    @pytest.fixture(autouse=True)
    def low(self, monkeypatch):
        rates = {"login": "3/minute", "api": "5/hour"}
        monkeypatch.setattr(api_settings, "DEFAULT_THROTTLE_RATES", rates, raising=False)

    def test_past_the_rate_it_is_a_429_that_says_how_long(self, ana):
        client = caller(ana)
        with time_machine.travel("2026-03-01T10:00:15Z", tick=False) as clock:
            assert [client.get("/scoped").status_code for _ in range(3)] == [200, 200, 200]
            answer = client.get("/scoped")
            assert answer.status_code == 429
            assert answer["Retry-After"] == "45"
            assert answer.json()["code"] == "throttled"
            clock.shift(44)
            assert client.get("/scoped").status_code == 429
            clock.shift(1)
            assert client.get("/scoped").status_code == 200

    def test_another_person_and_another_scope_count_apart(self, ana, eve):
        with time_machine.travel("2026-03-01T10:00:15Z", tick=False):
            client = caller(ana)
            for _ in range(4):
                client.get("/scoped")
            assert client.get("/scoped").status_code == 429
            assert client.get("/works").status_code == 200
            assert caller(eve).get("/scoped").status_code == 200

    def test_a_forged_address_doesnt_begin_anew(self, ana):
        with time_machine.travel("2026-03-01T10:00:15Z", tick=False):
            from rest_framework.test import APIClient

            answers = [APIClient().get("/scoped", headers={"X-Forwarded-For": f"9.9.9.{n}"}) for n in range(6)]
        assert [answer.status_code for answer in answers] == [401] * 6, "who isn't known isn't even counted here"

    def test_addresses_count_apart_and_are_not_kept_in_clear(self, rf):
        class Anonymous:
            is_authenticated = False

        def asked_from(address: str):
            request = rf.get("/", REMOTE_ADDR=address)
            request.user, request._request = Anonymous(), request
            return ScopedRate().identity(request)

        assert asked_from("9.9.9.1") != asked_from("9.9.9.2")
        assert "9.9.9" not in asked_from("9.9.9.1")

    def test_a_cache_that_is_away_refuses_nobody(self, ana, monkeypatch):
        def away(*args, **kwargs):
            raise ConnectionError

        monkeypatch.setattr("api.throttles.cache.incr", away)
        client = caller(ana)
        assert [client.get("/scoped").status_code for _ in range(5)] == [200] * 5

    def test_rates_are_read_strictly(self):
        from django.core.exceptions import ImproperlyConfigured

        assert rate("login") == (3, 60)
        with pytest.raises(ImproperlyConfigured):
            rate("nothing")

    @pytest.mark.parametrize(
        ("one", "other", "is_same"),
        [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
            ("192.0.2.1", "192.0.2.2", False),
            ("::ffff:192.0.2.1", "192.0.2.1", True),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ],
    )
    def test_an_address_of_version_6_counts_by_the_network_that_one_customer_has(self, rf, one, other, is_same):
        def identity(ip: str) -> str:
            request = Request(rf.get("/"))
            with trace.following(trace.Trace(ip=ip)):
                return ScopedRate().identity(request)

        assert (identity(one) == identity(other)) is is_same
