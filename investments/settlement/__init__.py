"""Settlement: what is due is reserved from the pool, whole, and then paid slice by slice.

Source: docs/rules/returns.md §4.
"""

from investments.settlement.reserve import open_runs, reserve_run
from investments.settlement.reversals import (
    SettlementUnfinished,
    apply_settlement_reversal,
    request_settlement_reversal,
)
from investments.settlement.runs import ProductOutcome, SettlementReport, settle_day
from investments.settlement.slices import finish_run, pay_slice

__all__ = [
    "ProductOutcome",
    "SettlementReport",
    "SettlementUnfinished",
    "apply_settlement_reversal",
    "finish_run",
    "open_runs",
    "pay_slice",
    "request_settlement_reversal",
    "reserve_run",
    "settle_day",
]
