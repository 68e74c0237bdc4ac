"""What an offer says of itself, and what of it may still change. Imports nothing: the app's rights name it, too."""

from __future__ import annotations

DRAFTED: tuple[str, ...] = (
    "name",
    "description",
    "currency",
    "max_amount",
    "minimum_ticket",
    "maximum_ticket",
    "target",
    "funding",
    "deadline",
    "maturity_date",
    "expected_return",
    "return_basis",
    "risk_class",
    "kyc_level",
    "disclosure",
    "disclosure_version",
    "metadata",
)
"""What an officer writes, beside the code."""

LIVING: tuple[str, ...] = ("max_amount", "description", "metadata")
"""What of it still changes once the offer is live: anything else is a new offer."""

CODE = r"^[a-z0-9][a-z0-9-]*$"
"""How a code is written: it is a part of the scope that the ledger and the key information sheet know."""
