"""The demo, played whole: the widest journey through the house that there is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Sum

from accounts.models import User
from backoffice.demo import cast
from backoffice.demo.story import DAYS
from backoffice.models import EndOfDayRun
from investments.models import AccrualAdjustment, ExitRequest, Position, PositionEvent, SettlementRun
from investments.rules import ONE_DAY
from ledger.models import Transaction
from offers.models import Offer, OfferDeed
from oversight.models import Alert, ApprovalRequest
from payments.models import Deposit
from protection.models import Acceptance, KnowledgeResult, LossSimulation, RiskConfirmation, RiskWarning
from treasury.models import Coverage, ProductCoverage

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_cast_is_the_same_each_time() -> None:
    people = cast.investors()
    assert people == cast.investors() and len(people) == cast.INVESTORS == 200
    assert len({person.email for person in people}) == 200
    assert (people[0].first_name, people[0].joins) == ("Ana", 1)


def test_it_isnt_played_in_production(settings: Any, transactional_db: None) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="production"):
        call_command("play_demo")
    assert not User.objects.exists()


@pytest.mark.slow
def test_the_story_is_told_and_the_books_are_right(transactional_db: None, capsys: Any) -> None:
    """`play_demo` ends with verify_ledger and fails if it finds a break. Its messages wait, as for a worker."""
    call_command("play_demo")
    said = capsys.readouterr().out
    assert "What the story left" in said and "omar@demo.example" in said
    assert User.objects.filter(is_staff=False).count() == 200
    assert EndOfDayRun.objects.filter(status="done").count() == EndOfDayRun.objects.count() == DAYS
    kinds = set(Position.objects.filter(status="active").values_list("product__kind", flat=True))
    assert kinds == {"tier", "vip", "staking"}
    _remembers_what_happened()
    _everybody_was_protected()
    _one_offer_is_in_each_state()
    call_command("play_demo")
    assert "nothing to play" in capsys.readouterr().out and EndOfDayRun.objects.count() == DAYS


def _remembers_what_happened() -> None:
    dollars = Coverage.objects.filter(currency_id="USD").order_by("day_id")
    assert Decimal("0.9") < min(row.ratio for row in dollars if row.ratio) < 1 and dollars.last().ratio >= 1
    dry = ProductCoverage.objects.filter(scope="product:investor", owed__gt=0)
    assert dry.exists() and not SettlementRun.objects.exclude(status="paid").exists()
    assert not ProductCoverage.objects.filter(owed__gt=0).exclude(scope="product:investor").exists()
    assert AccrualAdjustment.objects.filter(position__product__code="premium").count() == 4
    assert Transaction.objects.filter(kind="reversal").count() == 1
    verbs = set(PositionEvent.objects.values_list("verb", flat=True))
    assert verbs >= {"fund", "top_up", "pause", "resume", "withdraw", "mature", "reverse", "ask"}
    assert ExitRequest.objects.filter(status="paid").exists()
    assert Deposit.objects.filter(status="pending").count() == 5
    assert ApprovalRequest.objects.filter(status="requested").count() == 3
    assert set(Alert.objects.filter(closed_at=None).values_list("kind", flat=True)) == {"deposit-not-invested"}


def _everybody_was_protected() -> None:
    """200 people read, answered and declared before their money came in; Ana read twice; the bold were warned."""
    of_products = Acceptance.objects.filter(disclosure__subject__startswith="product:")
    assert of_products.count() == 201 and LossSimulation.objects.exclude(currency="AED").count() == 200
    assert KnowledgeResult.objects.filter(passed=True).values("investor").distinct().count() == 200
    assert KnowledgeResult.objects.filter(passed=False).exists()
    assert RiskConfirmation.objects.count() == RiskWarning.objects.count() > 5
    assert not Deposit.objects.exclude(position_refusal__in=["", "below-minimum"]).exists()
    first = Position.objects.order_by("opened_at").values_list("opened_at", flat=True)[0]
    assert first - Acceptance.objects.order_by("accepted_at").values_list("accepted_at", flat=True)[0] >= ONE_DAY


def _one_offer_is_in_each_state() -> None:
    """And the worked example stands: 500, 500 of 600 taken back, and exactly that place for who waited."""
    assert dict(Offer.objects.values_list("code", "status")) == {
        "bridge": "matured",
        "mill": "closed",
        "orchard": "failed",
        "market": "paused",
        "harbour": "live",
        "solar": "draft",
    }
    harbour = Offer.objects.get(code="harbour")
    asked = harbour.investments.order_by("id").values_list("requested_amount", "accepted_amount", "status")
    assert list(asked) == [(500, 500, "reserved"), (600, 500, "withdrawn"), (500, 500, "reserved")]
    assert harbour.committed_amount == harbour.max_amount == 1000
    deeds = OfferDeed.objects.annotate(shared=Sum("shares__amount")).values_list("verb", "shared")
    assert sorted(deeds) == [("distribute", Decimal("31.17")), ("distribute", Decimal("123.45")), ("lose", 150)]
    repaid = Offer.objects.get(code="bridge").investments.values_list("status", flat=True)
    assert set(repaid) == {"repaid"} and len(repaid) == 8
