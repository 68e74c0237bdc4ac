"""Accrual: what every position earns on a day, set-based, in slices. Source: docs/rules/returns.md §3."""

from investments.accrual.compare import RERUN, Difference, Differences, compare_day, compare_position
from investments.accrual.days import AccrualReport, AccrualUnfinished, DayNotOver, accrue_day, require_accrued
from investments.accrual.slices import POSITIONS_FAULT, Problem, accrue_slice, repair_slice

__all__ = [
    "POSITIONS_FAULT",
    "RERUN",
    "AccrualReport",
    "AccrualUnfinished",
    "DayNotOver",
    "Difference",
    "Differences",
    "Problem",
    "accrue_day",
    "accrue_slice",
    "compare_day",
    "compare_position",
    "repair_slice",
    "require_accrued",
]
