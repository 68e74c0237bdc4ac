"""What a version of a product promises. Imports nothing: the app's rights name it, too."""

from __future__ import annotations

TERMS: tuple[str, ...] = (
    "minimum",
    "maximum",
    "rate",
    "rate_period",
    "day_count",
    "payout",
    "term_days",
    "locked",
    "pausable",
    "early_exit_penalty",
    "kyc_level",
    "features",
    "risk_warning",
    "disclosure",
    "disclosure_version",
)
"""What an officer writes; frozen from the activation on."""
