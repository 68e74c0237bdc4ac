"""Products, positions and what positions earn."""

from investments.models.earnings import (
    Accrual,
    AccrualAdjustment,
    AccrualSlice,
    Correction,
    LateAccrual,
    ProductAccrual,
    Settlement,
    SettlementReversal,
    SettlementRun,
    SettlementSlice,
)
from investments.models.positions import ExitRequest, Position, PositionEvent, PositionTerm
from investments.models.products import Product, ProductVersion, RateCeiling

__all__ = [
    "Accrual",
    "AccrualAdjustment",
    "AccrualSlice",
    "Correction",
    "ExitRequest",
    "LateAccrual",
    "Position",
    "PositionEvent",
    "PositionTerm",
    "Product",
    "ProductAccrual",
    "ProductVersion",
    "RateCeiling",
    "Settlement",
    "SettlementReversal",
    "SettlementRun",
    "SettlementSlice",
]
