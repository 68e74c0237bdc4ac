"""accrue_returns and settle_returns: what they show, what they leave, how they exit."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from investments import accrual, partitions
from investments.models import Accrual, AccrualSlice, Settlement, SettlementRun
from investments.tests.closing import after, fill_pool, paid, past_the_guards


@pytest.fixture
def second_day(world, investor):
    """2 June: a VIP position that earned its first day, a full pool, the first day closed."""
    world.position = world.open(investor, "vip3", "1000000")
    fill_pool(world, "vip3", "1000")
    with transaction.atomic():
        partitions.make_partitions(world.day)
    accrual.accrue_day(world.day, now=after(world.day))
    world.next_day()
    return world


def test_a_day_is_accrued_and_settled(second_day, capsys):
    call_command("accrue_returns")
    call_command("settle_returns")
    shown = capsys.readouterr().out
    assert "VIP3" in shown and "280" in shown and "1 positions accrued" in shown
    assert paid(second_day.position) == 280


def test_a_dry_run_writes_nothing_and_says_that_postings_wait(second_day, capsys):
    before = AccrualSlice.objects.count()
    call_command("accrue_returns", "--dry-run")
    shown = capsys.readouterr().out
    assert "Postings wait" in shown and "nothing was written" in shown and "1 positions accrued" in shown
    assert (Accrual.objects.count(), AccrualSlice.objects.count()) == (0, before)
    call_command("accrue_returns")
    call_command("settle_returns", "--dry-run")
    assert "280" in capsys.readouterr().out
    assert (Settlement.objects.count(), SettlementRun.objects.count(), paid(second_day.position)) == (0, 0, 0)


def test_refusals_are_one_line(second_day):
    with pytest.raises(CommandError, match="accrual-unfinished"):
        call_command("settle_returns")
    with pytest.raises(CommandError, match="day-not-over"):
        call_command("accrue_returns", "--on", "2999-01-01")
    with pytest.raises(CommandError, match="partition-missing"):
        call_command("accrue_returns", "--on", "2020-01-01")
    assert not Accrual.objects.exists()


def test_an_incomplete_run_exits_with_three(transactional_db, second_day, capsys):
    past_the_guards("investments_positionterm", "UPDATE investments_positionterm SET principal = 9e19, rate = 9")
    with pytest.raises(SystemExit) as left:
        call_command("accrue_returns")
    assert left.value.code == 3
    assert str(second_day.position.pk) in capsys.readouterr().out
