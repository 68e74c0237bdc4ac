"""The console's own pages: figures, rights, and a number of queries that doesn't grow."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backoffice import dashboard, navigation
from backoffice.site import ConsoleSite
from backoffice.tests.conftest import Platform
from oversight.console import pretty
from tests.people import enter, make_officer

pytestmark = pytest.mark.django_db(transaction=True)

BOARD_QUERIES = 20
"""What the dashboard may ask the database for, with all figures and whatever the tables hold."""


def three_days() -> Platform:
    """Three days with a position and a pool."""
    platform = Platform()
    platform.investor("Ana", amount="3000")
    platform.fill("basic", "100")
    platform.desk.state(_usd("3100"), platform.today)
    platform.close_until(date(2026, 6, 3))
    return platform


@pytest.fixture
def lived(transactional_db: None, kept: Any) -> Platform:
    made: Platform = kept.of(three_days)
    return made


def _usd(amount: str) -> Any:
    from core.money import Money

    return Money(Decimal(amount), "USD")


def test_the_site_is_ours() -> None:
    assert isinstance(admin.site, ConsoleSite)


def test_the_dashboard_shows_exact_figures(lived: Platform, client: Any) -> None:
    lived.desk.announce(dashboard.User.objects.get(is_staff=False), _usd("75.5"))
    board = dashboard.read(lived.omar, now=lived.noon)
    cards = {card.title: card for card in board.cards}
    assert cards["Investors"].value == "1"
    assert (cards["Deposits waiting"].value, list(cards["Deposits waiting"].lines)) == ("1", ["75.50 USD"])
    assert (cards["Active positions"].value, list(cards["Active positions"].lines)) == ("1", ["3,000.00 USD"])
    assert cards["Accrued on 03 Jun"].value == "25.00 USD"
    assert cards["Returns owed"].value == "nothing"
    assert cards["Last close"].value == "03 Jun 2026" and cards["Last close"].mood == "good"
    assert cards["Coverage 03 Jun"].value == "100.00 % USD"
    assert {pool.scope: pool.days for pool in board.pools}["product:basic"] == "4 days"
    enter(client, lived.omar)
    page = client.get("/admin/").content.decode()
    assert "25.00 USD" in page and "<svg" in page and "https://" not in page


def test_the_dashboards_queries_dont_grow(lived: Platform) -> None:
    with CaptureQueriesContext(connection) as few:
        dashboard.read(lived.omar, now=lived.noon)
    for name in ("Eva", "Ina", "Ola"):
        lived.investor(name, code="premium")
    lived.close_until(date(2026, 6, 5))
    with CaptureQueriesContext(connection) as many:
        dashboard.read(lived.lin, now=lived.noon)
    assert len(many) <= len(few) + 1 <= BOARD_QUERIES  # Lin's own rights are read once


def test_a_role_sees_its_own_figures_only(lived: Platform, client: Any) -> None:
    moderator = make_officer("Moses", "moderator")
    titles = [card.title for card in dashboard.read(moderator, now=lived.noon).cards]
    assert titles == ["Investors"]
    enter(client, moderator)
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/pools/").status_code == 403
    assert client.get("/admin/returns/").status_code == 403


def test_returns_and_pools(lived: Platform, client: Any) -> None:
    enter(client, lived.omar)
    page = client.get("/admin/returns/?days=7").content.decode()
    assert page.count("25.00 USD") == 2 and "3 Jun 2026" in page
    assert "25.00 USD" not in client.get("/admin/returns/?product=premium").content.decode()
    assert client.get("/admin/returns/?days=9999&product=naughty'").status_code == 200
    page = client.get("/admin/pools/").content.decode()
    assert "100.00 USD" in page and "above the rate ceiling" in page


def test_the_sidebar_leads_somewhere_for_each_role(lived: Platform, client: Any) -> None:
    for role in ("finance", "compliance", "administrator", "support", "moderator"):
        officer = make_officer(f"One {role}", role)
        enter(client, officer)
        request = client.get("/admin/").wsgi_request
        request.user = officer
        for group in navigation.sidebar(request):
            for item in group["items"]:
                assert client.get(item["link"]).status_code == 200, (role, item["link"])


def test_an_investor_finds_only_the_log_in(platform: Platform, client: Any) -> None:
    position = platform.investor("Ana")
    enter(client, position.owner)
    for address in ("/admin/", "/admin/pools/", "/admin/backoffice/endofdayrun/"):
        assert client.get(address).status_code == 302


def test_the_public_page(lived: Platform, client: Any, monkeypatch: Any) -> None:
    page = client.get("/transparency/")
    assert page.status_code == 200 and b"at least 20 people" in page.content
    assert b"3,000.00 USD" not in page.content
    monkeypatch.setattr("treasury.rules.MINIMUM_INVESTORS", 1)
    page = client.get("/transparency/")
    text = page.content.decode()
    assert "For every 100 USD that Fiducia owes, 100.00 USD are confirmed" in text
    assert "3,100.00 USD" in text and "above the rate ceiling" in text
    published = client.get("/api/v1/transparency/coverage").json()["results"][0]
    assert published["currencies"][0]["figures"]["coverage"] == "1.000000" and "100.00 %" in text
    assert published["seal"] in text
    assert "https://" not in text and "<script" not in text and "style=" not in text
    assert "unsafe" not in page["Content-Security-Policy"]
    assert client.post("/transparency/").status_code in (403, 405)


def test_a_page_that_isnt_there_or_isnt_yours_says_so_in_the_consoles_dress(platform: Platform, client: Any) -> None:
    enter(client, make_officer("Moses", "moderator"))
    for address, status, words in (
        ("/admin/nothing/", 404, "There is no such page"),
        ("/admin/pools/", 403, "Your roles don&#x27;t open this page"),
    ):
        answer = client.get(address)
        text = answer.content.decode()
        assert answer.status_code == status
        assert words.replace("&#x27;", "'") in text and 'href="/admin/"' in text and "backoffice.css" in text


def test_a_mistake_of_ours_shows_a_page_and_no_details(platform: Platform, client: Any, monkeypatch: Any) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise ValueError("a secret")

    monkeypatch.setattr(dashboard, "read", fail)
    client.raise_request_exception = False
    enter(client, platform.omar)
    answer = client.get("/admin/")
    text = answer.content.decode()
    assert answer.status_code == 500
    assert "Something went wrong on our side" in text and "secret" not in text


def test_json_breaks_on_a_phone() -> None:
    """What isn't in a stylesheet does nothing: a hash in a payload once pushed the page out to 654 pixels of 390."""
    own = (settings.BASE_DIR / "backoffice/static/backoffice/backoffice.css").read_text(encoding="utf-8")
    assert 'class="bo-pre ' in pretty({"sha256": "0" * 64})
    assert ".bo-pre { overflow-wrap: anywhere; white-space: pre-wrap; }" in own


def test_charts_escape_and_keep_in_bounds() -> None:
    from oversight.console import charts

    drawn = charts.line(
        [charts.Series("<b>", [Decimal("0.97"), None, Decimal("1.02")])],
        ["1 Jun", "2 Jun", "3 Jun"],
        say=str,
        title='a "title"',
        mark=Decimal(1),
    )
    assert "<b>" not in drawn and "&lt;b&gt;" in drawn and drawn.count("M") == 2
    assert "Nothing to draw" in charts.bars([charts.Series("", [None])], ["1 Jun"], say=str, title="nothing")
