"""Where people are logged in: listed, ended by themselves, and told of when a device is new."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.core import mail
from django.core.cache import cache
from django.urls import reverse
from rest_framework.test import APIClient

from accounts import services
from accounts.devices import Device
from accounts.models import Session
from accounts.tokens import TokenPair
from oversight.models import AuditEvent
from tests.people import PASSWORD, enter, make_investor, make_officer

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PHONE = Device("Fiducia/4.1 (Android 15)", "102.16.4.9")
LAPTOP = Device("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "41.79.1.1")
SESSIONS = "/api/v1/users/me/sessions"


@pytest.fixture(autouse=True)
def clock(db):
    cache.clear()
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ana():
    return make_investor("Ana")


def log_in(person, device: Device = PHONE, *, now: datetime = NOW) -> TokenPair:
    return services.log_in(person.email, PASSWORD, device=device, now=now)


def client(pair: TokenPair) -> APIClient:
    caller = APIClient()
    caller.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
    return caller


class TestDevice:
    @pytest.mark.parametrize(
        "same",
        [
            Device("Fiducia/4.2 (Android 16)", "102.16.4.9"),
            Device("fiducia/4.1 (android 15)", "102.16.200.7"),
            Device("Fiducia/4.1 (Android 15)", "::ffff:102.16.4.9"),
        ],
    )
    def test_an_update_and_the_providers_next_address_change_nothing(self, same):
        assert same.mark == PHONE.mark

    @pytest.mark.parametrize(
        "other",
        [
            Device("Fiducia/4.1 (iOS 19)", "102.16.4.9"),
            Device("Fiducia/4.1 (Android 15)", "102.17.4.9"),
            Device("Fiducia/4.1 (Android 15)", "2001:db8::1"),
            Device("Fiducia/4.1 (Android 15)"),
            Device(),
        ],
    )
    def test_another_client_or_network_is_another_device(self, other):
        assert other.mark != PHONE.mark

    def test_of_an_address_of_version_6_the_first_32_bits_count(self):
        marks = {Device("x", f"2001:db8:{tail}::1").mark for tail in ("1", "ffff")}
        assert len(marks) == 1
        assert Device("x", "2001:db9::1").mark not in marks


class TestList:
    def test_shows_what_is_open_newest_first(self, ana):
        first, second = log_in(ana), log_in(ana, LAPTOP)
        ended = log_in(ana)
        services.log_out(ended.refresh, now=NOW)
        log_in(make_investor("Eve"))
        answer = client(first).get(SESSIONS).json()
        assert [(row["user_agent"], row["ip"], row["is_current"]) for row in answer["results"]] == [
            (LAPTOP.user_agent, LAPTOP.ip, False),
            (PHONE.user_agent, PHONE.ip, True),
        ]
        assert client(second).get(SESSIONS).json()["results"][0]["is_current"] is True

    def test_leaves_out_what_has_expired(self, ana, clock):
        log_in(ana)
        clock.shift(timedelta(days=31))
        again = log_in(ana, now=NOW + timedelta(days=31))
        assert len(client(again).get(SESSIONS).json()["results"]) == 1

    @pytest.mark.parametrize("query", ["?limit=0", "?ordering=ip", "?user=1", "?keep=current"])
    def test_refuses_what_it_doesnt_know(self, ana, query):
        assert client(log_in(ana)).get(SESSIONS + query).status_code == 400

    def test_takes_as_many_queries_for_many_as_for_one(self, ana, django_assert_max_num_queries):
        pair = log_in(ana)
        with django_assert_max_num_queries(2):
            client(pair).get(SESSIONS)
        for _ in range(5):
            log_in(ana)
        with django_assert_max_num_queries(2):
            client(pair).get(SESSIONS)


class TestEnd:
    def test_one_ends_with_its_tokens(self, ana):
        here, there = log_in(ana), log_in(ana, LAPTOP)
        session = Session.objects.get(user_agent=LAPTOP.user_agent)
        assert client(here).delete(f"{SESSIONS}/{session.pk}").status_code == 204
        assert client(there).get(SESSIONS).status_code == 401
        assert client(here).get(SESSIONS).status_code == 200
        session.refresh_from_db()
        assert (session.revoked_at, session.revoke_reason) == (NOW, "owner")
        assert AuditEvent.objects.filter(action="accounts.session_ended", actor=ana, target_id=str(ana.pk)).count() == 1

    def test_another_time_and_somebody_elses_are_not_found(self, ana):
        eve, here = make_investor("Eve"), log_in(ana)
        session = Session.objects.get()
        caller = client(log_in(eve))
        answers = [caller.delete(f"{SESSIONS}/{wanted}") for wanted in (session.pk, uuid4())]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert [answer.json()["detail"] for answer in answers] == ["You have no such session."] * 2
        assert client(here).get(SESSIONS).status_code == 200
        other = log_in(ana, LAPTOP)
        assert client(other).delete(f"{SESSIONS}/{session.pk}").status_code == 204
        assert client(other).delete(f"{SESSIONS}/{session.pk}").status_code == 404

    def test_all_of_them_end_but_the_one_that_is_kept(self, ana):
        pairs = [log_in(ana), log_in(ana, LAPTOP), log_in(ana, LAPTOP)]
        assert client(pairs[0]).delete(f"{SESSIONS}?keep=current").status_code == 204
        assert [client(pair).get(SESSIONS).status_code for pair in pairs] == [200, 401, 401]
        assert client(pairs[0]).delete(SESSIONS).status_code == 204
        assert client(pairs[0]).get(SESSIONS).status_code == 401
        told = AuditEvent.objects.filter(action="accounts.sessions_ended").order_by("id")
        assert [event.after for event in told] == [{"sessions": 2}, {"sessions": 1}]

    def test_nobody_elses_end(self, ana):
        other = log_in(make_investor("Eve"))
        client(log_in(ana)).delete(SESSIONS)
        assert client(other).get(SESSIONS).status_code == 200

    @pytest.mark.parametrize("query", ["?keep=all", "?keep=", "?keep=current&keep=current", "?only=1"])
    def test_what_isnt_understood_ends_nothing(self, ana, query):
        here = log_in(ana)
        log_in(ana, LAPTOP)
        assert client(here).delete(SESSIONS + query).status_code == 400
        assert Session.objects.alive().count() == 2


@pytest.mark.django_db(transaction=True)
class TestNewDevice:
    def test_is_told_to_the_owner_in_their_time(self, ana):
        ana.time_zone = "Africa/Porto-Novo"
        ana.save(update_fields=["time_zone"])
        log_in(ana)
        assert mail.outbox == []
        log_in(ana, LAPTOP)
        (told,) = mail.outbox
        assert (told.subject, told.to) == ("A log-in from a new device", ["ana@example.com"])
        assert "20 November 2026, 10:00 (Africa/Porto-Novo)" in told.body
        assert "Firefox, Linux" in told.body
        assert "41.79.1.1" in told.body

    def test_is_told_once(self, ana):
        for device in (PHONE, LAPTOP, LAPTOP, PHONE, Device("Fiducia/5.0 (Android 15)", "102.16.9.9")):
            log_in(ana, device)
        assert len(mail.outbox) == 1

    def test_is_told_again_once_it_was_long_ago(self, ana):
        log_in(ana, LAPTOP)
        for device, days in ((PHONE, 30), (PHONE, 60), (PHONE, 90), (LAPTOP, 91)):
            with time_machine.travel(NOW + timedelta(days=days)):
                log_in(ana, device, now=NOW + timedelta(days=days))
        assert len(mail.outbox) == 2

    def test_of_one_person_is_new_for_another(self, ana):
        eve = make_investor("Eve")
        log_in(ana)
        log_in(ana, LAPTOP)
        log_in(eve, LAPTOP)
        log_in(eve, PHONE)
        assert [told.to for told in mail.outbox] == [["ana@example.com"], ["eve@example.com"]]


class TestConsole:
    def test_a_persons_page_tells_their_log_ins(self, client, ana):
        log_in(ana)
        enter(client, make_officer("Sam", "support"))
        page = client.get(reverse("admin:accounts_user_change", args=[ana.pk])).content.decode()
        assert "2026-11-20 09:00 UTC" in page
        assert f"/admin/accounts/session/?user={ana.pk}" in page
        listed = client.get(f"/admin/accounts/session/?user={ana.pk}")
        assert listed.status_code == 200
        assert listed.context["cl"].result_count == 1

    def test_roles_that_dont_see_sessions_dont_see_them_there(self, client, ana):
        log_in(ana)
        enter(client, make_officer("Mo", "moderator"))
        page = client.get(reverse("admin:accounts_user_change", args=[ana.pk])).content.decode()
        assert "?user=" not in page
