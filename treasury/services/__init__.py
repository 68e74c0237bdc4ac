"""Every write of the treasury: one pair of `request_x` and `apply_x` for each verb.

The pairs that move money differ only by their row in `shapes`; `apply_x` is the same step for all of them.
"""

from __future__ import annotations

from typing import Final

from oversight import verbs
from treasury.models import Verb
from treasury.services import movements, previews, proofs, reversals
from treasury.services.movements import request_of
from treasury.services.papers import Paper
from treasury.services.proofs import (
    apply_record_statement_balance,
    apply_value_asset,
    open_asset,
    request_record_statement_balance,
    request_value_asset,
)
from treasury.services.reversals import apply_reversal, request_reversal
from treasury.services.shapes import SHAPES
from treasury.services.terms import Counterparty, Terms

request_deploy: Final = request_of(Verb.DEPLOY)
request_divest: Final = request_of(Verb.DIVEST)
request_record_income: Final = request_of(Verb.RECORD_INCOME)
request_pay_in_capital: Final = request_of(Verb.PAY_IN_CAPITAL)
request_take_out_capital: Final = request_of(Verb.TAKE_OUT_CAPITAL)
request_fund_pool: Final = request_of(Verb.FUND_POOL)
request_release_pool: Final = request_of(Verb.RELEASE_POOL)
request_write_down: Final = request_of(Verb.WRITE_DOWN)
request_write_up: Final = request_of(Verb.WRITE_UP)
request_make_good: Final = request_of(Verb.MAKE_GOOD)
request_sweep_fees: Final = request_of(Verb.SWEEP_FEES)
request_provider_cost: Final = request_of(Verb.PROVIDER_COST)
request_cash_move: Final = request_of(Verb.CASH_MOVE)
request_bank_interest: Final = request_of(Verb.BANK_INTEREST)
request_suspense_allot: Final = request_of(Verb.SUSPENSE_ALLOT)
request_suspense_return: Final = request_of(Verb.SUSPENSE_RETURN)
request_goodwill: Final = request_of(Verb.GOODWILL)
request_correction: Final = request_of(Verb.CORRECTION)
request_cash_missing: Final = request_of(Verb.CASH_MISSING)
request_cash_surplus: Final = request_of(Verb.CASH_SURPLUS)

apply_deploy = apply_divest = apply_record_income = movements.apply
apply_pay_in_capital = apply_take_out_capital = apply_fund_pool = apply_release_pool = movements.apply
apply_write_down = apply_write_up = apply_make_good = apply_sweep_fees = movements.apply
apply_provider_cost = apply_cash_move = apply_bank_interest = movements.apply
apply_suspense_allot = apply_suspense_return = apply_goodwill = apply_correction = movements.apply
apply_cash_missing = apply_cash_surplus = movements.apply

REQUESTS: Final = {
    Verb.DEPLOY: request_deploy,
    Verb.DIVEST: request_divest,
    Verb.RECORD_INCOME: request_record_income,
    Verb.PAY_IN_CAPITAL: request_pay_in_capital,
    Verb.TAKE_OUT_CAPITAL: request_take_out_capital,
    Verb.FUND_POOL: request_fund_pool,
    Verb.RELEASE_POOL: request_release_pool,
    Verb.WRITE_DOWN: request_write_down,
    Verb.WRITE_UP: request_write_up,
    Verb.MAKE_GOOD: request_make_good,
    Verb.SWEEP_FEES: request_sweep_fees,
    Verb.PROVIDER_COST: request_provider_cost,
    Verb.CASH_MOVE: request_cash_move,
    Verb.BANK_INTEREST: request_bank_interest,
    Verb.SUSPENSE_ALLOT: request_suspense_allot,
    Verb.SUSPENSE_RETURN: request_suspense_return,
    Verb.GOODWILL: request_goodwill,
    Verb.CORRECTION: request_correction,
    Verb.CASH_MISSING: request_cash_missing,
    Verb.CASH_SURPLUS: request_cash_surplus,
}


def register_verbs() -> None:
    """Make the verbs known to oversight."""
    for shape in SHAPES.values():
        verbs.register(
            verbs.Verb(
                name=shape.name,
                title=shape.verb.label,
                request_permission=movements.MAY_ASK,
                approve_permission=movements.MAY_APPROVE,
                apply=movements.apply,
                look=movements.look,
                drifts=previews.DRIFTING,
            )
        )
    valuation, statement = "Valuation of an asset", "Balance from a bank statement"
    for name, title, apply, look, drifts in (
        ("treasury.value_asset", valuation, apply_value_asset, proofs.look_at_valuation, previews.DRIFTING),
        (
            "treasury.record_statement_balance",
            statement,
            apply_record_statement_balance,
            proofs.look_at_statement,
            proofs.DRIFTING,
        ),
    ):
        verbs.register(verbs.Verb(name, title, proofs.MAY_ASK, proofs.MAY_APPROVE, apply, look=look, drifts=drifts))
    may = (reversals.MAY_ASK, reversals.MAY_APPROVE)
    mirror = verbs.Verb(
        reversals.NAME, Verb.REVERSE.label, *may, apply_reversal, look=reversals.look, drifts=previews.DRIFTING
    )
    verbs.register(mirror)


__all__ = [
    "REQUESTS",
    "Counterparty",
    "Paper",
    "Terms",
    "apply_record_statement_balance",
    "apply_reversal",
    "apply_value_asset",
    "open_asset",
    "register_verbs",
    "request_record_statement_balance",
    "request_reversal",
    "request_value_asset",
]
