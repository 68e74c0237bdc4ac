"""What takes two people, done by two people at their own screens."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from backoffice import end_of_day
from backoffice.demo.desk import BANK
from backoffice.tests.conftest import OWNER, Platform
from core.money import Money
from oversight.models import ApprovalRequest
from payments.models import Deposit
from tests.browser.conftest import Enter
from tests.people import make_investor
from treasury.models import Coverage, TreasuryMovement

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def preview(page: Any) -> str:
    """Ask for the figures, and return them."""
    page.get_by_role("button", name="See what will happen").click()
    page.get_by_role("heading", name="What will happen").wait_for()
    return str(page.locator("#content-main").inner_text())


def approve_first(page: Any) -> str:
    """Go from the dashboard to the only request that waits, and approve it; return what was shown before."""
    page.get_by_text("Approvals waiting").click()
    page.locator("#result_list .data-row a").first.click()
    page.get_by_role("link", name="Approve").click()
    shown = preview(page)
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("approved and carried out").wait_for()
    return shown


def test_omar_records_a_credit_and_only_lin_can_approve_it(platform: Platform, enter: Enter, advice: str) -> None:
    ana = make_investor("Ana", kyc_level=1)
    deposit = platform.desk.announce(ana, usd("800"))
    at_omars = enter(platform.omar)
    at_omars.get_by_text("Deposits waiting").click()
    at_omars.get_by_role("link", name=deposit.shown_reference).click()
    at_omars.get_by_role("link", name="Record the bank credit").click()
    at_omars.get_by_label("Amount that arrived").fill("800")
    at_omars.get_by_label("Bank's own reference").fill("BNK-4711")
    at_omars.get_by_label("Reason").fill("On the statement")
    at_omars.locator("input[type=file]").set_input_files(advice)
    shown = preview(at_omars)
    assert "debit cash, credit the investor's available balance: 800.00 USD" in shown and "BNK-4711" in shown
    assert not ApprovalRequest.objects.filter(verb__startswith="payments.", status="requested").exists()
    at_omars.get_by_role("button", name="Record the bank credit").click()
    at_omars.get_by_text("It waits for another officer").wait_for()

    at_omars.get_by_role("link", name="Confirm a deposit").first.click()
    assert at_omars.get_by_role("link", name="Approve").count() == 0
    request = ApprovalRequest.objects.get(verb__startswith="payments.", status="requested")
    at_omars.goto(f"/admin/oversight/approvalrequest/{request.pk}/do/approve/")
    at_omars.get_by_text("this can't be done here now, or not by you").wait_for()
    assert platform.wallet(ana) == 0 and not request.decisions.exists()

    at_lins = enter(platform.lin)
    assert "800.00 USD" in approve_first(at_lins)
    deposit = Deposit.objects.get(pk=deposit.pk)
    assert (deposit.status, deposit.arrived_amount, platform.wallet(ana)) == ("confirmed", 800, 800)
    at_lins.goto(f"/admin/payments/deposit/{deposit.pk}/change/")
    assert "BNK-4711" in at_lins.locator("#main, main, body").first.inner_text()
    client = APIClient()
    client.force_authenticate(ana)
    assert client.get("/api/v1/wallets/USD").json()["available"] == "800.00"


def test_a_loss_that_two_officers_write_down_shows_on_the_dashboard(
    platform: Platform, enter: Enter, advice: str
) -> None:
    platform.investor("Ana", amount="3000")
    basic = platform.product("basic")
    asset = platform.desk.open_asset(basic, "Cotonou cold store")
    platform.desk.deploy(asset, Decimal(1000), OWNER)
    platform.desk.value(asset, Decimal(1000), platform.today)
    platform.fill("basic", "100")
    platform.desk.state(usd("2100"), platform.today)
    assert platform.close().is_complete
    platform.desk.state(usd("2100"), platform.today)

    at_omars = enter(platform.omar)
    assert "100.00 % USD" in at_omars.get_by_role("link", name="Coverage").last.inner_text()
    at_omars.goto(f"/admin/treasury/asset/{asset.pk}/change/")
    at_omars.get_by_role("button", name="What can be done").press("Enter")
    at_omars.get_by_role("link", name="Write down").click()
    at_omars.get_by_label("Amount").fill("250")
    at_omars.get_by_label("Issuer of the document").fill(BANK)
    at_omars.get_by_label("Its own reference").fill("EXPERT-9")
    at_omars.get_by_label("Reason").fill("The roof is gone")
    at_omars.locator("input[type=file]").set_input_files(advice)
    shown = preview(at_omars)
    assert "1,000.00 USD becomes 750.00 USD" in shown and "100.0000 % becomes" in shown
    at_omars.get_by_role("button", name="Write down").click()
    at_omars.get_by_text("It waits for another officer").wait_for()
    assert not TreasuryMovement.objects.filter(verb="write_down").exists()

    at_lins = enter(platform.lin)
    assert "1,000.00 USD becomes 750.00 USD" in approve_first(at_lins)
    assert end_of_day.close_days(now=timezone.now()).is_complete
    yesterday = timezone.localdate() - timedelta(days=1)
    ratio = Coverage.objects.get(day_id=yesterday, currency_id="USD").ratio
    assert ratio is not None and ratio < 1
    at_lins.goto("/admin/")
    card = at_lins.get_by_role("link", name=f"Coverage {yesterday:%d %b}").inner_text()
    assert f"{int(ratio * 10000) / 100:.2f} % USD" in card
