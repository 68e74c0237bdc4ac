"""Coverage of closed days, on a real ledger."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ledger import seals
from treasury import coverage, services
from treasury.models import Coverage, CoverageDay, CoveragePart, ProductCoverage
from treasury.tests.conftest import BASIC, MILL, PARENT, Desk

USD = {"currency": "USD"}
D = Decimal


def cover(**changed: Any) -> coverage.ProductCover:
    given: dict[str, Any] = {
        "scope": BASIC,
        "currency": "USD",
        "name": "Basic",
        "owed": D(40),
        "accrued": D(60),
        "mean_accrual": D(25),
        "above_ceiling": True,
        "yearly_rate": D("3.00"),
        "rate_ceiling": D("0.36"),
    }
    return coverage.ProductCover(**{**given, **changed})


def worked_example(desk: Desk) -> Any:
    """The example of docs/rules/coverage.md, up to the close of its day; return the asset."""
    desk.deposit("10000")
    desk.fund("8000")
    asset = desk.asset()
    desk.do(services.request_deploy, asset=asset.pk, cash="bank", amount="5000", counterparty=MILL)
    desk.do(services.request_pay_in_capital, cash="bank", amount="1000", counterparty=PARENT, **USD)
    desk.do(services.request_fund_pool, scope=BASIC, amount="600", **USD)
    desk.do(
        services.request_record_income,
        asset=asset.pk,
        cash="bank",
        amount="150",
        counterparty=MILL,
        income_basis="coupon of May",
    )
    desk.do(services.request_write_down, asset=asset.pk, amount="500")
    desk.do(services.request_provider_cost, cash="bank", amount="20", **USD)
    desk.state("6100")
    desk.value(asset, "4400")
    return asset


def test_the_worked_example(desk: Desk) -> None:
    """Source: docs/rules/coverage.md, "A day by hand"."""
    worked_example(desk)
    row = desk.cover(cover())
    assert (row.available, row.principal, row.claims) == (D(2000), D(8000), D(10000))
    assert (row.returns_pool, row.ring_fenced, row.capital, row.own) == (D(750), D(750), D(400), D(400))
    assert (row.cash, row.deployed, row.shortfall) == (D(6130), D(4500), D(520))
    assert (row.unconfirmed_cash, row.unconfirmed_deployed, row.confirmed) == (D(30), D(100), D(10500))
    assert row.ratio == D("0.939534")
    missing = row.receivable + row.shortfall + row.fx + row.unconfirmed
    assert row.claims + row.ring_fenced - (row.confirmed - row.own) == missing == D(650)

    product = ProductCoverage.objects.get()
    assert (product.principal, product.deployed, product.shortfall) == (D(8000), D(4500), D(500))
    assert (product.pool, product.owed, product.accrued, product.days_of_cover) == (D(750), D(40), D(60), D("30.0"))
    assert (product.income_received, product.firm_capital_received) == (D(150), D(600))
    assert product.related_income_received == 0
    assert product.above_rate_ceiling
    assert product.is_covered
    assert CoverageDay.objects.get().rate_ceiling == D("0.36")

    desk.do(services.request_make_good, scope=BASIC, purse="capital", amount="400", **USD)
    desk.state("6100")
    assert desk.cover(cover()).ratio == D("0.976744")


def test_with_everything_confirmed_and_nothing_lost_it_is_whole(desk: Desk) -> None:
    asset = desk.deployed("600")
    desk.do(services.request_pay_in_capital, cash="bank", amount="500", counterparty=PARENT, **USD)
    desk.state("900")
    desk.value(asset, "700")
    row = desk.cover()
    assert (row.confirmed, row.own, row.ratio) == (D(1500), D(500), D("1.000000"))


def test_a_write_down_takes_it_below_a_hundred_though_capital_lies_in_the_bank(desk: Desk) -> None:
    asset = desk.deployed("600")
    desk.do(services.request_pay_in_capital, cash="bank", amount="500", counterparty=PARENT, **USD)
    desk.do(services.request_write_down, asset=asset.pk, amount="200")
    desk.state("900")
    desk.value(asset, "400")
    row = desk.cover()
    assert (row.capital, row.shortfall, row.ratio) == (D(500), D(200), D("0.800000"))
    desk.do(services.request_make_good, scope=BASIC, purse="capital", amount="200", **USD)
    desk.state("900")
    row = desk.cover()
    assert (row.capital, row.shortfall, row.ratio) == (D(300), D(0), D("1.000000"))


def test_a_missing_statement_takes_it_below_a_hundred_though_capital_lies_in_the_bank(desk: Desk) -> None:
    desk.deposit("1000")
    desk.do(services.request_pay_in_capital, cash="bank", amount="500", counterparty=PARENT, **USD)
    row = desk.cover()
    assert (row.unconfirmed_cash, row.confirmed, row.ratio) == (D(1500), D(0), D("-0.500000"))
    desk.state("1500")
    ratios = [desk.cover().ratio for _ in range(5)]
    assert ratios == [D(1), D(1), D(1), D(1), D("-0.500000")]


def test_a_statement_below_the_books_takes_it_below_a_hundred_though_capital_lies_in_the_bank(desk: Desk) -> None:
    desk.deposit("1000")
    desk.do(services.request_pay_in_capital, cash="bank", amount="500", counterparty=PARENT, **USD)
    desk.state("1400")
    row = desk.cover()
    assert (row.capital, row.unconfirmed_cash, row.ratio) == (D(500), D(100), D("0.900000"))
    desk.state("9999")
    assert desk.cover().ratio == D(1)


def test_of_two_statements_of_a_day_the_later_word_counts(desk: Desk) -> None:
    desk.deposit("1000")
    desk.state("10")
    desk.state("1000")
    assert desk.cover().ratio == D(1)


def test_a_valuation_older_than_ninety_days_confirms_nothing(desk: Desk) -> None:
    asset = desk.deployed("600")
    desk.state("400")
    desk.value(asset, "600", on=desk.day - timedelta(days=91))
    row = desk.cover()
    assert (row.unconfirmed_deployed, row.ratio) == (D(600), D("0.400000"))
    part = CoveragePart.objects.get(asset=asset)
    assert (part.is_evidenced, part.evidence_amount, part.confirmed) == (False, D(600), D(0))
    desk.state("400")
    desk.value(asset, "600", on=desk.day - timedelta(days=90))
    assert desk.cover().ratio == D(1)


def test_the_firms_money_counts_once_it_stands_in_a_pool(desk: Desk) -> None:
    desk.do(services.request_pay_in_capital, cash="bank", amount="500", counterparty=PARENT, **USD)
    desk.state("500")
    assert desk.cover().ratio is None
    desk.do(services.request_fund_pool, scope=BASIC, amount="200", **USD)
    desk.state("500")
    row = desk.cover()
    assert (row.own, row.ring_fenced, row.ratio) == (D(300), D(200), D(1))


def test_income_stands_beside_cost_with_who_paid_it(desk: Desk) -> None:
    asset = desk.deployed("600")
    for amount, party in (("30", MILL), ("12", PARENT)):
        desk.do(
            services.request_record_income,
            asset=asset.pk,
            cash="bank",
            amount=amount,
            counterparty=party,
            income_basis="coupon",
        )
    desk.cover(cover())
    part = CoveragePart.objects.get(asset=asset)
    assert (part.book, part.income, part.related_income) == (D(600), D(42), D(12))
    assert part.has_related_counterparty
    product = ProductCoverage.objects.get()
    assert (product.income_received, product.related_income_received) == (D(42), D(12))


def test_a_closed_day_is_read_as_it_ended_whatever_came_after(desk: Desk) -> None:
    asset = desk.deployed("600")
    desk.do(services.request_divest, asset=asset.pk, cash="bank", amount="600", counterparty=MILL)
    income = desk.do(services.request_record_income, asset=asset.pk, cash="bank", amount="30", counterparty=MILL)
    desk.state("1030")
    closed = desk.close()
    desk.do(services.request_reversal, movement_id=income.pk)
    desk.deposit("5000")
    coverage.compute_and_store(closed, [cover()], desk.now)
    row = coverage.of_currency("USD", on=closed)
    assert row is not None
    assert (row.cash, row.principal, row.available, row.returns_pool) == (D(1030), D(1000), D(0), D(30))
    assert row.ratio == D(1)
    assert ProductCoverage.objects.get(day=closed).income_received == D(30)
    desk.state("6000")
    row = desk.cover(cover())
    assert (row.cash, row.available, row.returns_pool) == (D(6000), D(5000), D(0))
    assert ProductCoverage.objects.get(day=row.day_id).income_received == 0


def test_a_stored_day_stays_and_its_digest_is_of_its_rows(desk: Desk) -> None:
    worked_example(desk)
    closed = desk.close()
    first = coverage.compute_and_store(closed, [cover()], desk.now)
    again = coverage.compute_and_store(closed, [cover(owed=D(1))], desk.now)
    assert bytes(again.digest) == bytes(first.digest) == coverage.digest(closed)
    assert coverage.recompute_digest(CoverageDay.objects.get(pk=closed)) == bytes(first.digest)
    assert ProductCoverage.objects.get().owed == D(40)
    seal = seals.seal_day(closed, coverage_sha256=coverage.digest(closed))
    assert bytes(seal.coverage_sha256) == bytes(first.digest)


def test_the_digest_is_over_what_the_columns_keep(desk: Desk) -> None:
    """A mean has more digits than a column; seen to break `verify_ledger` on the demo's 30 days."""
    desk.deposit("10")
    closed = desk.close()
    third = D(1) / D(3)
    precise = cover(mean_accrual=D("1.00000000000000000050001"), accrued=D("2e-19"), owed=third, yearly_rate=third)
    first = coverage.compute_and_store(closed, [precise], desk.now)
    assert coverage.recompute_digest(CoverageDay.objects.get(pk=closed)) == bytes(first.digest)
    assert ProductCoverage.objects.get().mean_accrual == D("1.000000000000000001")


def test_an_open_day_has_no_coverage(desk: Desk) -> None:
    desk.deposit("10")
    with pytest.raises(coverage.DayNotClosed):
        coverage.compute_and_store(desk.day, [], desk.now)
    assert not CoverageDay.objects.exists()
    assert coverage.digest(desk.day) == seals.EMPTY


def test_a_day_without_money_is_stored_as_such(desk: Desk) -> None:
    closed = desk.close()
    header = coverage.compute_and_store(closed, [], desk.now)
    assert header.investors == 0
    assert not Coverage.objects.exists()


def test_each_currency_stands_alone(desk: Desk) -> None:
    desk.deposit("1000")
    desk.deposit("655957", currency="XOF", cash="momo")
    desk.state("1000")
    desk.cover()
    ratios = dict(Coverage.objects.values_list("currency_id", "ratio"))
    assert ratios == {"USD": D(1), "XOF": D(0)}
