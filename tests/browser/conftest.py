"""A real Chromium before the real console. Debian: `apt-get install chromium`; without it these tests are skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from django.utils import timezone

from accounts.models import Totp
from accounts.services import factors
from backoffice.tests.conftest import Platform
from tests.people import PASSWORD

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}

Enter = Callable[..., Any]


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Iterator[Any]:
    if CHROMIUM is None and os.environ.get("FIDUCIA_NEEDS_BROWSER"):
        pytest.fail("Chromium isn't installed on this machine, and FIDUCIA_NEEDS_BROWSER is set")
    if CHROMIUM is None:
        pytest.skip("Chromium isn't installed on this machine")
    from playwright.sync_api import sync_playwright

    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield started
        started.close()


def app_of(officer: Any) -> pyotp.TOTP:
    """The officer's authenticator app; one who has none enrols it an hour ago."""
    if not factors.has_app(officer):
        past = timezone.now() - timedelta(hours=1)
        secret = factors.draw_secret(officer, now=past).secret
        factors.confirm(officer, pyotp.TOTP(secret).at(past), now=past)
    return pyotp.TOTP(Totp.objects.get(pk=officer.pk).secret)


@pytest.fixture
def enter(live_server: Any, browser: Any) -> Enter:
    """Log a person in at the console's own pages, officers with their app; return their tab."""

    def log_in(person: Any, *, viewport: dict[str, int] = WIDE, theme: str = "light") -> Any:
        if person.is_staff:
            app_of(person)
        context = browser.new_context(base_url=live_server.url, viewport=viewport, color_scheme=theme)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.goto("/admin/")
        page.get_by_label("E-mail address or phone number").fill(person.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_load_state()
        if person.is_staff:
            page.get_by_label("Code").fill(app_of(person).now())
            page.get_by_role("button", name="Go on").click()
            page.wait_for_url("**/admin/")
        return page

    return log_in


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Any) -> None:
    """Documents go where the test ends with them."""
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def platform(transactional_db: None) -> Platform:
    """The console reads the clock, so the platform opened two days ago."""
    return Platform(first_day=timezone.localdate() - timedelta(days=2))


@pytest.fixture
def advice(tmp_path: Any) -> str:
    """A document to attach."""
    path = tmp_path / "advice.pdf"
    path.write_bytes(b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n")
    return str(path)
