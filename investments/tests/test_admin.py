"""The console's pages: each is shown, and each deed shows its figures before it is done."""

from __future__ import annotations

import html
import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import transaction
from django.test import Client

from investments import accrual, partitions, services
from investments.models import ExitRequest, Position, Product, ProductVersion
from investments.tests.closing import after, close
from investments.tests.worlds import available
from oversight.models import ApprovalRequest
from tests.people import enter

LISTS = ("product", "position", "settlementrun", "correction", "accrualadjustment", "exitrequest", "rateceiling")


@pytest.fixture(autouse=True)
def clock(world):
    cache.clear()
    with time_machine.travel(world.now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def officer(world) -> Any:
    client = Client()
    enter(client, world.officers[0])
    return client


def hidden(text: str) -> dict[str, str]:
    """The hidden fields of a page's form."""
    found = {}
    for tag in re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", text):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and name[1] != "csrfmiddlewaretoken":
            found[name[1]] = html.unescape(value[1]) if value else ""
    return found


def do(client: Client, row: Any, page: str, **fields: Any) -> tuple[str, Any]:
    """Fill a page's form, look at the figures, confirm; return both pages."""
    address = f"/admin/investments/{row._meta.model_name}/{row.pk}/do/{page}/"
    assert client.get(address).status_code == 200
    preview = client.post(address, {**fields, "_step": "preview"})
    text = preview.content.decode()
    assert "What will happen" in text, text[:3000]
    return text, client.post(address, {**fields, **hidden(text), "_step": "confirm"})


@pytest.mark.parametrize("model", LISTS)
def test_every_list_is_shown(officer, world, investor, model):
    position = world.open(investor, "basic", "300")
    world.put_to_work("basic", "300")
    services.withdraw(position.pk, owner=investor, amount=Decimal(100), now=world.now)
    assert officer.get(f"/admin/investments/{model}/").status_code == 200


@pytest.mark.parametrize("model", LISTS)
def test_an_investor_sees_none_of_it(world, investor, model):
    client = Client()
    enter(client, investor)
    assert client.get(f"/admin/investments/{model}/").status_code == 302


def test_a_product_is_badged_above_the_ceiling(officer, world):
    page = officer.get("/admin/investments/product/").content.decode()
    assert page.count("above the ceiling") == 4
    detail = officer.get(f"/admin/investments/product/{world.product('basic').pk}/change/").content.decode()
    assert "300 %" in detail and "Reference tier of the catalogue" in detail


def test_a_position_shows_terms_events_and_what_it_earned(officer, world, investor):
    position = world.open(investor, "basic", "300")
    page = officer.get(f"/admin/investments/position/{position.pk}/change/")
    text = page.content.decode().lower()
    assert page.status_code == 200
    assert "(&#x27;" not in page.content.decode(), "a badge's tuple on a page that has no badges"
    for said in ("300.00 usd", "accrued, not due", "last settlements", "above the rate ceiling"):
        assert said in text, said


def test_suspending_and_releasing_asks_first(officer, world, investor):
    position = world.open(investor, "basic", "300")
    text, done = do(officer, position, "suspend", reason="A question")
    assert "300.00 USD" in text and done.status_code == 302
    assert Position.objects.get().status == "suspended"
    do(officer, position, "release", reason="Answered")
    assert Position.objects.get().status == "active"


def test_a_get_changes_nothing(officer, world, investor):
    position = world.open(investor, "basic", "300")
    officer.get(f"/admin/investments/position/{position.pk}/do/suspend/")
    assert Position.objects.get().status == "active"


def test_a_reversal_is_asked_for_and_waits(officer, world, investor):
    position = world.open(investor, "basic", "300")
    event = position.events.get(verb="fund")
    text, done = do(officer, position, "reverse-posting", event=str(event.pk), reason="Booked twice")
    assert "Principal then" in text and done.status_code == 302
    assert ApprovalRequest.objects.filter(verb="reverse_position_posting", status="requested").count() == 1
    assert (Position.objects.get().principal, available(investor)) == (300, 0)


def test_a_day_that_differs_from_its_terms_is_offered_and_asked_for(officer, world, investor, clock):
    position = world.open(investor, "basic", "100")
    with transaction.atomic():
        partitions.make_partitions(world.day)
    ahead = date(2026, 6, 2)
    accrual.accrue_day(ahead, now=after(ahead))
    world.pay_in(investor, "30")
    services.fund_position(position.pk, owner=investor, amount=Decimal(30), now=world.now)
    close(world, 2)
    clock.move_to(world.now)
    enter(officer, world.officers[0])
    page = officer.get(f"/admin/investments/position/{position.pk}/change/").content.decode()
    shown = re.sub(r"<[^>]*>|\s+", " ", page)
    assert re.search(r"2026-06-02 +0\.833333333333333333 +1\.083333333333333333 +\+0\.25 ", shown), shown
    assert "Bring a day to its terms" in shown
    form = officer.get(f"/admin/investments/position/{position.pk}/do/adjust-day/").content.decode()
    assert re.search(r'<input[^>]*name="day"[^>]*value="2026-06-02"', form) is not None
    preview, done = do(officer, position, "adjust-day", day="2026-06-02", reason="accrued ahead")
    assert "100.00 USD → 130.00 USD: +0.25 USD" in preview
    request = ApprovalRequest.objects.get(verb="adjust_returns")
    assert (done.status_code, request.status, request.payload["lines"][0]["amount"]) == (
        302,
        "requested",
        "0.250000000000000000",
    )
    address = f"/admin/investments/position/{position.pk}/do/adjust-day/"
    refused = officer.post(address, {"day": "2026-06-01", "reason": "why", "_step": "preview"})
    assert "No day would change" in refused.content.decode()
    world.approve(request)
    page = officer.get(f"/admin/investments/position/{position.pk}/change/").content.decode()
    assert "+0.25" not in page


def test_a_version_is_drafted_and_its_activation_asked_for(officer, world):
    product = world.product("vip0")
    address = f"/admin/investments/product/{product.pk}/do/draft-version/"
    form = officer.get(address).context["form"]
    fields = {name: "" if value is None else value for name, value in form.initial.items()}
    fields = {name: value for name, value in fields.items() if value is not False}
    text, done = do(officer, product, "draft-version", **{**fields, "rate": "0.002", "minimum": "5000"})
    assert "above the ceiling" in text and done.status_code == 302, done.content.decode()[:2000]
    draft = ProductVersion.objects.get(product=product, number=2)
    assert (draft.status, draft.minimum, draft.rate) == ("draft", 5000, Decimal("0.002"))

    refused = officer.post(
        f"/admin/investments/product/{product.pk}/do/activate-version/",
        {"justification": "", "reason": "More", "_step": "preview"},
    )
    text, done = do(officer, product, "activate-version", justification="A trial", reason="More")
    assert refused.status_code == 200 and "Approvals needed" in text and done.status_code == 302
    assert ProductVersion.objects.get(pk=draft.pk).status == "pending_approval"
    assert ApprovalRequest.objects.get(verb="activate_product_version", status="requested").approvals == 2


def test_a_product_is_taken_off_by_two(officer, world):
    text, _ = do(officer, world.product("vip0"), "retire-product", reason="Enough")
    assert "Open positions" in text
    request = ApprovalRequest.objects.get(verb="retire_product")
    world.approve(request)
    assert not Product.objects.on_offer().filter(code="vip0").exists()


def test_the_ceiling_is_asked_for_from_its_list(officer, world):
    address = "/admin/investments/rateceiling/do/set-ceiling/"
    text = officer.post(address, {"rate": "0.05", "reason": "Sober", "_step": "preview"}).content.decode()
    assert "VIP0" in text and "5 %" in text
    officer.post(address, {"rate": "0.05", "reason": "Sober", **hidden(text), "_step": "confirm"})
    world.approve(ApprovalRequest.objects.get(verb="set_rate_ceiling"))
    page = officer.get("/admin/investments/product/").content.decode()
    assert page.count("above the ceiling") == 12


def test_the_line_is_paid_from_its_page(officer, world, investor):
    position = world.open(investor, "basic", "300")
    world.put_to_work("basic", "300")
    services.withdraw(position.pk, owner=investor, amount=Decimal(100), now=world.now)
    world.bring_back("basic", "300")
    text, _ = do(officer, ExitRequest.objects.get(), "pay-line")
    assert "1, 100.00 USD" in text
    assert available(investor) == 100
