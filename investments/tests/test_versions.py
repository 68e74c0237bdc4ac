"""The catalogue, versions, the rate ceiling: what takes two persons, and what takes three."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from core.errors import DomainError, Forbidden, IllegalMove
from investments import services
from investments.errors import ApprovalsMissing, JustificationMissing, TermsRefused
from investments.models import Product, ProductVersion, RateCeiling
from investments.services import catalogue
from investments.terms import TERMS
from oversight import services as oversight
from oversight.models import ApprovalRequest
from oversight.services import NotAllowedToAsk, OwnRequest


def terms(world, code="basic", **changed):
    given = world.version(code)
    return {name: getattr(given, name) for name in TERMS} | changed


def test_the_reference_catalogue_has_its_exact_figures(world):
    tiers = ProductVersion.objects.active().filter(product__kind="tier").order_by("product__rank")
    figures = [
        (v.product.display_name, v.product.currency, v.minimum, v.rate, v.rate_period, v.payout, v.yearly_equivalent)
        for v in tiers.select_related("product")
    ]
    assert figures == [
        ("Basic", "USD", 100, Decimal("0.25"), "month", "monthly", 3),
        ("Premium", "USD", 300, Decimal("0.50"), "month", "monthly", 6),
        ("Professional", "USD", 1000, Decimal("0.60"), "month", "monthly", Decimal("7.2")),
        ("Investor", "USD", 10000, Decimal("0.75"), "month", "monthly", 9),
    ]
    assert all(v.term_days is None and v.pausable and not v.locked and v.maximum is None for v in tiers)
    vip = ProductVersion.objects.active().get(product__code="vip0")
    assert (vip.product.currency, vip.minimum, vip.rate_period, vip.payout) == ("XOF", 3000, "day", "daily")
    others = ProductVersion.objects.active().exclude(product__kind="tier")
    assert not any(v.is_above(RateCeiling.objects.current()) for v in others)


def test_loading_again_changes_nothing(world):
    before = list(ProductVersion.objects.order_by("pk").values())
    loaded = services.load_catalogue(catalogue.read(), by=world.officers[0], now=world.now)
    assert {each.outcome for each in loaded} == {"unchanged"}
    assert list(ProductVersion.objects.order_by("pk").values()) == before
    assert not ApprovalRequest.objects.filter(status="requested").exists()


def test_the_command_shows_a_table_and_a_dry_run_writes_nothing(world):
    Product.objects.filter(code="vip3").update(rank=9)
    out = StringIO()
    call_command("load_catalogue", by="omar@example.com", dry_run=True, stdout=out)
    assert "nothing was written" in out.getvalue() and "0 asked for, 12 unchanged" in out.getvalue()
    assert Product.objects.get(code="vip3").rank == 9
    with pytest.raises(CommandError, match="No officer"):
        call_command("load_catalogue", by="nobody@example.com", stdout=out)


def test_an_activation_above_the_ceiling_takes_two_approvers_and_a_reason(world):
    asks, first, second = world.officers
    draft = services.draft_version(
        world.product("basic").pk, terms(world, rate=Decimal("0.26")), by=asks, now=world.now
    )
    with pytest.raises(JustificationMissing):
        services.request_activation(draft.pk, by=asks, reason="More", now=world.now)
    request = services.request_activation(draft.pk, by=asks, reason="More", justification="A trial", now=world.now)
    assert request.approvals == 2
    with pytest.raises(OwnRequest):
        oversight.approve(request.pk, by=asks, now=world.now)
    oversight.approve(request.pk, by=first, now=world.now)
    assert world.version("basic").number == 1
    oversight.approve(request.pk, by=second, now=world.now)
    assert world.version("basic").number == 2
    assert ProductVersion.objects.get(product__code="basic", number=1).status == "retired"


def test_within_the_ceiling_one_other_approves_and_open_positions_keep_their_version(world, investor):
    position = world.open(investor, "vip0", "3000")
    asks, other, _ = world.officers
    changed = terms(world, "vip0", rate=Decimal("0.0001"))
    draft = services.draft_version(position.product_id, changed, by=asks, now=world.now)
    request = services.request_activation(draft.pk, by=asks, reason="Sober", now=world.now)
    assert request.approvals == 1
    oversight.approve(request.pk, by=other, now=world.now)
    position.refresh_from_db()
    assert (position.version.number, position.version.rate) == (1, Decimal("0.0002"))
    assert world.open(investor, "vip0", "3000").version.number == 2


def test_a_lower_ceiling_stops_an_activation_that_was_asked_for_before(world):
    asks, other, _ = world.officers
    draft = services.draft_version(world.product("vip0").pk, terms(world, "vip0"), by=asks, now=world.now)
    request = services.request_activation(draft.pk, by=asks, reason="Again", now=world.now)
    ceiling = services.request_ceiling(Decimal("0.05"), by=asks, reason="Sober", now=world.now)
    oversight.approve(ceiling.pk, by=other, now=world.now)
    assert RateCeiling.objects.current() == Decimal("0.05")
    with pytest.raises(ApprovalsMissing):
        oversight.approve(request.pk, by=other, now=world.now)
    request.refresh_from_db()
    assert (request.status, world.version("vip0").number) == ("requested", 1)


def test_a_version_that_is_no_draft_is_not_activated_again(world):
    with pytest.raises(IllegalMove):
        services.request_activation(
            world.version("basic").pk, by=world.officers[0], reason="Again", justification="x", now=world.now
        )


@pytest.mark.parametrize(
    "changed",
    [
        {"minimum": Decimal(0)},
        {"minimum": Decimal(10), "maximum": Decimal(5)},
        {"rate": Decimal("-0.1")},
        {"early_exit_penalty": Decimal(1)},
        {"rate_period": "year", "day_count": ""},
        {"rate_period": "month", "day_count": "ACT/365F"},
        {"payout": "at_maturity", "term_days": None},
        {"locked": True, "term_days": None},
        {"payout": "weekly"},
        {"risk_warning": ""},
    ],
)
def test_terms_that_make_no_product_are_refused(world, changed):
    with pytest.raises(TermsRefused):
        services.draft_version(world.product("basic").pk, terms(world, **changed), by=world.officers[0], now=world.now)
    assert ProductVersion.objects.filter(product__code="basic").count() == 1


@pytest.mark.parametrize("rate", ["0", "-1", "NaN", "Infinity", "0.0000000000001", "100000"])
def test_a_ceiling_is_a_positive_rate(world, rate):
    with pytest.raises(TermsRefused):
        services.request_ceiling(Decimal(rate), by=world.officers[0], reason="x", now=world.now)


def test_an_investor_may_ask_for_none_of_it(world, investor):
    product = world.product("basic")
    refused: list[tuple[type[DomainError], object]] = [
        (Forbidden, lambda: services.draft_version(product.pk, terms(world), by=investor, now=world.now)),
        (Forbidden, lambda: services.load_catalogue(catalogue.read(), by=investor, now=world.now)),
        (NotAllowedToAsk, lambda: services.request_retirement(product.pk, by=investor, reason="x", now=world.now)),
        (NotAllowedToAsk, lambda: services.request_ceiling(Decimal(1), by=investor, reason="x", now=world.now)),
    ]
    for refusal, deed in refused:
        with pytest.raises(refusal):
            deed()
    assert (RateCeiling.objects.count(), ProductVersion.objects.count()) == (0, 12)
