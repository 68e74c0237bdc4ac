"""Settlement: what is due is reserved from the pool, whole, and then paid slice by slice.

Source: docs/rules/returns.md §4.
"""

from investments.settlement.ended import close_ended
from investments.settlement.reserve import open_runs, reserve_run
from investments.settlement.reversals import (
    NothingPaid,
    SettlementUnfinished,
    apply_settlement_reversal,
    request_settlement_reversal,
)
from investments.settlement.runs import ProductOutcome, SettlementReport, settle_day
from investments.settlement.slices import finish_run, pay_slice

__all__ = [
    "NothingPaid",
    "ProductOutcome",
    "SettlementReport",
    "SettlementUnfinished",
    "apply_settlement_reversal",
    "close_ended",
    "finish_run",
    "open_runs",
    "pay_slice",
    "request_settlement_reversal",
    "reserve_run",
    "settle_day",
]
