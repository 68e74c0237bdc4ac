"""Messages and deliveries before a real browser: whole on a wide screen and on a phone, the mail shut in its frame."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from notifications import services
from notifications.models import Delivery
from tests.browser.conftest import PHONE, WIDE
from tests.people import make_investor, make_officer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MESSAGES = "/admin/messages/"
PAGES = (
    MESSAGES,
    f"{MESSAGES}new_device/",
    f"{MESSAGES}position_paid_out/?language=fr",
    "/admin/notifications/delivery/",
)


def overflow(page: Any) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.fixture
def sam() -> Any:
    """Somebody of support; Ana was told something, and one mail to her was refused."""
    now = timezone.now()
    ana = make_investor("Ana", email_verified_at=now)
    facts = {"deposit": "1", "reference": "FD-7K2-94QX", "amount": "1250", "currency": "USD"}
    for key in ("one", "two", "three"):
        tell_in_vain(ana, facts, key, now)
    return make_officer("Sam", "support")


def tell_in_vain(ana: Any, facts: dict[str, str], key: str, now: Any) -> None:
    with transaction.atomic():
        services.notify(ana, "deposit_confirmed", facts=facts, key=key, now=now)
        row = Delivery.objects.filter(status="queued").latest("pk")
        row.move("failed", at=now, reason="the mail server refused the recipient: [550]")


@pytest.mark.parametrize(("name", "viewport"), [("wide", WIDE), ("phone", PHONE)])
def test_nothing_runs_out_of_the_screen(enter: Any, sam: Any, name: str, viewport: dict[str, int]) -> None:
    page = enter(sam, viewport=viewport)
    for number, path in enumerate(PAGES):
        answer = page.goto(path)
        assert answer.status == 200
        assert overflow(page) <= 0, path
        if os.environ.get("SHOTS"):
            page.screenshot(path=f"{os.environ['SHOTS']}/{name}-{number}.png", full_page=True)


def test_the_mail_is_shown_in_a_frame_that_may_nothing(enter: Any, sam: Any, settings: Any) -> None:
    settings.APP_URL = "https://app.fiducia.example"
    page = enter(sam)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.goto(f"{MESSAGES}deposit_confirmed/")
    mail = page.frame_locator("iframe.bo-mail")
    assert mail.get_by_role("heading").inner_text() == "Your deposit has arrived"
    assert mail.get_by_role("link", name="See the deposit").get_attribute("href").startswith("https://app.fiducia.")
    assert page.locator("iframe.bo-mail").get_attribute("sandbox") == ""
    assert said == []
    page.get_by_role("link", name="French").click()
    assert mail.get_by_role("heading").inner_text() == "Votre dépôt est arrivé"
