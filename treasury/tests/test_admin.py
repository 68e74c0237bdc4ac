"""The finance desk's pages: what they show, and that each verb shows its figures before it asks."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from oversight import services as oversight
from oversight.models import ApprovalRequest
from tests.people import enter, make_officer
from treasury import services
from treasury.admin import pages
from treasury.models import Asset, Coverage, ProductCoverage, TreasuryMovement, Valuation, Verb
from treasury.tests.conftest import BASIC, MILL, PARENT, Desk
from treasury.tests.test_coverage import cover, worked_example

MOVEMENTS = "/admin/treasury/treasurymovement/"
ASSETS = "/admin/treasury/asset/"
STATEMENTS = "/admin/treasury/statementbalance/"
LISTS = (
    MOVEMENTS,
    ASSETS,
    STATEMENTS,
    "/admin/treasury/valuation/",
    "/admin/treasury/coverage/",
    "/admin/treasury/productcoverage/",
)


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    cache.clear()


@pytest.fixture
def desk(ana: Any, omar: Any, lin: Any) -> Desk:
    """These pages read the clock, so the ledger's day is today's."""
    made = Desk(ana=ana, omar=omar, lin=lin)
    made.deposit("1000")
    made.fund("1000")
    return made


@pytest.fixture
def as_omar(client: Client, omar: Any) -> Client:
    enter(client, omar)
    return client


def paper(reference: str = "R-1") -> dict[str, Any]:
    document = SimpleUploadedFile("advice.pdf", b"%PDF advice", content_type="application/pdf")
    return {"source": "Bank of Cotonou", "reference": reference, "document": document, "reason": "as advised"}


def hidden(text: str) -> dict[str, str]:
    """The hidden fields of a page's form."""
    found = {}
    for tag in re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", text):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and name[1] != "csrfmiddlewaretoken":
            found[name[1]] = value[1] if value else ""
    return found


def figures(answer: Any) -> dict[str, str]:
    return dict(answer.context["figures"])


def ask(client: Client, address: str, given: dict[str, Any]) -> tuple[dict[str, str], Any]:
    """Fill in a page and confirm it; return the figures and the answer."""
    shown = client.post(address, given)
    assert shown.status_code == 200, shown.content
    assert "figures" in shown.context, shown.context["form"].errors
    return figures(shown), client.post(address, {**hidden(shown.content.decode()), "_step": "confirm"})


def test_every_list_shows_to_who_may_see_and_to_nobody_else(desk: Desk, client: Client, omar: Any, eve: Any) -> None:
    worked_example(desk)
    desk.cover(cover())
    enter(client, omar)
    for address in LISTS:
        answer = client.get(address)
        assert answer.status_code == 200
        for row in answer.context["cl"].queryset:
            assert client.get(f"{address}{row.pk}/change/").status_code == 200
    for stranger in (make_officer("Sam", "support"), make_officer("Mo", "moderator")):
        enter(client, stranger)
        for address in LISTS:
            assert client.get(address).status_code == 403
    enter(client, eve)
    for address in LISTS:
        assert client.get(address).status_code == 302


def test_the_asset_shows_income_beside_cost(desk: Desk, as_omar: Client) -> None:
    asset = worked_example(desk)
    text = as_omar.get(ASSETS).content.decode()
    assert "150.00 on 4,500.00 USD" in text
    assert "4,400.00 USD" in text
    page = as_omar.get(f"{ASSETS}{asset.pk}/change/").content.decode()
    assert "Sika Oil Mill SA" in page


def test_lists_take_the_same_queries_for_many_rows(
    desk: Desk, as_omar: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        desk.asset(f"Loan {number}")
        desk.do(services.request_pay_in_capital, cash="bank", amount="1", currency="USD", counterparty=PARENT)
        desk.state("1000")
    for address in (ASSETS, MOVEMENTS, STATEMENTS):
        with django_assert_max_num_queries(14):
            assert as_omar.get(address).status_code == 200


def test_deploy_shows_balances_and_coverage_before_and_after(desk: Desk, as_omar: Client) -> None:
    desk.state("1000")
    asset = desk.asset()
    address = f"{ASSETS}{asset.pk}/do/deploy/"
    assert as_omar.get(address).status_code == 200
    given = {"place": "bank|USD", "amount": "600", "counterparty": "Mill", "country": "BJ", "relation": "unrelated"}
    shown, answer = ask(as_omar, address, {**given, **paper()})
    assert shown["cash:bank USD"] == "1,000.00 USD becomes 400.00 USD"
    assert shown["deployed:product:basic USD"] == "0.00 USD becomes 600.00 USD"
    assert shown["Coverage USD"] == "100.0000 % becomes 40.0000 %"
    assert shown["Coverage counts it"] == "once a valuation confirms it"
    assert shown["Counterparty"] == "Mill, BJ, unrelated"
    assert answer.status_code == 302
    request = ApprovalRequest.objects.get(verb="treasury.deploy")
    assert (request.status, request.requested_by, request.document_name) == ("requested", desk.omar, "advice.pdf")
    assert not TreasuryMovement.objects.exists()


def test_a_refusal_is_shown_on_the_page_and_nothing_is_asked(desk: Desk, as_omar: Client, exits_wait: None) -> None:
    asset = desk.asset()
    given = {"place": "bank|USD", "amount": "600", "counterparty": "Mill", "country": "BJ", "relation": "unrelated"}
    answer = as_omar.post(f"{ASSETS}{asset.pk}/do/deploy/", {**given, **paper()})
    assert answer.status_code == 409
    assert "wait for their money" in answer.content.decode()
    assert not ApprovalRequest.objects.exists()


def test_every_verb_without_a_row_can_be_asked_for_from_its_page(desk: Desk, as_omar: Client, eve: Any) -> None:
    asset = desk.asset()
    desk.do(services.request_deploy, asset=asset.pk, cash="bank", amount="500", counterparty=MILL)
    desk.do(services.request_write_down, asset=asset.pk, amount="100")
    desk.do(services.request_pay_in_capital, cash="bank", amount="900", currency="USD", counterparty=PARENT)
    desk.do(services.request_bank_interest, cash="bank", amount="50", currency="USD")
    desk.do(services.request_fund_pool, scope=BASIC, amount="400", currency="USD")
    desk.do(services.request_cash_surplus, cash="bank", amount="30", currency="USD")
    desk.deposit("20")
    desk.cover(cover(owed=Decimal(1), accrued=Decimal(1), mean_accrual=Decimal(1)))
    party = {"counterparty": "Holding", "country": "FR", "relation": "owner"}
    bank = {"place": "bank|USD"}
    given: dict[type[pages.Movement], dict[str, Any]] = {
        pages.PayInCapital: {"cash": "newbank", "currency": "USD", **party},
        pages.TakeOutCapital: {**bank, **party},
        pages.FundPool: {"place": f"{BASIC}|USD"},
        pages.ReleasePool: {"place": f"{BASIC}|USD"},
        pages.MakeGood: {"place": f"{BASIC}|USD", "purse": "capital"},
        pages.SweepFees: {**bank, "purse": "fees"},
        pages.ProviderCost: bank,
        pages.CashMove: {**bank, "to_cash": "reserve"},
        pages.BankInterest: bank,
        pages.CashMissing: bank,
        pages.CashSurplus: {"cash": "custodian", "currency": "USD"},
        pages.SuspenseAllot: {**bank, "investor": eve.referral_code},
        pages.SuspenseReturn: bank,
        pages.GiveGoodwill: {"currency": "USD", "purse": "fees", "investor": eve.referral_code},
        pages.TakeBackCredit: {**bank, "investor": desk.ana.referral_code},
    }
    assert {page for _, _, family in pages.MENU for page in family} == set(given)
    before = ApprovalRequest.objects.count()
    for number, (page, asked) in enumerate(given.items(), 1):
        address = f"{MOVEMENTS}do/{page.slug()}/"
        assert as_omar.get(address).status_code == 200
        shown, answer = ask(as_omar, address, {**asked, "amount": "10", **paper(f"PAGE-{number}")})
        assert "becomes" in shown["Coverage USD"]
        assert answer.status_code == 302
        assert ApprovalRequest.objects.count() == before + number
        desk.approve(ApprovalRequest.objects.latest("id"))


def test_every_verb_of_an_asset_can_be_asked_for_from_its_page(desk: Desk, as_omar: Client) -> None:
    asset = desk.asset()
    desk.do(services.request_deploy, asset=asset.pk, cash="bank", amount="500", counterparty=MILL)
    desk.do(services.request_write_down, asset=asset.pk, amount="100")
    party = {"counterparty": "Mill", "country": "BJ", "relation": "unrelated"}
    given: dict[type[pages.Movement], dict[str, Any]] = {
        pages.Divest: {"place": "bank|USD", **party},
        pages.RecordIncome: {"place": "bank|USD", "income_basis": "coupon", **party},
        pages.WriteDown: {},
        pages.WriteUp: {},
    }
    for number, (page, asked) in enumerate(given.items(), 1):
        address = f"{ASSETS}{asset.pk}/do/{page.slug()}/"
        assert as_omar.get(address).status_code == 200
        _, answer = ask(as_omar, address, {**asked, "amount": "10", **paper(f"PAGE-{number}")})
        assert answer.status_code == 302
        desk.approve(ApprovalRequest.objects.latest("id"))
    assert {page.verb for page in (*given, pages.Deploy)} | {
        page.verb for _, _, family in pages.MENU for page in family
    } == set(Verb) - {Verb.REVERSE}


def test_an_asset_is_opened_and_valued(desk: Desk, as_omar: Client) -> None:
    _, answer = ask(as_omar, f"{ASSETS}do/open-asset/", {"place": f"{BASIC}|USD", "name": "Shea warehouse"})
    assert answer.status_code == 302
    asset = Asset.objects.get(name="Shea warehouse")
    day = timezone.now().date() - timedelta(days=1)
    given = {"valued_on": day.isoformat(), "amount": "80", **paper("VAL-1")}
    shown, answer = ask(as_omar, f"{ASSETS}{asset.pk}/do/value-asset/", given)
    assert shown["value of Shea warehouse"] == "0.00 USD becomes 80.00 USD"
    desk.approve(ApprovalRequest.objects.latest("id"))
    assert Valuation.objects.get().valued_on == day


def test_a_statement_is_recorded_with_what_it_does_to_coverage(desk: Desk, as_omar: Client) -> None:
    given = {"place": "bank|USD", "day": desk.day.isoformat(), "amount": "990", **paper("STMT-1")}
    shown, answer = ask(as_omar, f"{STATEMENTS}do/record-statement-balance/", given)
    assert shown["statement of bank"] == "0.00 USD becomes 990.00 USD"
    assert shown["Coverage USD"] == "0.0000 % becomes 99.0000 %"
    assert answer.status_code == 302


def test_a_reversal_is_asked_for_from_the_movement(desk: Desk, as_omar: Client) -> None:
    movement = desk.do(services.request_bank_interest, cash="bank", amount="80", currency="USD")
    page = f"{MOVEMENTS}{movement.pk}/change/"
    address = f"{MOVEMENTS}{movement.pk}/do/reverse-movement/"
    assert address in as_omar.get(page).content.decode()
    shown, answer = ask(as_omar, address, paper("REV-1"))
    assert shown["fees USD"] == "80.00 USD becomes 0.00 USD"
    assert answer.status_code == 302
    desk.approve(ApprovalRequest.objects.latest("id"))
    assert address not in as_omar.get(page).content.decode()


def test_who_may_only_see_is_offered_nothing_and_refused(desk: Desk, client: Client, ada: Any) -> None:
    asset = desk.asset()
    movement = desk.do(services.request_bank_interest, cash="bank", amount="80", currency="USD")
    enter(client, ada)
    assert "/do/" not in client.get(MOVEMENTS).content.decode()
    assert "/do/" not in client.get(ASSETS).content.decode()
    for address in (
        f"{ASSETS}{asset.pk}/do/deploy/",
        f"{ASSETS}do/open-asset/",
        f"{ASSETS}{asset.pk}/do/value-asset/",
        f"{STATEMENTS}do/record-statement-balance/",
        f"{MOVEMENTS}{movement.pk}/do/reverse-movement/",
        f"{MOVEMENTS}do/pay-in-capital/",
    ):
        assert client.get(address).status_code == 403
        assert client.post(address, {}).status_code == 403


def test_approvers_see_what_the_figures_are_now(desk: Desk, client: Client, omar: Any, lin: Any) -> None:
    """Two requests wait; the first one carried out changes what the second one will find."""
    enter(client, omar)
    address = f"{MOVEMENTS}do/pay-in-capital/"
    party = {"counterparty": "Holding", "country": "FR", "relation": "owner"}
    for reference in ("R-1", "R-2"):
        ask(client, address, {"amount": "100", "currency": "USD", "cash": "bank", **party, **paper(reference)})
    first, second = ApprovalRequest.objects.filter(verb="treasury.pay_in_capital", status="requested").order_by("pk")
    enter(client, lin)
    page = f"/admin/oversight/approvalrequest/{second.pk}/change/"
    assert "(when asked)" not in client.get(page).content.decode()
    oversight.approve(first.pk, by=lin, now=timezone.now())
    shown = client.get(page).content.decode()
    assert "0.00 USD becomes 100.00 USD (when asked); now 100.00 USD becomes 200.00 USD" in shown
    oversight.approve(second.pk, by=lin, now=timezone.now())
    assert "(when asked)" not in client.get(page).content.decode()


@pytest.mark.parametrize(("meanwhile", "approved"), [("a deposit", True), ("a loss", False)])
def test_an_approver_isnt_shown_again_what_drifts_with_traffic(
    desk: Desk, client: Client, lin: Any, meanwhile: str, approved: bool
) -> None:
    """The bank and the coverage move with each deposit; what the asset stands at decides."""
    asset = desk.deployed("600")
    given = {"asset": asset.pk, "cash": "bank", "counterparty": MILL}
    request = desk.ask(services.request_divest, amount="100", now=timezone.now(), **given)
    enter(client, lin)
    address = f"/admin/oversight/approvalrequest/{request.pk}/do/approve/"
    shown = client.post(address, {"note": "", "_step": "preview"}).content.decode()
    if meanwhile == "a deposit":
        desk.deposit("50")
    else:
        desk.do(services.request_divest, amount="10", **given)
    again = client.post(address, {**hidden(shown), "_step": "confirm"})
    request.refresh_from_db()
    assert (request.status == "approved") is approved
    assert (again.status_code, b"The figures have changed" in again.content) == (
        (302, False) if approved else (200, True)
    )


def test_coverage_shows_its_figures_and_its_trend(desk: Desk, as_omar: Client) -> None:
    worked_example(desk)
    desk.cover(cover())
    desk.cover(cover())
    answer = as_omar.get("/admin/treasury/coverage/")
    assert "<svg" in answer.context["trend"] and "01 Jun" in answer.context["trend"]
    assert answer.context["trend"] in answer.content.decode()
    row = Coverage.objects.last()
    assert row is not None
    page = as_omar.get(f"/admin/treasury/coverage/{row.pk}/change/").content.decode()
    assert "unconfirmed deployed" in page
    product = ProductCoverage.objects.last()
    assert product is not None
    assert "above the ceiling" in as_omar.get(f"/admin/treasury/productcoverage/{product.pk}/change/").content.decode()


def test_nothing_is_added_changed_or_removed_here(desk: Desk, as_omar: Client) -> None:
    asset = desk.asset()
    assert as_omar.get(f"{ASSETS}add/").status_code == 403
    assert as_omar.post(f"{ASSETS}{asset.pk}/change/", {"name": "Mine"}).status_code == 403
    assert as_omar.post(f"{ASSETS}{asset.pk}/delete/", {"post": "yes"}).status_code == 403
    asset.refresh_from_db()
    assert asset.name == "Oil mill loan"
