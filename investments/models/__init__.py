"""Products, positions and what positions earn."""

from investments.models.earnings import (
    Accrual,
    AccrualAdjustment,
    AccrualSlice,
    Correction,
    ProductAccrual,
    Settlement,
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
    "Position",
    "PositionEvent",
    "PositionTerm",
    "Product",
    "ProductAccrual",
    "ProductVersion",
    "RateCeiling",
    "Settlement",
    "SettlementRun",
    "SettlementSlice",
]
