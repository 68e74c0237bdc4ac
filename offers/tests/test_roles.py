"""Who may do what: finance and compliance carry an offer to its end, each with one role; nobody else does a thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from offers import services
from offers.models import Offer
from offers.tests.test_admin import do, entered, form, in_state, page
from offers.tests.worlds import World, broken
from oversight.models import ApprovalRequest, AuditEvent
from tests.endpoints import rows_of_everything
from tests.people import make_investor, make_officer, session_with_factor

ROLES = ("investor", "support", "moderator", "compliance", "finance", "administrator")
DECIDE = {"compliance", "finance"}
WHY = {"reason": "as agreed"}
DRAFT_PAGE = "/admin/offers/offer/do/draft-offer/"


@pytest.fixture
def world(transactional_db: None, kept: Any) -> World:
    made: World = kept.of(World)
    return made


@pytest.fixture(autouse=True)
def clock(world: World) -> Iterator[Any]:
    with time_machine.travel(world.now, tick=False) as traveller:
        yield traveller


def person(role: str) -> Any:
    return make_investor("Eve", kyc_level=3) if role == "investor" else make_officer("Sam", role)


def everything() -> dict[str, Any]:
    """All rows but those of sessions, which each page writes."""
    return {**rows_of_everything(), "django_session": ""}


@pytest.mark.parametrize("role", sorted(set(ROLES) - DECIDE))
def test_no_page_of_the_console_does_anything_for_another_role(world: World, clock: Any, role: str) -> None:
    """Not looked at, not filled in, not confirmed; an investor is sent to the log-in."""
    closed = in_state(world, clock, "closed")
    draft, live, paused = world.draft(code="draft"), world.offer(code="live"), world.offer(code="paused")
    services.pause_offer(paused.pk, by=world.officers[0], now=world.now, **WHY)
    world.fill_pool(closed, "10")
    terms = form()
    del terms["code"]
    pages: list[tuple[str, dict[str, Any]]] = [
        (DRAFT_PAGE, form()),
        (page(draft, "edit-draft"), terms),
        (page(draft, "publish"), WHY),
        (page(live, "change-live"), {"max_amount": "1200", "description": "x", "metadata": ""}),
        (page(live, "pause"), WHY),
        (page(live, "close"), WHY),
        (page(live, "fail"), WHY),
        (page(paused, "resume"), WHY),
        (page(closed, "distribute"), {"amount": "10", **WHY}),
        (page(closed, "share-loss"), {"amount": "10", **WHY}),
    ]
    client, refused = entered(person(role)), 302 if role == "investor" else 403
    before = everything()
    for address, fields in pages:
        assert client.get(address).status_code == refused, address
        for step in ("preview", "confirm"):
            assert client.post(address, {**fields, "_step": step}).status_code == refused, address
    assert everything() == before


Ask = Callable[[World, Any], tuple[Offer, Any]]


def publication(world: World, clock: Any) -> tuple[Offer, Any]:
    draft = world.draft()
    return draft, services.request_publication(draft.pk, by=world.officers[0], now=world.now, **WHY)


def distribution(world: World, clock: Any) -> tuple[Offer, Any]:
    closed = in_state(world, clock, "closed")
    world.fill_pool(closed, "10")
    given = {"amount": Decimal(10), "by": world.officers[0], "now": world.now, **WHY}
    return closed, services.request_distribution(closed.pk, **given)


def loss(world: World, clock: Any) -> tuple[Offer, Any]:
    closed = in_state(world, clock, "closed")
    world.put_to_work(closed, "10")
    world.write_down(closed, "10")
    given = {"amount": Decimal(10), "by": world.officers[0], "now": world.now, **WHY}
    return closed, services.request_loss(closed.pk, **given)


def failure(world: World, clock: Any) -> tuple[Offer, Any]:
    live = in_state(world, clock, "live")
    return live, services.request_failure(live.pk, by=world.officers[0], now=world.now, **WHY)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("ask", [publication, distribution, loss, failure])
def test_each_role_before_each_request(world: World, clock: Any, ask: Ask, role: str) -> None:
    """Compliance and finance decide; who may not changes nothing, neither by approving nor by rejecting."""
    _, asked = ask(world, clock)
    who, before = person(role), rows_of_everything()
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(who, token=session_with_factor(who))
    path = f"/api/v1/staff/approvals/{asked.pk}"
    if role not in DECIDE:
        for verb, body in (("approve", {}), ("reject", {"note": "no"})):
            assert client.post(f"{path}/{verb}", body, format="json").status_code == 403
        assert rows_of_everything() == before
        return
    answer = client.post(f"{path}/approve", {}, format="json")
    assert answer.status_code == 200, answer.content
    asked.refresh_from_db()
    assert asked.status == "approved"
    assert AuditEvent.objects.filter(action="oversight.approve", actor=who, target_id=str(asked.pk)).exists()
    assert broken() == []


def test_finance_and_compliance_carry_an_offer_to_its_end(world: World, clock: Any) -> None:
    """In the console, each with the one role: finance drafts and asks, compliance decides and steers."""
    finance, compliance = make_officer("Fay", "finance"), make_officer("Cal", "compliance")
    fay, cal = entered(finance), entered(compliance)

    def decide(verb: str) -> None:
        asked = ApprovalRequest.objects.get(verb=verb, status="requested")
        address = f"/admin/oversight/approvalrequest/{asked.pk}/do/approve/"
        assert fay.get(f"/admin/oversight/approvalrequest/{asked.pk}/change/").status_code == 200
        assert do(cal, address, note="seen")[1].status_code == 302
        asked.refresh_from_db()
        assert (asked.status, asked.requested_by_id) == ("approved", finance.pk)

    def done(client: Any, address: str, **fields: Any) -> str:
        text, answer = do(client, address, **fields)
        assert answer.status_code == 302, answer.content
        return text

    done(fay, DRAFT_PAGE, **form())
    offer = Offer.objects.get()
    done(fay, page(offer, "publish"), **WHY)
    decide("offers.publish")
    world.invest(world.investor("Ana", Offer.objects.get()), Offer.objects.get(), "800")
    for client, name in ((cal, "pause"), (fay, "resume"), (cal, "pause"), (cal, "resume")):
        done(client, page(offer, name), **WHY)
    done(cal, page(offer, "change-live"), max_amount="1500", description="A mill, and a press.", metadata="")
    world.later()
    clock.move_to(world.now)
    fay, cal = entered(finance), entered(compliance)  # Their sessions are over.
    done(cal, page(offer, "close"), **WHY)
    offer.refresh_from_db()
    assert (offer.status, offer.max_amount, offer.committed_amount) == ("closed", 1500, 800)
    world.fill_pool(offer, "10")
    world.put_to_work(offer, "100")
    world.write_down(offer, "100")
    for name, verb, amount in (("distribute", "distribute", "10"), ("share-loss", "lose", "100")):
        done(fay, page(offer, name), amount=amount, **WHY)
        decide(f"offers.{verb}")
    done(fay, page(offer, "fail"), **WHY)
    decide("offers.fail")
    offer.refresh_from_db()
    assert offer.status == "failed" and broken() == []
    told = AuditEvent.objects.filter(actor__in=[finance, compliance], action__startswith="offers.")
    assert told.filter(actor=compliance).exists() and told.filter(actor=finance).exists()
