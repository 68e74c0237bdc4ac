"""Products behind the gate of protection: each refusal leaves everything as it was."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from core.errors import DomainError
from investments import services
from investments.errors import DisclosureOutdated
from investments.models import Position, PositionEvent, ProductVersion
from investments.terms import TERMS
from investments.tests.test_listeners import arrived
from investments.tests.worlds import available, principal
from oversight.models import Alert, ApprovalRequest
from protection import errors
from protection import services as protection
from protection.models import Acceptance, Disclosure, Jurisdiction, KnowledgeResult, LossSimulation
from protection.rules import Figures
from protection.services.jurisdictions import RULES
from protection.tests.conftest import take_test
from tests.people import make_investor

HOUR = timedelta(hours=1)


@pytest.fixture
def ben(world) -> Any:
    """Somebody new, whose papers have been seen."""
    return make_investor("Ben", kyc_level=1)


def sheet_of(world, code: str) -> Disclosure:
    product = world.product(code)
    return Disclosure.objects.get(subject=product.scope, version=world.version(code).disclosure_version)


def accept(world, person: Any, code: str = "basic", *, ago: timedelta = 24 * HOUR) -> None:
    protection.accept_disclosure.inside(sheet_of(world, code).pk, investor=person, now=world.now - ago)


def declare(world, person: Any, net_worth: str = "100000", currency: str = "USD") -> None:
    figures = Figures(Decimal(net_worth), Decimal(0), Decimal(0))
    protection.simulate_losses.inside(investor=person, figures=figures, currency=currency, now=world.now)


def open_position(world, person: Any, code: str = "basic", amount: str | None = "100") -> Position:
    product = world.product(code)
    version = world.version(code).disclosure_version
    money = None if amount is None else Decimal(amount)
    return services.open_position(person, product=product.pk, disclosure_version=version, amount=money, now=world.now)


def refusal_of(deed: Any) -> str:
    with pytest.raises(DomainError) as refused:
        deed()
    return refused.value.code


@pytest.mark.parametrize("amount", ["100", None])
def test_each_step_is_asked_for_in_turn(world, ben, amount):
    world.pay_in(ben, "100")
    steps = [
        ("disclosure-not-accepted", lambda: accept(world, ben, ago=24 * HOUR - timedelta(seconds=1))),
        ("knowledge-test-missing", lambda: take_test(ben, now=world.now)),
        ("loss-simulation-missing", lambda: declare(world, ben)),
        ("cooling-off", lambda: setattr(world, "day", world.day + timedelta(days=1))),
    ]
    for code, step in steps:
        assert refusal_of(lambda: open_position(world, ben, amount=amount)) == code
        assert not Position.objects.exists() and not PositionEvent.objects.exists()
        assert available(ben) == 100
        step()
    assert open_position(world, ben, amount=amount).status == ("active" if amount else "pending_funding")


def test_the_sheet_of_another_product_isnt_this_ones(world, ben):
    accept(world, ben, "premium")
    take_test(ben, now=world.now)
    declare(world, ben)
    world.pay_in(ben, "100")
    assert refusal_of(lambda: open_position(world, ben)) == "disclosure-not-accepted"
    assert not Position.objects.exists() and available(ben) == 100


@pytest.fixture
def ready(world, ben) -> Any:
    """Ben with 100 in Basic, of the 100,000 USD that he declared."""
    accept(world, ben)
    take_test(ben, now=world.now)
    declare(world, ben)
    world.pay_in(ben, "9900")
    return open_position(world, ben)


def fund(world, position: Position, amount: str) -> Position:
    return services.fund_position(position.pk, owner=position.owner, amount=Decimal(amount), now=world.now)


def test_many_small_steps_are_warned_of_like_a_large_one(world, ben, ready):
    """A twentieth of 100,000 is 5,000, over all that Ben holds in the product."""
    other = open_position(world, ben, amount="3000")
    fund(world, ready, "1900")
    with pytest.raises(errors.RiskWarningUnconfirmed) as refused:
        fund(world, other, "0.01")
    assert refused.value.facts == {"subject": "product:basic", "amount": "5000.01", "currency": "USD"}
    ready.refresh_from_db()
    other.refresh_from_db()
    assert (ready.principal, other.principal, available(ben)) == (2000, 3000, 4900)
    assert (principal(ready), principal(other)) == (2000, 3000)

    asked = {"subject": "product:basic", "amount": Decimal(6000), "currency": "USD"}
    warning = protection.show_warning.inside(investor=ben, now=world.now, **asked)
    assert refusal_of(lambda: fund(world, other, "1000")) == "risk-warning-unconfirmed"
    protection.confirm_warning.inside(warning.pk, investor=ben, now=world.now)
    assert fund(world, other, "1000").principal == 4000
    assert refusal_of(lambda: fund(world, other, "0.01")) == "risk-warning-unconfirmed"
    assert available(ben) == 3900


def test_a_test_that_is_too_old_stops_a_top_up_and_nothing_else(world, ben, ready):
    world.day = world.day.replace(year=2028)
    assert refusal_of(lambda: fund(world, ready, "100")) == "knowledge-test-missing"
    assert (Position.objects.get().principal, available(ben)) == (100, 9800)
    services.pause(ready.pk, owner=ben, now=world.now)
    assert Position.objects.get().status == "paused"


def test_a_deposit_that_the_gate_refuses_stays_in_the_wallet(world, ben, ready):
    """The transfer is larger than was announced as bearable: nothing of it is lost, an officer is told."""
    position = open_position(world, ben, amount=None)
    deposit = arrived(world, ben, position, "5000.00")
    position.refresh_from_db()
    assert (deposit.status, deposit.position_refusal) == ("confirmed", "risk-warning-unconfirmed")
    assert (position.status, position.principal, available(ben)) == ("pending_funding", 0, 9800 + 5000)
    alert = Alert.objects.get()
    assert alert.kind == "deposit-not-invested" and "100" not in alert.detail
    assert arrived(world, ben, position, "100.00").position_refusal == ""
    position.refresh_from_db()
    assert (position.status, position.principal) == ("active", 100)


def test_vip_packages_are_closed_where_the_jurisdiction_says_so(world, investor):
    held = world.open(investor, "vip0", "3000")
    present = Jurisdiction.objects.of("")
    closed = {name: getattr(present, name) for name in RULES} | {"vip": False}
    Jurisdiction.objects.create(country=investor.country, **closed)
    world.pay_in(investor, "9000", "XOF")
    assert refusal_of(lambda: open_position(world, investor, "vip0", "3000")) == "incentive-closed"
    assert refusal_of(lambda: open_position(world, investor, "vip0", None)) == "incentive-closed"
    assert refusal_of(lambda: fund(world, held, "1000")) == "incentive-closed"
    assert (Position.objects.get().principal, available(investor, "XOF")) == (3000, 9000)
    assert open_position(world, investor, "basic", None).status == "pending_funding"
    world.pay_in(from_france := make_investor("Fleur", kyc_level=1, country="FR"), "3000", "XOF")
    assert world.open(from_france, "vip0", "3000", pay_in=False).status == "active"


def test_an_activation_publishes_the_sheet(world):
    assert Disclosure.objects.count() == ProductVersion.objects.active().count() == 12
    sheet, version = sheet_of(world, "basic"), world.version("basic")
    assert (sheet.title, sheet.body) == ("Basic", version.disclosure)
    assert (sheet.version, sheet.published_at) == (version.disclosure_version, world.now)


def draft(world, **changed: Any) -> ProductVersion:
    terms = {name: getattr(world.version("vip0"), name) for name in TERMS} | changed
    return services.draft_version(world.product("vip0").pk, terms, by=world.officers[0], now=world.now)


def activate(world, version: ProductVersion) -> None:
    ask = {"by": world.officers[0], "reason": "Other terms", "now": world.now}
    world.approve(services.request_activation(version.pk, **ask))


def test_other_terms_under_the_same_sheet_need_no_other_acceptance(world, investor):
    accepted = Acceptance.objects.count()
    activate(world, draft(world, minimum=Decimal(2000)))
    assert (world.version("vip0").number, Disclosure.objects.count()) == (2, 12)
    assert world.open(investor, "vip0", "2000").status == "active"
    assert Acceptance.objects.count() == accepted


def test_another_sheet_is_accepted_anew_but_not_for_what_is_held(world, investor):
    held = world.open(investor, "vip0", "3000")
    activate(world, draft(world, disclosure="Riskier than before.", disclosure_version="vip-2027-01"))
    world.pay_in(investor, "9000", "XOF")
    assert refusal_of(lambda: open_position(world, investor, "vip0", "3000")) == "disclosure-not-accepted"
    assert (Position.objects.count(), available(investor, "XOF")) == (1, 9000)
    assert fund(world, held, "1000").principal == 4000
    accept(world, investor, "vip0")
    assert open_position(world, investor, "vip0", "3000").status == "active"


RISKIER = {"disclosure": "Riskier than before.", "disclosure_version": "tiers-2027-01"}


def follow(world, **changed: Any) -> None:
    """Let another version of Basic follow the present one."""
    terms = {name: getattr(world.version("basic"), name) for name in TERMS} | changed
    version = services.draft_version(world.product("basic").pk, terms, by=world.officers[0], now=world.now)
    ask = {"by": world.officers[0], "reason": "Other terms", "now": world.now, "justification": "As before"}
    world.approve(services.request_activation(version.pk, **ask))


@pytest.mark.parametrize("kyc_level", [1, 0])
def test_first_money_comes_under_the_present_sheet_alone(world, kyc_level):
    """Also of somebody who has accepted the present one since: it isn't the one that the position was opened with."""
    cleo = make_investor("Cleo", kyc_level=kyc_level)
    pending = world.open(cleo, "basic")
    cleo.kyc_level = 1
    cleo.save(update_fields=["kyc_level"])
    before = (pending.status, 0, pending.disclosure_version)
    follow(world, **RISKIER)
    world.pay_in(cleo, "300")
    accept(world, cleo)
    with pytest.raises(DisclosureOutdated) as refused:
        fund(world, pending, "100")
    assert refused.value.facts == {"accepted": before[2], "present": "tiers-2027-01"}
    pending.refresh_from_db()
    assert (pending.status, pending.principal, pending.disclosure_version) == before
    assert (available(cleo), principal(pending), pending.events.count()) == (300, 0, 1)
    assert services.cancel(pending.pk, owner=cleo, now=world.now).status == "cancelled"
    assert open_position(world, cleo).disclosure_version == "tiers-2027-01"


def test_a_deposit_for_a_position_under_a_former_sheet_stays_in_the_wallet(world, investor):
    pending, held = world.open(investor, "basic"), world.open(investor, "basic", "100")
    follow(world, **RISKIER)
    deposit = arrived(world, investor, pending, "150.00")
    pending.refresh_from_db()
    assert (deposit.status, deposit.position_refusal) == ("confirmed", "disclosure-outdated")
    assert (pending.status, pending.principal, available(investor)) == ("pending_funding", 0, 150)
    assert Alert.objects.get().kind == "deposit-not-invested"
    assert arrived(world, investor, held, "50.00").position_refusal == ""
    assert (principal(held), available(investor)) == (150, 150)


def test_other_terms_under_the_same_sheet_leave_a_position_fundable(world, investor):
    """It keeps the terms that it was opened with."""
    pending, minimum = world.open(investor, "basic"), world.version("basic").minimum
    follow(world, minimum=minimum * 2)
    world.pay_in(investor, "100")
    assert minimum == 100 and fund(world, pending, "100").status == "active"
    pending.refresh_from_db()
    assert (pending.version.number, world.version("basic").number, pending.principal) == (1, 2, 100)


def test_another_text_under_an_old_version_is_refused_before_anybody_approves(world):
    requests = ApprovalRequest.objects.count()
    version = draft(world, disclosure="Riskier than before.")
    assert refusal_of(lambda: activate(world, version)) == "disclosure-changed"
    version.refresh_from_db()
    assert (version.status, ApprovalRequest.objects.count()) == ("draft", requests)
    assert sheet_of(world, "vip0").body == world.version("vip0").disclosure


def test_a_product_names_the_sheet_to_accept(world, client):
    shown = client.get(f"/api/v1/investment/products/{world.product('basic').pk}").json()
    assert shown["disclosure_id"] == str(sheet_of(world, "basic").pk)
    listed = client.get("/api/v1/investment/products").json()["results"]
    sheets = {str(sheet.pk) for sheet in Disclosure.objects.all()}
    assert {product["disclosure_id"] for product in listed} == sheets and len(sheets) == 12


def test_sheets_of_versions_from_before_are_published_by_the_migration(world, investor):
    """As on a platform that had products before it had sheets: each gets its own, once."""
    migration = import_module("investments.migrations.0007_sheets_of_versions")
    before = list(Disclosure.objects.order_by("pk").values())
    migration.publish(apps, SimpleNamespace(connection=connection))
    assert list(Disclosure.objects.order_by("pk").values()) == before
    version = world.version("vip0")
    other = draft(world, disclosure_version="older")
    ProductVersion.objects.filter(pk=other.pk).update(status="retired", activated_at=world.now, retired_at=world.now)
    migration.publish(apps, SimpleNamespace(connection=connection))
    new = Disclosure.objects.get(version="older")
    assert (new.subject, new.body, new.published_at) == ("product:vip0", version.disclosure, world.now)
    assert Disclosure.objects.count() == 13


def test_a_gate_that_looks_leaves_nothing(world, ben):
    world.pay_in(ben, "100")
    refusal_of(lambda: open_position(world, ben))
    assert [model.objects.count() for model in (Acceptance, KnowledgeResult, LossSimulation)] == [0, 0, 0]
