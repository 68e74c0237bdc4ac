"""What officers are shown before they approve is what then stands in the books, to the unit."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from backoffice.tests.conftest import OWNER, Platform
from core.money import Money
from investments import adjustments, settlement
from investments import services as investing
from investments.models import AccrualAdjustment, Position, PositionEvent
from ledger import amounts, verify
from oversight.models import ApprovalRequest
from treasury import services as treasury
from treasury.models import TreasuryMovement, Verb
from treasury.services import previews, terms

USD = {"currency": "USD"}


def shown(request: ApprovalRequest) -> dict[str, str]:
    return dict(request.summary)


def asked(platform: Platform, ask: Any, subject: Any, **given: Any) -> ApprovalRequest:
    return ask(subject, by=platform.omar, reason="As the paper says", now=platform.noon, **given)


def test_a_late_deposit_and_what_is_taken_back_after_the_settlement(platform: Platform) -> None:
    """500,000 francs that came on the 3rd are booked on the 6th: three days at 140 more. Then all is taken back."""
    vera = platform.investor("Vera", code="vip3", amount="1000000", currency="XOF")
    platform.fill("vip3", "100000")
    platform.close_until(date(2026, 6, 5))
    platform.desk.deposit(vera.owner, Money(Decimal(500_000), "XOF"), position=vera.pk, value_on=date(2026, 6, 3))
    event = PositionEvent.objects.get(position=vera, verb="top_up")

    request = asked(platform, adjustments.request_late_adjustment, event.pk, value_on=date(2026, 6, 3))
    lines = request.payload["lines"]
    assert shown(request)["Added to what it earned"] == "+420 XOF"
    assert shown(request)["Principal counted"] == "1,500,000 XOF instead of 1,000,000 XOF"
    platform.desk.approve(request)
    before = platform.wallet(vera.owner, "XOF")
    platform.close_until(date(2026, 6, 6))
    booked = AccrualAdjustment.objects.order_by("corrects_on").values_list("corrects_on", "amount")
    assert list(booked) == [(date.fromisoformat(line["corrects_on"]), Decimal(line["amount"])) for line in lines]
    assert platform.wallet(vera.owner, "XOF") - before == 280 + 420

    request = asked(platform, settlement.request_settlement_reversal, vera.pk, due_on=date(2026, 6, 6))
    wallet, pool = platform.wallet(vera.owner, "XOF"), platform.pool("vip3")
    platform.desk.approve(request)
    assert shown(request)["Taken from the wallet"] == "700 XOF"
    assert (platform.wallet(vera.owner, "XOF"), platform.pool("vip3")) == (wallet - 700, pool + 700)

    request = asked(platform, investing.request_reversal, event.pk)
    wallet = platform.wallet(vera.owner, "XOF")
    platform.desk.approve(request)
    position = Position.objects.get(pk=vera.pk)
    assert shown(request)["Principal then"] == amounts.show(position.principal, "XOF") == "1,000,000 XOF"
    assert shown(request)["Amount"] == "500,000 XOF"
    assert platform.wallet(vera.owner, "XOF") == wallet + 500_000
    assert verify.run() == []


def test_every_movement_of_the_treasury(platform: Platform) -> None:
    """Both accounts and the coverage end where the preview said; so do they when each is taken back, last first."""
    ana = platform.investor("Ana")
    asset = platform.desk.open_asset(platform.product("basic"), "A warehouse")
    scope, lent = platform.product("basic").scope, {"asset": asset.pk}
    platform.close_until(platform.today + timedelta(days=1))
    platform.desk.state(Money(Decimal(1000), "USD"), platform.today - timedelta(days=1))
    party = {"counterparty": OWNER}
    movements: list[tuple[Verb, str, dict[str, Any]]] = [
        (Verb.PAY_IN_CAPITAL, "900.01", {"cash": "bank", **USD, **party}),
        (Verb.TAKE_OUT_CAPITAL, "100", {"cash": "bank", **USD, **party}),
        (Verb.FUND_POOL, "400", {"scope": scope, **USD}),
        (Verb.RELEASE_POOL, "33.33", {"scope": scope, **USD}),
        (Verb.DEPLOY, "600", {**lent, "cash": "bank", **party}),
        (Verb.DIVEST, "50.55", {**lent, "cash": "bank", **party}),
        (Verb.RECORD_INCOME, "12.34", {**lent, "cash": "bank", "income_basis": "Schedule B: interest", **party}),
        (Verb.WRITE_DOWN, "90", lent),
        (Verb.WRITE_UP, "40.01", lent),
        (Verb.MAKE_GOOD, "20", {"scope": scope, "purse": "capital", **USD}),
        (Verb.BANK_INTEREST, "5", {"cash": "bank", **USD}),
        (Verb.PROVIDER_COST, "1.23", {"cash": "bank", **USD}),
        (Verb.SWEEP_FEES, "2", {"cash": "bank", "purse": "fees", **USD}),
        (Verb.CASH_MOVE, "7", {"cash": "bank", "to_cash": "momo", **USD}),
        (Verb.CASH_MISSING, "3", {"cash": "bank", **USD}),
        (Verb.CASH_SURPLUS, "11", {"cash": "bank", **USD}),
        (Verb.SUSPENSE_RETURN, "1", {"cash": "bank", **USD}),
        (Verb.SUSPENSE_ALLOT, "4", {"cash": "bank", "investor": ana.owner.pk, **USD}),
        (Verb.GOODWILL, "6", {"purse": "capital", "investor": ana.owner.pk, **USD}),
        (Verb.CORRECTION, "2.5", {"cash": "bank", "investor": ana.owner.pk, **USD}),
    ]
    assert {verb for verb, _, _ in movements} == {*treasury.REQUESTS}
    ratios = set()
    for verb, amount, given in movements:
        case = terms.resolve(verb, terms.Terms(amount=Decimal(amount), **given))
        told = previews.of_movement(case)
        request = platform.desk.move(treasury.REQUESTS[verb], verb.value, amount=Decimal(amount), **given)
        assert told.lines() == [(label, text) for label, text in request.summary if (label, text) in told.lines()]
        found = previews.of_movement(case)
        assert [change.before for change in found.changes] == [change.after for change in told.changes], verb
        assert found.coverage_before == told.coverage_after, verb
        ratios.add(told.coverage_after)
    assert len(ratios) > 5, ratios
    for movement in TreasuryMovement.objects.order_by("-pk")[: len(movements)]:
        told = previews.of_mirror(movement)
        platform.desk.move(treasury.request_reversal, "a-mistake", movement_id=movement.pk)
        found = previews.of_mirror(movement)
        assert [change.before for change in found.changes] == [change.after for change in told.changes], movement
        assert found.coverage_before == told.coverage_after, movement
    assert verify.run() == []
