"""Reversals, once and by their mirror; and the dated evidence that posts nothing."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.errors import PersonDeleted
from core.errors import DomainError
from ledger.models import Evidence, Transaction
from ledger.posting import InsufficientBalance
from oversight.services import NotAllowedToAsk
from treasury import services
from treasury.models import TreasuryMovement
from treasury.services import reversals
from treasury.services.terms import InvalidTerms, UnknownCashAccount
from treasury.tests.conftest import BASIC, MILL, PARENT, Desk, refused

USD = {"currency": "USD"}
D = Decimal


def test_a_reversal_undoes_a_posting_once_and_its_paper_may_be_used_rightly(desk: Desk) -> None:
    desk.deposit("1000")
    wrong = desk.do(services.request_bank_interest, cash="bank", amount="80", paper=desk.paper("INT-06"), **USD)
    request = desk.ask(services.request_reversal, movement_id=wrong.pk)
    assert ["Reverses", f"Interest on client accounts of {desk.day}"] in request.summary
    desk.approve(request)
    assert (desk.balance("cash"), desk.balance("fees")) == (D(1000), D(0))
    assert not TreasuryMovement.objects.standing().exists()
    with refused(desk, DomainError):
        desk.ask(services.request_reversal, movement_id=wrong.pk)
    with refused(desk, DomainError):
        desk.ask(services.request_reversal, movement_id=wrong.reversed_by.pk)
    right = desk.do(services.request_bank_interest, cash="bank", amount="8", paper=desk.paper("INT-06"), **USD)
    assert right.evidence == wrong.evidence
    assert right.transaction.key == f"bank_interest:{wrong.evidence_id}:2"
    assert list(TreasuryMovement.objects.standing()) == [right]
    assert Evidence.objects.filter(reference="INT-06").count() == 1
    assert Transaction.objects.filter(evidence=right.evidence).count() == 2


def test_two_reversals_asked_for_at_once_let_one_through(desk: Desk) -> None:
    desk.deposit("1000")
    wrong = desk.do(services.request_bank_interest, cash="bank", amount="80", **USD)
    first = desk.ask(services.request_reversal, movement_id=wrong.pk)
    second = desk.ask(services.request_reversal, movement_id=wrong.pk)
    desk.approve(first)
    with refused(desk, DomainError):
        desk.approve(second)


def test_a_reversal_that_the_account_does_not_cover_is_refused(desk: Desk) -> None:
    asset = desk.deployed("600")
    income = desk.do(
        services.request_record_income,
        asset=asset.pk,
        cash="bank",
        amount="30",
        counterparty=MILL,
        income_basis="coupon",
    )
    capital = desk.do(services.request_pay_in_capital, cash="bank", amount="500", counterparty=PARENT, **USD)
    desk.do(services.request_fund_pool, scope=BASIC, amount="300", **USD)
    desk.do(services.request_reversal, movement_id=income.pk)
    assert desk.balance("returns_pool") == D(300)
    request = desk.ask(services.request_reversal, movement_id=capital.pk)
    with refused(desk, InsufficientBalance):
        desk.approve(request)


def test_a_correction_taken_back_credits_nobody_who_is_deleted(desk: Desk) -> None:
    """Neither at asking nor at applying; both pages say so before."""
    desk.deposit("100")
    taken = desk.do(services.request_correction, cash="bank", investor=desk.ana.pk, amount="100", **USD)
    asked = desk.ask(services.request_reversal, movement_id=taken.pk)
    type(desk.ana).objects.filter(pk=desk.ana.pk).update(deleted_at=desk.now)
    with refused(desk, PersonDeleted):
        desk.approve(asked)
    with refused(desk, PersonDeleted):
        desk.ask(services.request_reversal, movement_id=taken.pk)
    with pytest.raises(PersonDeleted):
        reversals.look(asked)
    with pytest.raises(PersonDeleted):
        reversals.preview_reversal(taken)
    assert desk.balance("available", owner=desk.ana) == D(0)
    type(desk.ana).objects.filter(pk=desk.ana.pk).update(deleted_at=None)
    desk.approve(asked)
    assert desk.balance("available", owner=desk.ana) == D(100)


def test_what_was_given_to_somebody_who_is_deleted_may_be_taken_back(desk: Desk, eve: Any) -> None:
    desk.deposit("100")
    desk.do(services.request_correction, cash="bank", investor=desk.ana.pk, amount="40", **USD)
    given = desk.do(services.request_suspense_allot, cash="bank", investor=eve.pk, amount="40", **USD)
    type(eve).objects.filter(pk=eve.pk).update(deleted_at=desk.now)
    desk.do(services.request_reversal, movement_id=given.pk)
    assert (desk.balance("available", owner=eve), desk.balance("suspense")) == (D(0), D(40))


def test_a_valuation_is_dated_evidenced_and_in_the_past(desk: Desk, eve: Any) -> None:
    asset = desk.deployed("600")
    row = desk.value(asset, "550")
    assert (row.amount, row.valued_on, row.requested_by, row.approved_by) == (D(550), desk.day, desk.omar, desk.lin)
    tomorrow = desk.day + timedelta(days=1)
    with refused(desk, InvalidTerms):
        desk.ask(services.request_value_asset, asset=asset.pk, amount="1", valued_on=tomorrow)
    with refused(desk, InvalidTerms):
        desk.ask(services.request_value_asset, asset=asset.pk, amount="-1", valued_on=desk.day)
    with refused(desk, NotAllowedToAsk):
        desk.ask(services.request_value_asset, by=eve, asset=asset.pk, amount="1", valued_on=desk.day)
    with refused(desk, UnknownCashAccount):
        desk.state("1", cash="nowhere")
