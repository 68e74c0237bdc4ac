"""The inbox, preferences and devices over HTTP."""

from __future__ import annotations

from datetime import time, timedelta
from uuid import uuid4

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts import services as accounts
from notifications import services
from notifications.models import Device, Notification, Preference, QuietHours
from notifications.tests.conftest import FACTS, NOW
from tests.people import PASSWORD

pytestmark = pytest.mark.django_db

INBOX, READ = "/api/v1/notifications", "/api/v1/notifications/read"
WISHES, DEVICES = "/api/v1/notifications/preferences", "/api/v1/devices"
TOKEN = "dQw4w9WgXcQ:APA91bHun4MxP5egoKMwt"


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def client_of(person) -> APIClient:
    client = APIClient()
    pair = accounts.log_in(person.email, PASSWORD, device=accounts.Device(), now=NOW)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
    return client


@pytest.fixture
def client(ana) -> APIClient:
    return client_of(ana)


def tell(person, key="cup:7", kind="tests_coffee", now=NOW, **facts):
    services.notify(person, kind, facts=FACTS | facts, key=key, now=now)
    return Notification.objects.get(user=person, kind=kind, key=key)


class TestInbox:
    def test_a_notification_is_shown_in_its_readers_language(self, client, ana, settings):
        settings.APP_URL = "https://app.fiducia.example/x"
        told = tell(ana)
        shown = {
            "id": str(told.pk),
            "type": "tests_coffee",
            "category": "money",
            "priority": "normal",
            "title": "Coffee 7",
            "text": "One.\n\nTwo & <three>.\n\nCup: 7",
            "action_url": "https://app.fiducia.example/coffee/7",
            "created_at": "2026-11-20T09:00:00Z",
            "read_at": None,
        }
        assert client.get(INBOX).json() == {"next": None, "previous": None, "results": [shown], "unread_count": 1}
        ana.language = "fr-BJ"
        ana.save(update_fields=["language"])
        assert client.get(INBOX).json()["results"][0]["title"] == "Café 7"
        ana.language = "yo"
        ana.save(update_fields=["language"])
        assert client.get(INBOX).json()["results"][0]["title"] == "Coffee 7"

    def test_without_an_app_the_address_is_a_path(self, client, ana):
        tell(ana)
        assert client.get(INBOX).json()["results"][0]["action_url"] == "/coffee/7"

    def test_newest_first_page_by_page(self, client, ana):
        for cup in range(5):
            tell(ana, key=f"cup:{cup}", cup=str(cup))
        page = client.get(f"{INBOX}?limit=2").json()
        assert [each["title"] for each in page["results"]] == ["Coffee 4", "Coffee 3"]
        assert page["unread_count"] == 5
        rest = client.get(page["next"]).json()
        assert [each["title"] for each in rest["results"]] == ["Coffee 2", "Coffee 1"]

    def test_filters(self, client, ana):
        first, second = tell(ana), tell(ana, key="cup:8")
        crumb = tell(ana, kind="tests_crumb")
        services.mark_read.inside(ana, ids=[first.pk], now=NOW)

        def found(query):
            return {each["id"] for each in client.get(f"{INBOX}?{query}").json()["results"]}

        assert found("unread=true") == {str(second.pk), str(crumb.pk)}
        assert found("unread=false") == {str(first.pk)}
        assert found("type=tests_crumb") == {str(crumb.pk)}
        assert found("category=money&unread=true") == {str(second.pk)}

    @pytest.mark.parametrize("query", ["unread=1", "unread=", "type=unknown", "category=x", "read=true", "limit=0"])
    def test_a_filter_that_isnt_one_is_refused(self, client, ana, query):
        tell(ana)
        assert client.get(f"{INBOX}?{query}").status_code == 400

    def test_a_page_costs_the_same_however_long_it_is(self, client, ana, django_assert_num_queries):
        def fill(numbers):
            for number in numbers:
                session = ana.sessions.get().pk
                services.notify(ana, "new_device", facts={"session": str(session)}, key=str(number), now=NOW)
                tell(ana, key=str(number))

        fill(range(2))
        with django_assert_num_queries(4):  # who asks, the page, what the messages need, what is unread
            client.get(INBOX)
        fill(range(2, 20))
        with django_assert_num_queries(4):
            assert len(client.get(INBOX).json()["results"]) == 40

    def test_what_cant_be_written_doesnt_take_the_page_with_it(self, client, ana):
        tell(ana)
        services.notify(ana, "tests_coffee", facts={}, key="without facts", now=NOW)
        services.notify(ana, "new_device", facts={"session": str(uuid4())}, key="of a session that is gone", now=NOW)
        services.notify(ana, "new_device", facts={"session": "nonsense"}, key="of none", now=NOW)
        services.notify(ana, "returns_paid", facts={}, key="of no product", now=NOW)
        gone = Notification.objects.create(user=ana, kind="gone", key="1", facts={}, created_at=NOW)
        page = client.get(INBOX).json()["results"]
        assert {(each["id"] == str(gone.pk), each["title"], each["text"] == "") for each in page} == {
            (True, "The account", True),
            (False, "Deposits and withdrawals", True),
            (False, "Security of the account", True),
            (False, "Returns", True),
            (False, "Coffee 7", False),
        }


class TestRead:
    def test_some_are_marked(self, client, ana, clock):
        first, second = tell(ana), tell(ana, key="cup:8")
        clock.move_to(NOW + timedelta(minutes=1))
        answer = client.post(READ, {"ids": [str(first.pk)]})
        assert (answer.status_code, answer.json()) == (200, {"unread_count": 1})
        first.refresh_from_db()
        second.refresh_from_db()
        assert (first.read_at, second.read_at) == (NOW + timedelta(minutes=1), None)

    def test_all_are_marked_and_what_was_read_keeps_its_time(self, client, ana, clock):
        first, second = tell(ana), tell(ana, key="cup:8")
        client.post(READ, {"ids": [str(first.pk)]})
        clock.move_to(NOW + timedelta(minutes=1))
        assert client.post(READ, {"all": True}).json() == {"unread_count": 0}
        first.refresh_from_db()
        second.refresh_from_db()
        assert (first.read_at, second.read_at) == (NOW, NOW + timedelta(minutes=1))

    def test_what_isnt_mine_stays_unread(self, client, ana, eve):
        of_eve = tell(eve)
        mine = tell(ana)
        for ids in ([str(of_eve.pk)], [str(uuid4())]):
            assert client.post(READ, {"ids": ids}).json() == {"unread_count": 1}
        client.post(READ, {"all": True})
        of_eve.refresh_from_db()
        mine.refresh_from_db()
        assert (of_eve.read_at, mine.read_at) == (None, NOW)

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"ids": []},
            {"all": False},
            {"all": "true"},
            {"all": True, "ids": [str(uuid4())]},
            {"ids": ["x"]},
            {"ids": [str(uuid4())] * 201},
            {"ids": None},
            {"read": True},
            [],
        ],
    )
    def test_nonsense_marks_nothing(self, client, ana, body):
        told = tell(ana)
        assert client.post(READ, body, format="json").status_code == 400
        told.refresh_from_db()
        assert told.read_at is None


class TestPreferences:
    def test_defaults(self, client):
        answer = client.get(WISHES).json()
        on = {"email": True, "push": True, "sms": False}
        assert answer == {
            "channels": {
                "security": on,
                "account": on,
                "money": on,
                "investments": on,
                "returns": {"email": False, "push": False},
                "approvals": {"email": True, "push": True},
            },
            "fixed": {"security": ["email"]},
            "quiet_hours": {"begins": "21:00", "ends": "08:00"},
        }

    def test_what_is_changed_is_changed_and_the_rest_stays(self, client, ana):
        body = {"channels": {"returns": {"email": True}, "money": {"push": False, "sms": True}}}
        answer = client.patch(WISHES, body)
        assert answer.status_code == 200
        assert answer.json()["channels"]["returns"] == {"email": True, "push": False}
        assert answer.json()["channels"]["money"] == {"email": True, "push": False, "sms": True}
        assert answer.json()["quiet_hours"] == {"begins": "21:00", "ends": "08:00"}
        assert client.patch(WISHES, {"channels": {"money": {"push": True}}}).status_code == 200
        assert client.get(WISHES).json()["channels"]["money"] == {"email": True, "push": True, "sms": True}
        assert Preference.objects.filter(user=ana).count() == 3

    def test_quiet_hours(self, client, ana):
        answer = client.patch(WISHES, {"quiet_hours": {"begins": "22:30", "ends": "06:00"}})
        assert answer.json()["quiet_hours"] == {"begins": "22:30", "ends": "06:00"}
        assert QuietHours.objects.of(ana) == (time(22, 30), time(6))
        assert client.patch(WISHES, {"quiet_hours": None}).json()["quiet_hours"] is None
        assert QuietHours.objects.of(ana) is None
        assert client.get(WISHES).json()["quiet_hours"] is None

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"channels": {"security": {"email": False}}}, "channel-fixed"),
            ({"channels": {"money": {"sms": True}, "security": {"email": False, "push": False}}}, "channel-fixed"),
        ],
    )
    def test_what_is_fixed_isnt_switched_off(self, client, body, code):
        answer = client.patch(WISHES, body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert not Preference.objects.exists()

    def test_what_is_fixed_may_be_said_to_be_on(self, client):
        assert client.patch(WISHES, {"channels": {"security": {"email": True}}}).status_code == 200

    @pytest.mark.parametrize(
        "body",
        [
            {"channels": {"returns": {"sms": True}}},
            {"channels": {"weather": {"email": True}}},
            {"channels": {"money": {"email": "yes"}}},
            {"channels": {"money": {"email": None}}},
            {"channels": {"money": {}}},
            {"channels": None},
            {"quiet_hours": {"begins": "22:00"}},
            {"quiet_hours": {"begins": "22:00", "ends": "22:00"}},
            {"quiet_hours": {"begins": "25:00", "ends": "07:00"}},
            {"quiet_hours": "22:00"},
            {"quiet": None},
        ],
    )
    def test_nonsense_changes_nothing(self, client, body):
        assert client.patch(WISHES, body, format="json").status_code == 400
        assert not Preference.objects.exists() and not QuietHours.objects.exists()


class TestDevices:
    def test_a_device_is_registered_with_its_session(self, client, ana):
        answer = client.post(DEVICES, {"token": TOKEN, "platform": "android"})
        assert answer.status_code == 201
        device = Device.objects.get()
        assert answer.json() == {
            "id": str(device.pk),
            "platform": "android",
            "registered_at": "2026-11-20T09:00:00Z",
        }
        assert (device.user, device.session, device.token) == (ana, ana.sessions.get(), TOKEN)

    def test_its_token_stands_encrypted(self, client):
        from django.db import connection

        client.post(DEVICES, {"token": TOKEN, "platform": "ios"})
        with connection.cursor() as cursor:
            cursor.execute("SELECT t::text FROM notifications_device t")
            assert TOKEN not in cursor.fetchone()[0]

    def test_registered_again_it_is_one(self, client, ana):
        first = client.post(DEVICES, {"token": TOKEN, "platform": "android"}).json()
        assert client.post(DEVICES, {"token": TOKEN, "platform": "ios"}).json() == first | {"platform": "ios"}
        assert Device.objects.count() == 1

    def test_it_is_one_persons_at_a_time(self, client, ana, eve):
        client.post(DEVICES, {"token": TOKEN, "platform": "android"})
        client_of(eve).post(DEVICES, {"token": TOKEN, "platform": "android"})
        device = Device.objects.get()
        assert (device.user, device.session) == (eve, eve.sessions.get())
        assert client.delete(f"{DEVICES}/{TOKEN}").status_code == 404
        assert Device.objects.count() == 1

    def test_beyond_ten_the_oldest_is_forgotten(self, client, ana, clock):
        for number in range(12):
            clock.move_to(NOW + timedelta(seconds=number))
            client.post(DEVICES, {"token": f"{TOKEN}{number}", "platform": "web"})
        assert {device.token for device in Device.objects.all()} == {f"{TOKEN}{number}" for number in range(2, 12)}

    def test_it_is_taken_away(self, client, ana):
        client.post(DEVICES, {"token": TOKEN, "platform": "android"})
        assert client.delete(f"{DEVICES}/{TOKEN}").status_code == 204
        assert not Device.objects.exists()
        answer = client.delete(f"{DEVICES}/{TOKEN}")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-device")

    @pytest.mark.parametrize(
        "body",
        [
            {"token": TOKEN},
            {"platform": "ios"},
            {"token": "short", "platform": "ios"},
            {"token": "x" * 1025, "platform": "ios"},
            {"token": f"{TOKEN} ", "platform": "ios"},
            {"token": f"{TOKEN}/x", "platform": "ios"},
            {"token": 12345678901234567890123, "platform": "ios"},
            {"token": TOKEN, "platform": "blackberry"},
            {"token": TOKEN, "platform": "ios", "user": "x"},
        ],
    )
    def test_nonsense_registers_nothing(self, client, body):
        assert client.post(DEVICES, body, format="json").status_code == 400
        assert not Device.objects.exists()

    def test_the_log_holds_no_token(self, client, caplog):
        client.delete(f"{DEVICES}/{TOKEN}")
        client.post(DEVICES, {"token": TOKEN, "platform": "android"})
        assert caplog.records and TOKEN not in caplog.text
