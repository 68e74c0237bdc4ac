"""A day that was accrued by other terms than it has: what differs, and the adjustment that brings it to them.

So it comes: the close is late, somebody accrues a day ahead of the open one, and today's verbs, which take effect on
that day, come after.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction

from core.errors import NotFound
from investments import accrual, adjustments, partitions, services
from investments import verify as investing
from investments.models import Accrual, AccrualAdjustment, AccrualSlice, Correction
from investments.tests.closing import after, close, close_until, fill_pool, latest, paid, past_the_guards
from ledger import verify
from oversight import services as oversight
from oversight.models import ApprovalRequest
from tests.people import make_investor

JUNE = [date(2026, 6, day) for day in range(1, 31)]
A_DAY_OF_100 = Decimal("0.833333333333333333")


@pytest.fixture
def ahead(world, investor):
    """The first is open; Ana's 100 in Basic were accrued for the second already."""
    world.position = world.open(investor, "basic", "100")
    fill_pool(world, "basic", "1000")
    accrue_ahead()
    return world


def accrue_ahead() -> None:
    with transaction.atomic():
        partitions.make_partitions(JUNE[0])
    accrual.accrue_day(JUNE[1], now=after(JUNE[1]))


def top_up(world: Any, amount: str = "30") -> None:
    world.pay_in(world.position.owner, amount)
    services.fund_position(world.position.pk, owner=world.position.owner, amount=Decimal(amount), now=world.now)


def ask(world: Any, position: Any = None, *, day: date = JUNE[1]) -> ApprovalRequest:
    return adjustments.request_rerun_adjustment(
        (position or world.position).pk, day=day, by=world.officers[0], reason="accrued ahead", now=world.now
    )


def differing(day: date = JUNE[1]) -> list[tuple[Any, Decimal]]:
    return [(each.position_id, each.amount) for each in accrual.compare_day(day).shown]


def broken() -> list[str]:
    return [told for name, check in verify.checks().items() if name in investing.CHECKS for told in check()]


def test_a_top_up_after_the_day_was_accrued_is_made_good(ahead):
    """130 instead of 100 on the second: 0.25 more, with the settlement of the close that books it."""
    top_up(ahead)
    close(ahead)
    assert differing() == [(ahead.position.pk, Decimal("0.25"))]
    assert [(each.stands, each.expected) for each in accrual.compare_position(ahead.position, JUNE[:2]).values()] == [
        (A_DAY_OF_100, Decimal("1.083333333333333333"))
    ]
    request = ask(ahead)
    (line,) = request.payload["lines"]
    assert (line["amount"], line["principal_before"], line["principal_after"], line["corrects_on"]) == (
        "0.250000000000000000",
        "100.000000000000000000",
        "130.000000000000000000",
        "2026-06-02",
    )
    assert (request.verb, request.approvals, Correction.objects.count()) == ("adjust_returns", 1, 0)
    ahead.approve(request)
    assert differing() == [] and not AccrualAdjustment.objects.exists()
    close(ahead)
    booked = AccrualAdjustment.objects.values_list("corrects_on", "booked_on", "amount", "source_key")
    key = f"rerun:{ahead.position.pk}:2026-06-02"
    assert list(booked) == [(JUNE[1], JUNE[1], Decimal("0.25"), f"{key}:2026-06-02")]
    assert Accrual.objects.get(day=JUNE[1]).amount == A_DAY_OF_100
    assert differing() == [] and broken() == []
    close_until(ahead, JUNE[29])
    # 29 days of 130 at 1/120: 31.41666…
    assert paid(ahead.position) == Decimal("31.41")
    assert latest(ahead.position).accrued_to_date.quantize(Decimal("1e-9")) == Decimal("31.416666667")


def test_a_pause_after_the_day_was_accrued_takes_the_day_off(ahead, investor):
    services.pause(ahead.position.pk, owner=investor, now=ahead.now)
    close(ahead)
    ahead.approve(ask(ahead))
    close(ahead)
    (row,) = AccrualAdjustment.objects.all()
    assert (row.amount, row.corrects_on) == (-A_DAY_OF_100, JUNE[1])
    assert Correction.objects.get().lines[0]["principal_after"] == "0"
    assert differing() == [] and broken() == []
    close_until(ahead, JUNE[29])
    assert (paid(ahead.position), latest(ahead.position).earned) == (0, 0)


def test_a_position_that_was_funded_after_the_day_was_accrued_gets_it(ahead):
    late = ahead.open(make_investor("Vera", kyc_level=1), "basic", "200")
    close(ahead)
    assert differing() == [(late.pk, Decimal("1.666666666666666667"))]
    assert len(broken()) == 1
    ahead.approve(ask(ahead, late))
    close_until(ahead, JUNE[29])
    # 29 days of 200 at 1/120, as if all had been in order.
    assert paid(late) == Decimal("48.33")
    assert differing() == [] and broken() == []


def test_a_day_that_gives_what_it_gave_is_refused(ahead, investor):
    """The day of the funding earns nothing, nor does one of a pause, nor is the day as it stands another."""
    services.pause(ahead.position.pk, owner=investor, now=ahead.now)
    close(ahead)
    ahead.approve(ask(ahead))
    close(ahead, 2)
    for day in JUNE[:3]:
        with pytest.raises(adjustments.NothingToAdjust):
            ask(ahead, day=day)
    assert (Correction.objects.count(), ApprovalRequest.objects.filter(status="requested").count()) == (1, 0)


def test_a_day_is_asked_for_once_its_terms_are_fixed_and_its_accrual_is_there(ahead):
    top_up(ahead)
    with pytest.raises(adjustments.NotAdjustable, match="still changes"):
        ask(ahead)
    close(ahead)
    AccrualSlice.objects.filter(day=JUNE[1]).update(problems=1)
    with pytest.raises(adjustments.NotAdjustable, match="isn't complete"):
        ask(ahead)
    ahead.next_day(3)
    with pytest.raises(adjustments.NotAdjustable, match="isn't complete"):
        ask(ahead, day=JUNE[3])
    with pytest.raises(NotFound):
        adjustments.request_rerun_adjustment(
            ahead.officers[0].pk, day=JUNE[1], by=ahead.officers[0], reason="?", now=ahead.now
        )
    assert not ApprovalRequest.objects.filter(verb="adjust_returns").exists()


def test_a_difference_that_two_ask_for_is_adjusted_once(ahead):
    top_up(ahead)
    close(ahead)
    first, second = ask(ahead), ask(ahead)
    ahead.approve(first)
    with pytest.raises(adjustments.AlreadyAdjusted):
        ahead.approve(second)
    with pytest.raises(adjustments.NothingToAdjust):
        ask(ahead)
    assert Correction.objects.count() == 1


def test_days_long_past_take_two_approvers(ahead):
    top_up(ahead)
    close_until(ahead, JUNE[7])
    request = ask(ahead)
    assert request.approvals == 2
    oversight.approve(request.pk, by=ahead.officers[1], now=ahead.now)
    assert not Correction.objects.exists()
    with pytest.raises(oversight.OwnRequest):
        oversight.approve(request.pk, by=ahead.officers[0], now=ahead.now)
    oversight.approve(request.pk, by=ahead.officers[2], now=ahead.now)
    assert Correction.objects.get().lines == request.payload["lines"]


@pytest.fixture
def mended(transactional_db: None, ahead: Any) -> Any:
    """A top-up, and an engineer who can mend the terms of a day that has passed: only a repair past the guards can."""
    top_up(ahead)
    close(ahead)

    def mend(principal: str) -> None:
        past_the_guards(
            "investments_positionterm",
            "UPDATE investments_positionterm SET principal = %s WHERE position_id = %s",
            Decimal(principal),
            ahead.position.pk,
        )

    ahead.mend = mend
    return ahead


def test_terms_that_change_again_are_another_difference(mended):
    mended.approve(ask(mended))
    mended.mend("160")
    request = ask(mended)
    key = f"rerun:{mended.position.pk}:2026-06-02"
    assert request.payload["source_key"] == f"{key}:2"
    (line,) = request.payload["lines"]
    assert (Decimal(line["amount"]), Decimal(line["principal_before"]), Decimal(line["principal_after"])) == (
        Decimal("0.25"),
        130,
        160,
    )
    mended.approve(request)
    mended.mend("100")
    mended.approve(ask(mended))
    close(mended)
    rows = AccrualAdjustment.objects.order_by("pk").values_list("source_key", "amount")
    assert list(rows) == [
        (f"{key}:2026-06-02", Decimal("0.25")),
        (f"{key}:2:2026-06-02", Decimal("0.25")),
        (f"{key}:3:2026-06-02", Decimal("-0.5")),
    ]
    assert differing() == []


def test_what_was_asked_for_is_what_is_booked_or_nothing(mended):
    request = ask(mended)
    mended.mend("160")
    with pytest.raises(adjustments.PreviewChanged):
        mended.approve(request)
    assert not Correction.objects.exists()


def test_the_command_says_how_to_ask_for_it(ahead, clock, capsys):
    top_up(ahead)
    clock.move_to(after(JUNE[1]))
    call_command("accrue_returns", "--on", "2026-06-02")
    said = " ".join(capsys.readouterr().out.split())
    assert "1 positions would earn +0.25" in said and "Nothing was changed" in said
    assert "Bring a day to its terms" in said and str(ahead.position.pk) in said
