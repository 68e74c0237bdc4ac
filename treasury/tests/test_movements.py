"""Each verb: what it posts and remembers, and what it refuses with nothing changed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from accounts.errors import PersonDeleted
from ledger.accounts import open_account
from ledger.evidence import DuplicateEvidence, record
from ledger.posting import FundCommitted, InsufficientBalance, Move, post
from oversight.models import AuditEvent
from oversight.services import NotAllowedToAsk, NotAllowedToDecide, OwnRequest
from treasury import coverage, hooks, services, signals
from treasury.models import TreasuryMovement
from treasury.services import movements
from treasury.services.checks import AboveCost, CoverageMissing, ExitsWaiting, PoolMustKeep, ReceiptIsCapital
from treasury.services.papers import Paper
from treasury.services.terms import (
    Counterparty,
    InvalidTerms,
    UnknownAsset,
    UnknownCashAccount,
    UnknownInvestor,
)
from treasury.tests.conftest import BASIC, MILL, PARENT, Desk, refused

USD = {"currency": "USD"}
D = Decimal


def cover(owed: str = "0", accrued: str = "0", mean: str = "0", **more: Any) -> coverage.ProductCover:
    return coverage.ProductCover(
        scope=BASIC, currency="USD", owed=D(owed), accrued=D(accrued), mean_accrual=D(mean), above_ceiling=False, **more
    )


def test_deploy_moves_cash_into_the_asset_and_keeps_all_that_was_said(desk: Desk) -> None:
    asset = desk.deployed("600")
    movement = TreasuryMovement.objects.get()
    assert (desk.balance("cash"), desk.balance("deployed", subject=str(asset.pk))) == (D(400), D(600))
    assert (movement.verb, movement.amount, movement.currency_id, movement.scope) == ("deploy", D(600), "USD", BASIC)
    assert (movement.counterparty_name, movement.counterparty_country) == ("Sika Oil Mill SA", "BJ")
    assert not movement.is_related
    assert (movement.requested_by, movement.approved_by) == (desk.omar, desk.lin)
    assert movement.booked_on == desk.day
    posted = movement.transaction
    assert (posted.kind, posted.approval_id, posted.evidence) == ("deploy", movement.request_id, movement.evidence)
    assert posted.key == f"deploy:{movement.evidence_id}"
    assert movement.evidence.type == "document"
    assert movement.evidence.file.read().startswith(b"%PDF")
    assert AuditEvent.objects.filter(action="treasury.deploy", actor=desk.lin).count() == 1


def test_the_request_shows_counterparty_evidence_and_what_will_happen_in_figures(desk: Desk) -> None:
    desk.deposit("1000")
    desk.fund("1000")
    desk.state("1000")
    request = desk.ask(
        services.request_deploy,
        asset=desk.asset().pk,
        cash="bank",
        amount="600",
        counterparty=PARENT,
        paper=desk.paper("LOAN-1"),
    )
    lines = dict(request.summary)
    assert lines["Counterparty"] == "Fiducia Holding, FR, owner"
    assert lines["Evidence"] == "Bank of Cotonou: LOAN-1"
    assert lines["cash:bank USD"] == "1,000.00 USD becomes 400.00 USD"
    assert lines["deployed:product:basic USD"] == "0.00 USD becomes 600.00 USD"
    assert lines["Coverage USD"] == "100.0000 % becomes 40.0000 %"
    assert request.payload["terms"]["counterparty"] == ["Fiducia Holding", "FR", "owner"]


def test_deploy_is_refused_while_exits_wait(desk: Desk, exits_wait: None) -> None:
    desk.deposit("1000")
    desk.fund("1000")
    asset = desk.asset()
    with refused(desk, ExitsWaiting):
        desk.ask(services.request_deploy, asset=asset.pk, cash="bank", amount="600", counterparty=MILL)


def test_an_exit_that_began_to_wait_after_the_request_stops_the_deploy(desk: Desk) -> None:
    desk.deposit("1000")
    desk.fund("1000")
    request = desk.ask(services.request_deploy, asset=desk.asset().pk, cash="bank", amount="600", counterparty=MILL)
    hooks.exits_waiting.register(lambda scope, currency: (scope, currency) == (BASIC, "USD"))
    with refused(desk, ExitsWaiting):
        desk.approve(request)


def test_deploy_is_refused_beyond_what_the_products_investors_put_in(desk: Desk) -> None:
    desk.deposit("1000")
    desk.fund("500")
    asset = desk.asset()
    with refused(desk, FundCommitted) as info:
        desk.ask(services.request_deploy, asset=asset.pk, cash="bank", amount="500.01", counterparty=MILL)
    assert info.value.facts["free"] == "500"


def test_two_requests_for_the_same_money_let_one_through(desk: Desk) -> None:
    desk.deposit("1000")
    desk.fund("1000")
    asset = desk.asset()
    asked = {"asset": asset.pk, "cash": "bank", "amount": "600", "counterparty": MILL}
    first, second = desk.ask(services.request_deploy, **asked), desk.ask(services.request_deploy, **asked)
    desk.approve(first)
    with refused(desk, FundCommitted):
        desk.approve(second)


def test_divest_brings_capital_back_and_says_so_to_the_rooms_above(desk: Desk) -> None:
    heard: list[dict[str, Any]] = []

    def hear(sender: Any, **payload: Any) -> None:
        heard.append({name: payload[name] for name in ("scope", "currency", "now")})

    asset = desk.deployed("600")
    signals.capital_returned.connect(hear)
    try:
        desk.do(services.request_divest, asset=asset.pk, cash="bank", amount="250", counterparty=MILL)
    finally:
        signals.capital_returned.disconnect(hear)
    assert (desk.balance("cash"), desk.balance("deployed")) == (D(650), D(350))
    assert heard == [{"scope": BASIC, "currency": "USD", "now": desk.now}]


def test_more_than_the_cost_is_no_capital(desk: Desk) -> None:
    asset = desk.deployed("600")
    with refused(desk, AboveCost) as info:
        desk.ask(services.request_divest, asset=asset.pk, cash="bank", amount="600.01", counterparty=MILL)
    assert info.value.facts["cost"] == "600"


def test_a_receipt_is_capital_unless_the_evidence_says_income(desk: Desk) -> None:
    asset = desk.deployed("600")
    asked = {"asset": asset.pk, "cash": "bank", "amount": "30", "counterparty": MILL}
    with refused(desk, ReceiptIsCapital):
        desk.ask(services.request_record_income, **asked)
    request = desk.ask(services.request_record_income, **asked, income_basis="coupon of June, line 4")
    assert ["Income, because", "coupon of June, line 4"] in request.summary
    desk.approve(request)
    assert (desk.balance("returns_pool", scope=BASIC), desk.balance("deployed")) == (D(30), D(600))


def test_income_of_an_asset_that_is_paid_back_needs_no_quote(desk: Desk) -> None:
    asset = desk.deployed("600")
    desk.do(services.request_divest, asset=asset.pk, cash="bank", amount="600", counterparty=MILL)
    desk.do(services.request_record_income, asset=asset.pk, cash="bank", amount="12", counterparty=PARENT)
    income = TreasuryMovement.objects.get(verb="record_income")
    assert income.is_related
    assert desk.balance("returns_pool") == D(12)


def test_capital_in_into_a_pool_and_out_again(desk: Desk) -> None:
    desk.do(services.request_pay_in_capital, cash="bank", amount="500", counterparty=PARENT, **USD)
    desk.do(services.request_fund_pool, scope=BASIC, amount="300", **USD)
    desk.do(services.request_take_out_capital, cash="bank", amount="150", counterparty=PARENT, **USD)
    assert desk.balance("cash") == D(350)
    assert (desk.balance("capital"), desk.balance("returns_pool")) == (D(50), D(300))
    with refused(desk, InsufficientBalance):
        desk.ask(services.request_take_out_capital, cash="bank", amount="50.01", counterparty=PARENT, **USD)
    with refused(desk, InsufficientBalance):
        desk.ask(services.request_fund_pool, scope=BASIC, amount="50.01", **USD)


def test_release_keeps_what_is_earned_and_thirty_days(desk: Desk) -> None:
    desk.do(services.request_pay_in_capital, cash="bank", amount="1000", counterparty=PARENT, **USD)
    desk.do(services.request_fund_pool, scope=BASIC, amount="1000", **USD)
    with refused(desk, CoverageMissing):
        desk.ask(services.request_release_pool, scope=BASIC, amount="1", **USD)
    desk.cover(cover(owed="50", accrued="25", mean="10"))
    # 1,000 - (50 + 25 + 30 x 10) = 625
    with refused(desk, PoolMustKeep) as info:
        desk.ask(services.request_release_pool, scope=BASIC, amount="625.01", **USD)
    assert info.value.facts["keep"] == "375"
    desk.do(services.request_release_pool, scope=BASIC, amount="625", **USD)
    assert (desk.balance("returns_pool"), desk.balance("fees")) == (D(375), D(625))
    desk.do(services.request_sweep_fees, cash="bank", purse="fees", amount="600", **USD)
    assert (desk.balance("cash"), desk.balance("fees")) == (D(400), D(25))


def test_a_pool_that_shrank_since_the_request_keeps_what_it_must(desk: Desk) -> None:
    desk.do(services.request_pay_in_capital, cash="bank", amount="400", counterparty=PARENT, **USD)
    desk.do(services.request_fund_pool, scope=BASIC, amount="400", **USD)
    desk.cover(cover(owed="100"))
    first = desk.ask(services.request_release_pool, scope=BASIC, amount="200", **USD)
    second = desk.ask(services.request_release_pool, scope=BASIC, amount="200", **USD)
    desk.approve(first)
    with refused(desk, PoolMustKeep):
        desk.approve(second)


def test_coverage_older_than_the_last_closed_day_releases_nothing(desk: Desk) -> None:
    desk.do(services.request_pay_in_capital, cash="bank", amount="400", counterparty=PARENT, **USD)
    desk.do(services.request_fund_pool, scope=BASIC, amount="400", **USD)
    desk.cover(cover())
    desk.close()
    with refused(desk, CoverageMissing):
        desk.ask(services.request_release_pool, scope=BASIC, amount="1", **USD)


def test_a_loss_is_borne_by_the_firm_and_recovered(desk: Desk) -> None:
    asset = desk.deployed("600")
    desk.do(services.request_write_down, asset=asset.pk, amount="200")
    assert (desk.balance("deployed"), desk.balance("shortfall", scope=BASIC)) == (D(400), D(200))
    with refused(desk, AboveCost):
        desk.ask(services.request_write_down, asset=asset.pk, amount="400.01")
    desk.do(services.request_write_up, asset=asset.pk, amount="50")
    assert (desk.balance("deployed"), desk.balance("shortfall", scope=BASIC)) == (D(450), D(150))
    with refused(desk, InsufficientBalance):
        desk.ask(services.request_write_up, asset=asset.pk, amount="150.01")


def test_the_firm_makes_a_loss_good(desk: Desk) -> None:
    asset = desk.deployed("600")
    desk.do(services.request_write_down, asset=asset.pk, amount="200")
    desk.do(services.request_pay_in_capital, cash="bank", amount="500", counterparty=PARENT, **USD)
    with refused(desk, InvalidTerms):
        desk.ask(services.request_make_good, scope=BASIC, purse="available", amount="200", **USD)
    with refused(desk, InsufficientBalance):
        desk.ask(services.request_make_good, scope=BASIC, purse="fees", amount="200", **USD)
    with refused(desk, InsufficientBalance):
        desk.ask(services.request_make_good, scope=BASIC, purse="capital", amount="200.01", **USD)
    desk.do(services.request_make_good, scope=BASIC, purse="capital", amount="200", **USD)
    assert (desk.balance("shortfall"), desk.balance("capital")) == (D(0), D(300))


def test_costs_interest_moves_and_breaks(desk: Desk) -> None:
    desk.deposit("1000")
    desk.do(services.request_provider_cost, cash="bank", amount="5", **USD)
    desk.do(services.request_bank_interest, cash="bank", amount="8", **USD)
    desk.do(services.request_make_good, scope="costs", purse="fees", amount="5", **USD)
    desk.do(services.request_cash_move, cash="bank", to_cash="reserve", amount="300", **USD)
    desk.do(services.request_cash_missing, cash="reserve", amount="20", **USD)
    desk.do(services.request_cash_surplus, cash="bank", amount="7", **USD)
    assert desk.balance("cash", scope="bank") == D(710)
    assert desk.balance("cash", scope="reserve") == D(280)
    assert (desk.balance("fees"), desk.balance("shortfall", scope="costs")) == (D(3), D(0))
    assert desk.balance("shortfall", scope="break") == D(20)
    assert desk.balance("suspense", scope="bank") == D(7)
    with refused(desk, InvalidTerms):
        desk.ask(services.request_cash_move, cash="bank", to_cash="bank", amount="1", **USD)


def test_unmatched_money_and_mistakes_about_an_investor(desk: Desk, eve: Any) -> None:
    desk.deposit("100")
    desk.do(services.request_correction, cash="bank", investor=desk.ana.pk, amount="40", **USD)
    desk.do(services.request_suspense_allot, cash="bank", investor=eve.pk, amount="30", **USD)
    desk.do(services.request_suspense_return, cash="bank", amount="10", **USD)
    assert desk.balance("available", owner=desk.ana) == D(60)
    assert desk.balance("available", owner=eve) == D(30)
    assert (desk.balance("suspense"), desk.balance("cash")) == (D(0), D(90))
    with refused(desk, InsufficientBalance):
        desk.ask(services.request_correction, cash="bank", investor=desk.ana.pk, amount="60.01", **USD)
    desk.do(services.request_bank_interest, cash="bank", amount="5", **USD)
    goodwill = desk.do(services.request_goodwill, purse="fees", investor=eve.pk, amount="5", **USD)
    assert desk.balance("available", owner=eve) == D(35)
    assert goodwill.investor == eve


@pytest.mark.parametrize(
    ("verb", "more"),
    [("suspense_allot", {"cash": "bank", "amount": "30"}), ("goodwill", {"purse": "fees", "amount": "5"})],
)
def test_nobody_who_is_deleted_is_credited(desk: Desk, eve: Any, verb: str, more: dict[str, str]) -> None:
    """Neither at asking nor at applying: a deletion that came in between is found."""
    request = getattr(services, f"request_{verb}")
    desk.deposit("100")
    desk.do(services.request_correction, cash="bank", investor=desk.ana.pk, amount="40", **USD)
    desk.do(services.request_bank_interest, cash="bank", amount="5", **USD)
    asked = desk.ask(request, investor=eve.pk, **more, **USD)
    type(eve).objects.filter(pk=eve.pk).update(deleted_at=desk.now)
    with refused(desk, PersonDeleted):
        desk.approve(asked)
    with refused(desk, PersonDeleted):
        desk.ask(request, investor=eve.pk, **more, **USD)
    with pytest.raises(PersonDeleted):
        movements.look(asked)
    assert (desk.balance("suspense"), desk.balance("fees")) == (D(40), D(5))
    type(eve).objects.filter(pk=eve.pk).update(deleted_at=None)
    desk.approve(asked)
    assert desk.balance("available", owner=eve) == D(more["amount"])


def test_what_payments_put_into_suspense_is_theirs_to_allot(desk: Desk) -> None:
    desk.deposit("100")
    line = record(type="statement_line", source="bank", reference="UNKNOWN-1", at=desk.now, content=b"line")
    move = Move(open_account("cash", "USD", scope="bank"), open_account("suspense", "USD", scope="bank"), D(40))
    post("deposit", [move], key="deposit:bank:UNKNOWN-1", now=desk.now, evidence=line)
    with refused(desk, InsufficientBalance):
        desk.ask(services.request_suspense_allot, cash="bank", investor=desk.ana.pk, amount="40", **USD)
    desk.do(services.request_cash_surplus, cash="bank", amount="7", **USD)
    desk.do(services.request_suspense_allot, cash="bank", investor=desk.ana.pk, amount="7", **USD)
    assert desk.balance("suspense") == D(40)


def test_an_officer_asks_for_nothing_to_his_own_benefit(desk: Desk) -> None:
    desk.deposit("100")
    desk.do(services.request_bank_interest, cash="bank", amount="5", **USD)
    with refused(desk, OwnRequest):
        desk.ask(services.request_goodwill, purse="fees", investor=desk.omar.pk, amount="5", **USD)


def test_a_reference_stands_behind_one_posting_only(desk: Desk) -> None:
    desk.deposit("1000")
    first = desk.ask(services.request_bank_interest, cash="bank", amount="5", paper=desk.paper("INT-06"), **USD)
    again = desk.ask(services.request_bank_interest, cash="bank", amount="5", paper=desk.paper(" int-06 "), **USD)
    desk.approve(first)
    with refused(desk, DuplicateEvidence):
        desk.approve(again)
    with refused(desk, DuplicateEvidence):
        desk.ask(services.request_bank_interest, cash="bank", amount="5", paper=desk.paper("INT-06"), **USD)
    with refused(desk, DuplicateEvidence):
        desk.ask(
            services.request_record_statement_balance,
            cash="bank",
            currency="USD",
            balance=D(1),
            day=desk.day,
            paper=desk.paper("INT-06"),
        )


def test_what_makes_no_sense_is_refused_by_its_field(desk: Desk) -> None:
    asset = desk.deployed("600")
    whole: dict[str, Any] = {"asset": asset.pk, "cash": "bank", "amount": "1", "counterparty": MILL}
    for changed, error in (
        ({"amount": "0"}, InvalidTerms),
        ({"amount": "-1"}, InvalidTerms),
        ({"amount": "NaN"}, InvalidTerms),
        ({"amount": "Infinity"}, InvalidTerms),
        ({"amount": "0.001"}, InvalidTerms),
        ({"amount": "1e30"}, InvalidTerms),
        ({"asset": None}, InvalidTerms),
        ({"asset": desk.ana.pk}, UnknownAsset),
        ({"cash": ""}, InvalidTerms),
        ({"cash": "nowhere"}, UnknownCashAccount),
        ({"cash": "Bank; drop"}, InvalidTerms),
        ({"counterparty": None}, InvalidTerms),
        ({"counterparty": Counterparty("", "BJ", "unrelated")}, InvalidTerms),
        ({"counterparty": Counterparty("Mill", "XX", "unrelated")}, InvalidTerms),
        ({"counterparty": Counterparty("Mill", "BJ", "friend")}, InvalidTerms),
        ({"reason": " "}, InvalidTerms),
        ({"paper": Paper(source="", reference="R", name="a.pdf", content=b"x")}, InvalidTerms),
        ({"paper": Paper(source="Bank", reference=" ", name="a.pdf", content=b"x")}, InvalidTerms),
        ({"paper": Paper(source="Bank", reference="R", name="a.pdf", content=b"")}, InvalidTerms),
    ):
        with refused(desk, error):
            desk.ask(services.request_deploy, **{**whole, **changed})
    for scope in ("basic", "product:", "product:A B", "costs", ""):
        with refused(desk, InvalidTerms):
            desk.ask(services.request_fund_pool, scope=scope, amount="1", **USD)
    with refused(desk, UnknownInvestor):
        desk.ask(services.request_goodwill, purse="fees", investor=asset.pk, amount="1", **USD)
    with refused(desk, InvalidTerms):
        desk.ask(services.request_bank_interest, cash="bank", amount="1", counterparty=MILL, **USD)


def test_a_scope_that_no_room_above_knows_is_refused(desk: Desk) -> None:
    hooks.scopes.register(lambda: [(BASIC, "USD")])
    assert desk.asset().scope == BASIC
    with refused(desk, InvalidTerms):
        desk.asset(scope="product:basci")


def test_who_may_not_may_not(desk: Desk, eve: Any, ada: Any) -> None:
    desk.deposit("100")
    for stranger in (eve, ada):
        with refused(desk, NotAllowedToAsk):
            desk.ask(services.request_bank_interest, by=stranger, cash="bank", amount="1", **USD)
        with refused(desk, NotAllowedToAsk):
            services.open_asset(scope=BASIC, currency="USD", name="Mine", by=stranger, now=desk.now)
    request = desk.ask(services.request_bank_interest, cash="bank", amount="1", **USD)
    for stranger in (eve, ada):
        with refused(desk, NotAllowedToDecide):
            desk.approve(request, by=stranger)
    with refused(desk, OwnRequest):
        desk.approve(request, by=desk.omar)


def test_every_verb_is_a_pair_that_oversight_knows() -> None:
    from oversight import verbs
    from treasury.models import Verb

    assert set(services.REQUESTS) == set(Verb) - {Verb.REVERSE}
    for verb in Verb:
        assert verbs.get(f"treasury.{verb.value}").approve_permission.startswith("treasury.approve_")
        if verb != Verb.REVERSE:
            assert getattr(services, f"request_{verb.value}") is services.REQUESTS[verb]
            assert callable(getattr(services, f"apply_{verb.value}"))
