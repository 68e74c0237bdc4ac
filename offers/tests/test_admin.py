"""The console of offers: each page is shown, offers what the state allows, and says in figures what it will do."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from offers import services
from offers.models import Offer, OfferDeed, OfferInvestment
from offers.tests.worlds import World, broken, wallet
from oversight.models import ApprovalRequest
from tests.endpoints import rows_of_everything
from tests.people import enter, make_officer

PAGES = ("edit-draft", "publish", "change-live", "pause", "resume", "close", "distribute", "share-loss", "fail")
OFFERED = {
    "draft": {"edit-draft", "publish"},
    "live": {"change-live", "pause", "close", "fail"},
    "paused": {"change-live", "resume", "close", "fail"},
    "closed": {"fail"},
    "matured": set(),
    "failed": set(),
}
DRAFTS = {"edit-draft", "publish", "distribute", "share-loss", "fail"}  # what finance alone may ask for


@pytest.fixture
def world(transactional_db: None, kept: Any) -> World:
    made: World = kept.of(World)
    return made


@pytest.fixture(autouse=True)
def clock(world: World) -> Iterator[Any]:
    with time_machine.travel(world.now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def officer(world: World) -> Client:
    return entered(world.officers[0])


def entered(person: Any) -> Client:
    client = Client()
    enter(client, person)
    return client


def in_state(world: World, clock: Any, status: str) -> Offer:
    """An offer of 300, 300 and 400 in this state; drafts have none."""
    if status == "draft":
        return world.draft()
    offer = world.offer()
    for name, amount in (("Ana", "300"), ("Kofi", "300"), ("Zoe", "400")):
        world.invest(world.investor(name, offer), offer, amount)
    steer = {"by": world.officers[0], "reason": "as agreed"}
    if status == "paused":
        services.pause_offer(offer.pk, now=world.now, **steer)
    if status == "failed":
        world.approve(services.request_failure(offer.pk, now=world.now, **steer))
    if status in ("closed", "matured"):
        world.later()
        clock.move_to(world.now)
        services.close_offer(offer.pk, now=world.now, **steer)
    if status == "matured":
        services.mature_offer(offer.pk, on=offer.maturity_date, now=world.now)
    return Offer.objects.get(pk=offer.pk)


def hidden(text: str) -> dict[str, str]:
    """The hidden fields of a page's form."""
    found = {}
    for tag in re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", text):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and name[1] != "csrfmiddlewaretoken":
            found[name[1]] = html.unescape(value[1]) if value else ""
    return found


def plain(text: str) -> str:
    """What a page says, without its tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def do(client: Client, address: str, **fields: Any) -> tuple[str, Any]:
    """Fill a page's form, look at the figures, confirm; return the figures' text and the answer."""
    assert client.get(address).status_code == 200
    text = client.post(address, {**fields, "_step": "preview"}).content.decode()
    assert "What will happen" in text, plain(text)
    return plain(text), client.post(address, {**fields, **hidden(text), "_step": "confirm"})


def page(offer: Offer, name: str) -> str:
    return f"/admin/offers/offer/{offer.pk}/do/{name}/"


def form(**changes: Any) -> dict[str, str]:
    """What an officer types."""
    return {
        "code": "mill",
        "name": "Mill",
        "description": "A mill.",
        "currency": "AED",
        "max_amount": "2000",
        "minimum_ticket": "100",
        "maximum_ticket": "",
        "target": "700",
        "funding": "keep_what_came",
        "deadline": "2026-07-01",
        "maturity_date": "2027-07-01",
        "expected_return": "0.08",
        "return_basis": "of the principal in a year",
        "risk_class": "5",
        "kyc_level": "1",
        "disclosure": "You may lose all of it.",
        "disclosure_version": "2026-06",
        "metadata": "",
        **changes,
    }


@pytest.mark.parametrize("status", OFFERED)
def test_an_offers_page_offers_what_its_state_allows(world: World, clock: Any, officer: Client, status: str) -> None:
    offer = in_state(world, clock, status)
    officer = entered(world.officers[0])
    text = officer.get(f"/admin/offers/offer/{offer.pk}/change/").content.decode()
    assert {name for name in PAGES if page(offer, name) in text} == OFFERED[status]
    before = rows_of_everything()
    for name in set(PAGES) - OFFERED[status]:
        assert officer.get(page(offer, name)).status_code == 302, name
    assert {**rows_of_everything(), "django_session": ""} == {**before, "django_session": ""}


def test_nothing_is_shared_where_there_is_nothing_to_share(world: World, clock: Any) -> None:
    """Income is distributed once some is in the pool, also after the end; a loss once one is written down."""
    closed = in_state(world, clock, "closed")
    officer = entered(world.officers[0])

    def offered() -> set[str]:
        text = officer.get(f"/admin/offers/offer/{closed.pk}/change/").content.decode()
        return {name for name in ("distribute", "share-loss") if page(closed, name) in text}

    assert offered() == set()
    world.fill_pool(closed, "10")
    assert offered() == {"distribute"}
    world.put_to_work(closed, "100")
    world.write_down(closed, "100")
    assert offered() == {"distribute", "share-loss"}
    given = {"by": world.officers[0], "reason": "as agreed", "now": world.now}
    world.approve(services.request_loss(closed.pk, amount=Decimal(100), **given))
    assert offered() == {"distribute"}
    world.approve(services.request_distribution(closed.pk, amount=Decimal(10), **given))
    services.mature_offer(closed.pk, on=closed.maturity_date, now=world.now)
    assert offered() == set()
    world.fill_pool(closed, "10")
    assert offered() == {"distribute"}


@pytest.mark.parametrize("role", ["compliance", "finance", "administrator", "support", "moderator"])
def test_each_role_finds_its_pages(world: World, clock: Any, role: str) -> None:
    live, person = world.offer(), make_officer("Sam", role)
    client = entered(person)
    sees, steers = role != "moderator", role in {"compliance", "finance"}
    assert client.get("/admin/offers/offer/").status_code == (200 if sees else 403)
    assert client.get(f"/admin/offers/offer/{live.pk}/change/").status_code == (200 if sees else 403)
    assert client.get("/admin/offers/offerinvestment/").status_code == (200 if sees else 403)
    assert client.get("/admin/offers/offerdeed/").status_code == (200 if sees and role != "support" else 403)
    assert client.get("/admin/offers/offer/do/draft-offer/").status_code == (200 if role == "finance" else 403)
    for name in PAGES:
        may = role == "finance" if name in DRAFTS else steers
        assert (client.get(page(live, name)).status_code != 403) is may, name


def test_an_investor_sees_none_of_it(world: World, offer: Offer) -> None:
    client = entered(world.investor("Ana", offer))
    for address in ("/admin/offers/offer/", f"/admin/offers/offer/{offer.pk}/change/", page(offer, "pause")):
        assert client.get(address).status_code == 302


def test_drafting_editing_and_publishing(world: World, officer: Client) -> None:
    text, done = do(officer, "/admin/offers/offer/do/draft-offer/", **form())
    assert done.status_code == 302 and "2,000.00 AED" in text and "keep what came" in text
    draft = Offer.objects.get()
    assert (draft.status, draft.max_amount, draft.metadata, draft.maximum_ticket) == ("draft", 2000, {}, None)
    terms = form(target="800", metadata='{"berths": 4}')
    del terms["code"]
    text, _ = do(officer, page(draft, "edit-draft"), **terms)
    draft.refresh_from_db()
    assert "800.00 AED" in text and (draft.target, draft.metadata) == (800, {"berths": 4})
    text, done = do(officer, page(draft, "publish"), reason="as agreed")
    assert "another officer must approve" in text and done.status_code == 302
    request = ApprovalRequest.objects.get(verb="offers.publish")
    draft.refresh_from_db()
    assert (request.status, draft.status) == ("requested", "draft")
    shown = officer.get(f"/admin/offers/offer/{draft.pk}/change/").content.decode()
    assert page(draft, "publish") not in shown and "its publication waits for another officer" in plain(shown)
    assert officer.get(page(draft, "publish")).status_code == 302
    do(officer, page(draft, "edit-draft"), **terms | {"target": "900"})
    shown = officer.get(f"/admin/offers/offer/{draft.pk}/change/").content.decode()
    assert page(draft, "publish") in shown, "what waits is of other terms: approved, it would be void"
    do(officer, page(draft, "edit-draft"), **terms)
    world.approve(request)
    draft.refresh_from_db()
    assert draft.status == "live"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"target": "2000.01"}, "The target is above nothing and at most the cap."),
        ({"metadata": "[1]"}, "Metadata is an object"),
        ({"metadata": '{"a": 0.5}'}, "written as a string"),
        ({"maturity_date": "2026-07-01"}, "It matures after its deadline."),
        ({"currency": "ZZZ"}, "ZZZ is not one of the available choices."),
    ],
)
def test_terms_that_make_no_offer_are_refused_on_the_page(
    world: World, officer: Client, wrong: dict[str, str], words: str
) -> None:
    address, fields = "/admin/offers/offer/do/draft-offer/", form(**wrong)
    text = officer.post(address, {**fields, "_step": "preview"}).content.decode()
    answer = officer.post(address, {**fields, **hidden(text), "_step": "confirm"})
    assert words in plain(answer.content.decode())
    assert not Offer.objects.exists()


def test_a_draft_is_edited_as_it_was_typed_and_says_what_it_has_not(world: World, officer: Client) -> None:
    draft = world.draft(expected_return=Decimal("0.0725"))
    shown = officer.get(page(draft, "edit-draft")).content.decode()
    assert 'value="1000"' in shown and 'value="0.0725"' in shown and "0000000" not in shown
    text = plain(officer.get(f"/admin/offers/offer/{draft.pk}/change/").content.decode())
    assert text.count("Nothing yet.") == 2 and "to the cap" in text and "7.25 %" in text


def test_an_offers_page_says_what_waits_and_which_sheets_were_accepted(
    world: World, clock: Any, officer: Client
) -> None:
    offer = in_state(world, clock, "live")
    services.request_failure(offer.pk, by=world.officers[0], reason="the site is lost", now=world.now)
    text = plain(officer.get(f"/admin/offers/offer/{offer.pk}/change/").content.decode())
    assert f"gets their money back waiting, asked by {world.officers[0]}" in text
    assert "Reserved 3 of 1,000.00 AED" in text and "the target is 500.00 AED" in text
    assert "accepted by 3" in text and "Back to the list" in text


def test_an_offers_page_says_how_many_requests_it_leaves_out(world: World, clock: Any, officer: Client) -> None:
    offer = in_state(world, clock, "live")
    asked = partial(services.request_failure, offer.pk, by=world.officers[0], reason="again", now=world.now)
    address = f"/admin/offers/offer/{offer.pk}/change/"
    for _ in range(9):
        asked()
    assert "and more" not in officer.get(address).content.decode()
    asked()
    assert "and more 1" in plain(officer.get(address).content.decode())


def test_an_investment_is_found_by_its_investor(world: World, offer: Offer, officer: Client) -> None:
    ana, kofi = world.investor("Ana", offer), world.investor("Kofi", offer)
    world.invest(ana, offer, "600")
    for person, found in ((ana, True), (kofi, False)):
        text = officer.get("/admin/offers/offerinvestment/", {"q": person.referral_code}).content.decode()
        assert ("/change/" in text.partition("result_list")[2]) is found


def test_a_higher_cap_says_who_comes_first_and_serves_them(world: World, offer: Offer, officer: Client) -> None:
    world.invest(world.investor("Ana", offer), offer, "1000")
    waiting = world.invest(world.investor("Zoe", offer), offer, "300", join_waiting_list=True)
    shown = plain(officer.get(f"/admin/offers/offer/{offer.pk}/change/").content.decode())
    assert f"1. {waiting.investor}" in shown
    fields = {"max_amount": "1200", "description": offer.description, "metadata": ""}
    text, done = do(officer, page(offer, "change-live"), **fields)
    assert "1,000.00 AED, then 1,200.00 AED" in text and "1: they come first" in text
    waiting.refresh_from_db()
    assert done.status_code == 302 and (waiting.status, waiting.accepted_amount) == ("reserved", 200)


def test_a_cap_under_what_is_committed_is_refused_on_the_page(world: World, offer: Offer, officer: Client) -> None:
    world.invest(world.investor("Ana", offer), offer, "600")
    _, refused = do(officer, page(offer, "change-live"), max_amount="599", description="x", metadata="")
    assert refused.status_code == 422 and "can&#x27;t be less than what is committed" in refused.content.decode()
    offer.refresh_from_db()
    assert (offer.max_amount, offer.description) == (1000, "A cold store beside the fishing harbour.")


def test_pausing_resuming_and_closing(world: World, clock: Any, offer: Offer, officer: Client) -> None:
    world.invest(world.investor("Ana", offer), offer, "600")
    states = []
    for name, said in (("pause", "Live, then paused"), ("resume", "Paused, then live")):
        text, _ = do(officer, page(offer, name), reason="as agreed")
        assert f"State {said}" in text and "Target 500.00 AED" in text, text
        states.append(Offer.objects.get().status)
    _, refused = do(officer, page(offer, "close"), reason="full")
    assert refused.status_code == 409 and states == ["paused", "live"] and Offer.objects.get().status == "live"
    world.later()
    clock.move_to(world.now)
    officer = entered(world.officers[0])
    text, _ = do(officer, page(offer, "close"), reason="full")
    assert "600.00 AED of 1,000.00 AED" in text and Offer.objects.get().status == "closed"


def test_a_distribution_is_shown_to_the_unit_before_it_is_asked_for(world: World, clock: Any) -> None:
    closed = in_state(world, clock, "closed")
    officer = entered(world.officers[0])
    world.fill_pool(closed, "100")
    text, done = do(officer, page(closed, "distribute"), amount="10.01", reason="rent")
    zoe = OfferInvestment.objects.select_related("investor").get(requested_amount=400)
    for said in (
        "Income in the pool 100.00 AED",
        "3 investments of 1,000.00 AED",
        "3.00 AED to 4.01 AED",
        "Investors",
        f"{zoe.investor}: 4.01 AED of 400.00 AED",
    ):
        assert said in text, text
    assert done.status_code == 302 and not OfferDeed.objects.exists()
    world.approve(ApprovalRequest.objects.get(verb="offers.distribute"))
    deed = OfferDeed.objects.get()
    shown = officer.get(f"/admin/offers/offerdeed/{deed.pk}/change/").content.decode()
    assert "10.01 AED" in shown and "4.01 AED" in shown and "Distribute income" in shown
    text = officer.get(f"/admin/offers/offer/{closed.pk}/change/").content.decode()
    assert "89.99 AED" in text and f"/admin/offers/offerdeed/{deed.pk}/change/" in text
    text = plain(officer.get(f"/admin/offers/offerinvestment/{zoe.pk}/change/").content.decode())
    assert "distribution 4.01 AED" in text and "Investment " in text
    assert broken() == []


def test_a_loss_is_asked_for_and_no_more_than_is_written_down(world: World, clock: Any) -> None:
    closed = in_state(world, clock, "closed")
    officer = entered(world.officers[0])
    world.put_to_work(closed, "500")
    world.write_down(closed, "100")
    asked = {"reason": "fire", "_step": "preview"}
    refused = officer.post(page(closed, "share-loss"), {"amount": "100.01", **asked})
    assert "Written down and not shared yet are 100.00 AED." in refused.content.decode()
    assert refused.status_code == 422 and not ApprovalRequest.objects.filter(verb="offers.lose").exists()
    text, done = do(officer, page(closed, "share-loss"), amount="100", reason="fire")
    assert "Lost and not shared yet 100.00 AED" in text and done.status_code == 302
    world.approve(ApprovalRequest.objects.get(verb="offers.lose"))
    assert sorted(closed.investments.values_list("principal", flat=True)) == [270, 270, 360]


def test_failing_is_asked_for(world: World, clock: Any, officer: Client) -> None:
    offer = in_state(world, clock, "live")
    text, done = do(officer, page(offer, "fail"), reason="the site is lost")
    assert "Investments 3" in text and done.status_code == 302 and Offer.objects.get().status == "live"
    world.approve(ApprovalRequest.objects.get(verb="offers.fail"))
    ana = OfferInvestment.objects.select_related("investor").earliest("id").investor
    assert Offer.objects.get().status == "failed" and wallet(ana) == (10000, 0)


def test_an_offer_whose_money_is_at_work_is_refused_before_it_is_confirmed(world: World, clock: Any) -> None:
    closed = in_state(world, clock, "closed")
    world.put_to_work(closed, "900")
    asked = {"reason": "the site is lost", "_step": "preview"}
    answer = entered(world.officers[0]).post(page(closed, "fail"), asked)
    text = html.unescape(answer.content.decode())
    assert answer.status_code == 409 and "What will happen" not in text
    assert "The offer's money isn't in the bank: 900.00 AED at work, 0.00 AED lost and not shared yet." in text
    assert not ApprovalRequest.objects.filter(verb="offers.fail").exists()


def test_a_get_changes_nothing(world: World, offer: Offer, officer: Client) -> None:
    world.invest(world.investor("Ana", offer), offer, "600")
    officer.get("/admin/")
    before = rows_of_everything()
    for name in OFFERED["live"]:
        assert officer.get(page(offer, name)).status_code == 200
    for model in ("offer", "offerinvestment", "offerdeed"):
        assert officer.get(f"/admin/offers/{model}/").status_code == 200
    assert rows_of_everything() == before


def test_the_chart_says_each_day(world: World, clock: Any, offer: Offer) -> None:
    ana = world.investor("Ana", offer)
    first = world.invest(ana, offer, "600")
    world.later(timedelta(days=1))
    services.withdraw(first.pk, investor=ana, now=world.now)
    world.invest(world.investor("Kofi", offer), offer, "250")
    clock.move_to(world.now)
    text = entered(world.officers[0]).get(f"/admin/offers/offer/{offer.pk}/change/").content.decode()
    for said in ("31 May\ncommitted 0.00 AED", "01 Jun\ncommitted 600.00 AED", "02 Jun\ncommitted 250.00 AED"):
        assert said in text
    assert "</i>cap" in text


def test_lists_ask_no_more_for_many_rows_than_for_few(world: World, offer: Offer, officer: Client) -> None:
    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as seen:
            assert officer.get(address).status_code == 200
        return len(seen)

    def fill(count: int, prefix: str) -> None:
        for number in range(count):
            another = world.offer(code=f"{prefix}-{number}")
            world.invest(world.investor(f"{prefix} {number}", another), another, "100")

    lists = ("/admin/offers/offer/", "/admin/offers/offerinvestment/")
    fill(1, "few")
    few = [queries(address) for address in lists]
    fill(6, "many")
    assert list(map(queries, lists)) == few
    detail = partial(queries, f"/admin/offers/offer/{offer.pk}/change/")
    world.invest(world.investor("Ana", offer), offer, "100")
    detail()  # What a process asks once is asked.
    one = detail()
    for name in ("Kofi", "Zoe", "Musa"):
        world.invest(world.investor(name, offer), offer, "100")
    assert detail() == one


def test_the_list_of_deeds_asks_no_more_for_many_than_for_one(world: World, clock: Any) -> None:
    closed = in_state(world, clock, "closed")
    world.fill_pool(closed, "100")
    asked, queries = {"by": world.officers[0], "reason": "rent", "now": world.now}, []
    officer = entered(world.officers[0])
    officer.get("/admin/offers/offerdeed/")  # What a process asks once is asked.
    for count in (1, 4):
        while closed.deeds.count() < count:
            world.approve(services.request_distribution(closed.pk, amount=Decimal(1), **asked))
        with CaptureQueriesContext(connection) as seen:
            shown = officer.get("/admin/offers/offerdeed/").content.decode()
        assert len(set(re.findall(r"/offerdeed/([0-9a-f-]{36})/change/", shown))) == count
        queries.append(len(seen))
    assert queries[0] == queries[1]


def test_a_page_is_not_fooled_by_a_decimal(world: World, clock: Any) -> None:
    """An amount finer than the currency is refused where the figures would be shown."""
    closed = in_state(world, clock, "closed")
    world.fill_pool(closed, "100")
    address = page(closed, "distribute")
    answer = entered(world.officers[0]).post(address, {"amount": "0.001", "reason": "rent", "_step": "preview"})
    assert answer.status_code == 422 and "multiple of 0.01" in answer.content.decode()
    assert not ApprovalRequest.objects.filter(verb="offers.distribute").exists()
