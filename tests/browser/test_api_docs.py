"""The readers of the schema draw it in a browser, and ask no other host for anything."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("reader", ["/docs", "/api/v1/redoc"])
def test_a_reader_shows_the_endpoints_and_stays_at_home(live_server, browser, reader):
    page = browser.new_page()
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{live_server.url}{reader}")
    page.get_by_text("/deposits").first.wait_for(state="attached", timeout=30_000)
    page.wait_for_load_state("networkidle")
    foreign = [url for url in asked if not url.startswith((live_server.url, "data:", "blob:"))]
    assert foreign == []
    assert complaints == [], "\n".join(complaints)
