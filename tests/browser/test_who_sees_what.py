"""The console shows each role its own, on a wide screen and on a phone."""

from __future__ import annotations

from typing import Any

import pytest

from backoffice import problems
from backoffice.models import EndOfDayProblem, EndOfDayRun
from backoffice.tests.conftest import Platform
from oversight.models import Alert
from tests.browser.conftest import PHONE, WIDE, Enter
from tests.people import make_officer
from treasury.models import Coverage

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = (
    "/admin/",
    "/admin/pools/",
    "/admin/returns/",
    "/admin/accounts/user/",
    "/admin/investments/position/",
    "/admin/payments/deposit/?status=all",
    "/admin/oversight/approvalrequest/?status=all",
    "/admin/treasury/treasurymovement/",
    "/admin/treasury/treasurymovement/do/pay-in-capital/",
    "/admin/treasury/coverage/",
    "/admin/ledger/transaction/",
    "/admin/nothing/",
    "/transparency/",
)


def overflow(page: Any) -> int:
    """By how many pixels the whole page would scroll sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def test_an_investor_stays_outside(platform: Platform, enter: Enter) -> None:
    page = enter(platform.investor("Ana").owner)
    assert "/admin/login/" in page.url
    assert "are no officer's" in page.locator("body").inner_text()
    page.goto("/admin/payments/deposit/")
    assert "/admin/login/" in page.url


@pytest.mark.parametrize("role", ["support", "moderator"])
def test_who_has_nothing_to_do_with_money_is_shown_no_way_to_it(platform: Platform, enter: Enter, role: str) -> None:
    position = platform.investor("Ana")
    page = enter(make_officer("Sam", role))
    menu = page.locator("#nav-sidebar, aside, nav").first.inner_text()
    assert "Dashboard" in menu and "Treasury" not in menu and "Approvals" not in menu
    for address in ("/admin/treasury/treasurymovement/do/pay-in-capital/", "/admin/oversight/approvalrequest/"):
        assert page.goto(address).status == 403
        assert "Your roles don't open this page" in page.locator("body").inner_text()
    for address in (f"accounts/user/{position.owner_id}", f"investments/position/{position.pk}"):
        page.goto(f"/admin/{address}/change/")
        assert page.locator("input[name=_save], button[name=_save]").count() == 0
        doable = page.locator("a[href*='/do/']").evaluate_all("links => links.map(each => each.href)")
        assert [each for each in doable if "block" not in each] == []


def test_no_page_scrolls_sideways(platform: Platform, enter: Enter) -> None:
    platform.investor("Ana")
    assert platform.close().is_complete
    row = Coverage.objects.get(currency_id="USD")
    page = enter(platform.omar, theme="dark")
    for address in (*PAGES, f"/admin/treasury/coverage/{row.pk}/change/"):
        page.goto(address)
        for viewport in (WIDE, PHONE):
            page.set_viewport_size(viewport)
            assert (address, viewport["width"], overflow(page)) == (address, viewport["width"], 0)


def test_a_close_with_problems_is_read_and_worked_off_on_a_phone(platform: Platform, enter: Enter) -> None:
    assert platform.close().is_complete
    run = EndOfDayRun.objects.get()
    problems.report(
        run, "accrue", "position 17", "numeric field overflow in a very_long_name_that_has_no_spaces", at=platform.noon
    )
    EndOfDayRun.objects.update(status="incomplete")
    problems.alert(run, open_problems=1, at=platform.noon)

    page = enter(platform.omar, viewport=PHONE)
    assert "1 open alert" in page.locator("body").inner_text()
    page.goto(f"/admin/backoffice/endofdayrun/{run.pk}/change/")
    text = page.locator("body").inner_text()
    assert "position 17" in text and "numeric field overflow" in text and overflow(page) == 0
    page.get_by_role("link", name="Close…").click()
    page.locator("textarea").fill("Adjusted by hand")
    page.get_by_role("button", name="Close").last.click()
    page.get_by_text("The problem is closed.").wait_for()
    problem = EndOfDayProblem.objects.get()
    run.refresh_from_db()
    assert (problem.word, problem.closed_by, run.status) == ("Adjusted by hand", platform.omar, "done")

    alert = Alert.objects.get(closed_at=None)
    page.goto(f"/admin/oversight/alert/{alert.pk}/do/close-with-word/")
    page.get_by_label("Word").fill("The run is done")
    page.get_by_role("button", name="See what will happen").click()
    page.get_by_role("button", name="Close with a word").click()
    page.get_by_text("Close with a word: done").wait_for()
    assert not Alert.objects.filter(closed_at=None).exists()
    page.goto("/admin/")
    assert "open alert" not in page.locator("body").inner_text()
