"""What investors hear of their positions and returns: each fact once, a run's returns by one statement."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from investments import notices, services, settlement
from investments.models import ProductVersion, SettlementRun
from investments.terms import TERMS
from investments.tests.closing import after, close, fill_pool
from investments.tests.worlds import available
from ledger.posting import InsufficientBalance
from notifications.models import Delivery, Notification, Preference
from tests.people import make_investor

DAILY = "vip1"  # whole francs, every day


def told(kind: str, person=None) -> list[dict[str, str]]:
    found = Notification.objects.filter(kind=kind).order_by("pk")
    if person is not None:
        found = found.filter(user=person)
    return [{name: each.facts[name] for name in each.facts if name not in {"position", "product"}} for each in found]


class TestPositions:
    def test_money_that_went_in(self, world, investor):
        position = world.open(investor, "basic", "250")
        world.pay_in(investor, "10")
        services.fund_position(position.pk, owner=investor, amount=Decimal(10), now=world.now)
        assert told("position_funded") == [
            {"amount": "250", "currency": "USD"},
            {"amount": "10", "currency": "USD"},
        ]
        first = Notification.objects.filter(kind="position_funded").earliest("pk")
        assert (first.user, first.facts["position"]) == (investor, str(position.pk))
        assert first.facts["product"] == str(position.product_id)

    def test_a_refused_funding_says_nothing(self, world, investor):
        position = world.open(investor, "basic", "250")
        with pytest.raises(InsufficientBalance):
            services.fund_position(position.pk, owner=investor, amount=Decimal(10), now=world.now)
        assert len(told("position_funded")) == 1

    def test_money_that_came_out(self, world, investor):
        position = world.open(investor, "basic", "250")
        world.next_day()
        services.withdraw(position.pk, owner=investor, amount=Decimal(100), now=world.now)
        assert told("position_paid_out") == [{"amount": "100", "currency": "USD", "penalty": "0"}]
        assert told("exit_waits") == []

    def test_money_that_waits_and_is_paid_later(self, world, investor):
        position = world.open(investor, "basic", "250")
        world.next_day()
        world.put_to_work("basic", "200")
        services.withdraw(position.pk, owner=investor, amount=Decimal(100), now=world.now)
        assert told("exit_waits") == [{"amount": "100", "currency": "USD"}]
        assert told("position_paid_out") == []
        world.bring_back("basic", "200")
        services.pay_exits(position.product_id, now=world.now)
        services.pay_exits(position.product_id, now=world.now)
        assert told("position_paid_out") == [{"amount": "100", "currency": "USD", "penalty": "0"}]


class TestReturns:
    @pytest.fixture
    def paying(self, world, investor, stranger):
        """Ana has two positions of a product that pays daily, Eve one; its pool is full."""
        for owner, amount in ((investor, "30000"), (investor, "90000"), (stranger, "30000")):
            world.open(owner, DAILY, amount)
        fill_pool(world, DAILY, "1000")
        return world

    def test_all_of_a_persons_positions_are_one_notification_a_day(self, paying, investor, stranger):
        close(paying, 2)
        (mine,), (other,) = told("returns_paid", investor), told("returns_paid", stranger)
        assert (mine["on"], mine["currency"]) == ("2026-06-02", "XOF")
        assert Decimal(mine["amount"]) == available(investor, "XOF") and Decimal(other["amount"]) == available(
            stranger, "XOF"
        )
        assert Decimal(mine["amount"]) > Decimal(other["amount"]) > 0
        close(paying)
        assert [each["on"] for each in told("returns_paid", investor)] == ["2026-06-02", "2026-06-03"]
        assert sum(Decimal(each["amount"]) for each in told("returns_paid", investor)) == available(investor, "XOF")

    def test_a_day_that_is_settled_again_tells_nobody_again(self, paying):
        close(paying, 2)
        before = list(Notification.objects.filter(kind="returns_paid").values_list("pk", flat=True))
        day = paying.day - timedelta(days=1)
        settlement.settle_day(day, now=after(day))
        for run in SettlementRun.objects.filter(status="paid"):
            settlement.finish_run(run.pk, now=after(day), effective_on=day)
            assert notices.tell_returns(run, now=after(day)) == 0
        assert list(Notification.objects.filter(kind="returns_paid").values_list("pk", flat=True)) == before

    def test_it_costs_the_same_however_many_they_are_for(self, world, django_assert_num_queries):
        for number in range(6):
            world.open(make_investor(f"P{number}", kyc_level=1), DAILY, "30000")
        fill_pool(world, DAILY, "1000")
        close(world, 2)
        run = SettlementRun.objects.select_related("product").get(status="paid", amount__gt=0)
        Notification.objects.all().delete()
        with django_assert_num_queries(2):  # the planner's memory, the statement
            assert notices.tell_returns(run, now=world.now) == 6

    def test_mails_go_to_those_who_want_them(self, paying, investor, stranger):
        for person in (investor, stranger):
            person.email_verified_at = paying.now
            person.save(update_fields=["email_verified_at"])
        Preference.objects.create(user=stranger, category="returns", channel="email", wanted=True)
        close(paying, 2)
        sent = Delivery.objects.filter(notification__kind="returns_paid")
        assert list(sent.values_list("user_id", "channel")) == [(stranger.pk, "email")]

    def test_a_pool_that_is_short_is_told_once_a_due_day(self, world, investor, stranger):
        world.open(investor, DAILY, "30000")
        world.open(investor, DAILY, "30000")
        world.open(stranger, "basic", "1000")
        close(world, 4)
        assert told("returns_delayed") == [{"on": "2026-06-02"}]
        assert Notification.objects.get(kind="returns_delayed").user == investor
        assert told("returns_paid") == []
        fill_pool(world, DAILY, "1000")
        close(world)
        assert [each["on"] for each in told("returns_paid")] == [f"2026-06-0{day}" for day in range(2, 6)]
        assert len(told("returns_delayed")) == 1

    def test_who_is_due_nothing_that_day_isnt_told_of_a_delay(self, world, investor, stranger):
        term = ProductVersion.objects.get(product__code="stake-30")
        at_maturity = {name: getattr(term, name) for name in TERMS}
        officer = world.officers[0]
        for payout, owner in (("at_maturity", stranger), ("daily", investor)):
            fields = at_maturity | {"payout": payout}
            draft = services.draft_version(term.product_id, fields, by=officer, now=world.now)
            world.approve(services.request_activation(draft.pk, by=officer, reason="Both", now=world.now))
            world.open(owner, "stake-30", "5000")
        close(world, 2)
        assert list(Notification.objects.filter(kind="returns_delayed").values_list("user_id", flat=True)) == [
            investor.pk
        ]

    def test_who_ends_that_day_is_told_whatever_the_rhythm(self, world, investor):
        position = world.open(investor, "stake-30", "5000")
        position.refresh_from_db()
        close(world, (position.last_on - world.day).days)
        assert told("returns_delayed") == []
        close(world)
        assert told("returns_delayed") == [{"on": str(position.last_on)}]
