"""The console: every message as it reads, what people were told, what went out."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from notifications import kinds, services
from notifications.models import Delivery, Notification
from notifications.tests.conftest import FACTS, NOW
from oversight.tests.test_admin import hidden
from tests.people import enter, make_officer

pytestmark = pytest.mark.django_db

CATALOGUE = "/admin/messages/"
DELIVERIES = "/admin/notifications/delivery/"


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def sam(client):
    """Somebody of support, who is logged in."""
    officer = make_officer("Sam", "support")
    enter(client, officer)
    return officer


class TestMessages:
    def test_every_kind_is_listed(self, client, sam):
        page = client.get(CATALOGUE).content.decode()
        for kind in kinds.every():
            assert f"{CATALOGUE}{kind.code}/" in page
        assert "e-mail, always" in page and "e-mail, if wanted" in page

    @pytest.mark.parametrize("language", ["en", "fr"])
    def test_every_kind_is_shown_by_every_channel(self, client, sam, language):
        for kind in kinds.every():
            answer = client.get(f"{CATALOGUE}{kind.code}/?language={language}")
            assert answer.status_code == 200, kind.code
            page = answer.content.decode()
            assert 'sandbox srcdoc="&lt;!doctype html&gt;' in page
            assert "of 160 characters" in page
            assert ("Bonjour Ana" in page) == (language == "fr")

    def test_nothing_else_is_a_page(self, client, sam):
        assert client.get(f"{CATALOGUE}nothing/").status_code == 404
        assert client.get(f"{CATALOGUE}pin_set/?language=xx").status_code == 404
        assert client.get(f"{CATALOGUE}pin_set/?language=../../x").status_code == 404

    def test_a_mail_without_an_app_has_no_button_and_the_page_says_so(self, client, sam, settings):
        assert "APP_URL isn&#x27;t set" in (page := client.get(f"{CATALOGUE}tests_coffee/").content.decode()) or (
            "APP_URL isn't set" in page
        )
        settings.APP_URL = "https://app.example"
        assert "APP_URL" not in client.get(f"{CATALOGUE}tests_coffee/").content.decode()

    @pytest.mark.parametrize(
        "path", [CATALOGUE, f"{CATALOGUE}pin_set/", DELIVERIES, "/admin/notifications/notification/"]
    )
    def test_who_has_no_right_sees_none(self, client, eve, path):
        assert client.get(path).status_code == 302
        enter(client, make_officer("Nil"))
        assert client.get(path).status_code == 403


class TestDeliveries:
    @pytest.fixture
    def failed(self, ana):
        services.notify(ana, "tests_coffee", facts=FACTS, key="1", now=NOW)
        row = Delivery.objects.get()
        row.move("failed", at=NOW, reason="the mail server refused the recipient: [550]")
        return row

    def test_they_are_listed_with_figures(self, client, sam, failed, ana):
        services.notify(ana, "tests_coffee", facts=FACTS, key="2", now=NOW)
        answer = client.get(DELIVERIES)
        assert answer.context["figures"][0] == {"channel": "e-mail", "queued": 1, "sent": 0, "failed": 1, "dropped": 0}
        page = answer.content.decode()
        assert "tests_coffee" in page and "refused the recipient: [550]" in page and ana.referral_code in page
        assert ana.email not in page and "The last 24 hours" in page
        assert client.get(f"{DELIVERIES}?status__exact=failed").context["cl"].result_count == 1
        assert client.get(f"{DELIVERIES}?channel__exact=sms").context["cl"].result_count == 0
        assert client.get(f"{DELIVERIES}?q={ana.referral_code}").context["cl"].result_count == 2

    def test_figures_are_of_a_day(self, client, sam, failed, clock):
        clock.move_to(NOW + timedelta(days=1))
        enter(client, sam)
        assert client.get(DELIVERIES).context["figures"][0]["failed"] == 0

    def test_its_page_has_no_address(self, client, sam, failed, ana):
        page = client.get(f"{DELIVERIES}{failed.pk}/change/").content.decode()
        assert "refused the recipient" in page and ana.email not in page

    def test_an_administrator_tries_one_again(self, client, ada, failed):
        enter(client, ada)
        address = reverse("admin:notifications_delivery_try-again", args=[failed.pk])
        shown = client.post(address, {"_step": "preview"})
        assert "it is queued again" in shown.content.decode()
        failed.refresh_from_db()
        assert failed.status == "failed"
        assert client.post(address, {**hidden(shown), "_step": "confirm"}).status_code == 302
        failed.refresh_from_db()
        assert (failed.status, failed.attempts, failed.reason) == ("queued", 0, "")

    def test_all_of_a_day_are_tried_again(self, client, ada, failed):
        enter(client, ada)
        address = reverse("admin:notifications_delivery_try-all-again")
        shown = client.post(address, {"_step": "preview"})
        assert "e-mail" in shown.content.decode()
        assert client.post(address, {**hidden(shown), "_step": "confirm"}).status_code == 302
        failed.refresh_from_db()
        assert failed.status == "queued"

    def test_support_doesnt(self, client, sam, failed):
        address = reverse("admin:notifications_delivery_try-again", args=[failed.pk])
        assert client.get(address).status_code == 403
        assert client.post(address, {"_step": "confirm"}).status_code == 403
        failed.refresh_from_db()
        assert failed.status == "failed"


def test_what_somebody_was_told_is_shown_without_words(client, sam, ana):
    services.notify(ana, "tests_coffee", facts=FACTS, key="1", now=NOW)
    told = Notification.objects.get()
    assert ana.referral_code in client.get("/admin/notifications/notification/").content.decode()
    page = client.get(f"/admin/notifications/notification/{told.pk}/change/").content.decode()
    assert "tests_coffee" in page and "1234.5" in page and "queued" in page


def test_the_sidebar_leads_there(client, sam):
    page = client.get("/admin/").content.decode()
    assert CATALOGUE in page and DELIVERIES in page
