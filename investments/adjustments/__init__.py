"""Corrections by addition: what they would add, who asks and approves, how the close books them."""

from investments.adjustments.previews import (
    Line,
    NotAdjustable,
    NothingToAdjust,
    differing_days,
    preview,
    preview_late,
    preview_rerun,
)
from investments.adjustments.requests import (
    ADJUST,
    AlreadyAdjusted,
    PreviewChanged,
    apply_adjustment,
    book_corrections,
    request_adjustment,
    request_late_adjustment,
    request_rerun_adjustment,
)

__all__ = [
    "ADJUST",
    "AlreadyAdjusted",
    "Line",
    "NotAdjustable",
    "NothingToAdjust",
    "PreviewChanged",
    "apply_adjustment",
    "book_corrections",
    "differing_days",
    "preview",
    "preview_late",
    "preview_rerun",
    "request_adjustment",
    "request_late_adjustment",
    "request_rerun_adjustment",
]
