"""The page of an export, in a browser: nothing is asked for, nothing runs off the screen, and it prints."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts import services
from backoffice.export import archive
from backoffice.export.subject import Subject
from backoffice.tests.conftest import Platform
from tests.browser.conftest import PHONE, WIDE
from tests.people import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page_file(tmp_path: Any, platform: Platform) -> str:
    """Ana after some days of returns, with a name that would run if it could."""
    position = platform.investor("Ana", code="basic", amount="12500.50")
    platform.fill("basic", "5000")
    for _ in range(2):
        platform.close()
    ana = position.owner
    services.log_in(ana.email, PASSWORD, device=services.Device("Mozilla/5.0", "41.85.160.7"), now=platform.noon)
    ana.first_name = "<script>document.title = 'run'</script>"
    file = io.BytesIO()
    with transaction.atomic():
        archive.write(Subject(ana, timezone.now()), file)
    path = tmp_path / "index.html"
    path.write_bytes(zipfile.ZipFile(file).read("index.html"))
    return str(path)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_it_is_readable_and_stays_at_home(browser: Any, page_file: str, viewport: dict[str, int], theme: str) -> None:
    page = browser.new_page(viewport=viewport, color_scheme=theme)
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(f"file://{page_file}")
    assert page.title() == "What Fiducia holds about you"
    assert asked == [f"file://{page_file}"] and complaints == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.get_by_role("heading", level=1).inner_text().startswith("What Fiducia holds about <script>")
    assert page.evaluate("getComputedStyle(document.body).fontFamily").startswith("system-ui")


def test_it_prints(browser: Any, page_file: str) -> None:
    page = browser.new_page(viewport=WIDE, color_scheme="dark")
    page.goto(f"file://{page_file}")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf(format="A4").startswith(b"%PDF")
