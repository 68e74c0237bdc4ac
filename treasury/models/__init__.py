"""The treasury's tables: all of them are written once and corrected by a further row."""

from treasury.models.assets import Asset, StatementBalance, Valuation
from treasury.models.coverage import Coverage, CoverageDay, CoveragePart, ProductCoverage
from treasury.models.movements import NAMES_COUNTERPARTY, Relation, TreasuryMovement, Verb

__all__ = [
    "NAMES_COUNTERPARTY",
    "Asset",
    "Coverage",
    "CoverageDay",
    "CoveragePart",
    "ProductCoverage",
    "Relation",
    "StatementBalance",
    "TreasuryMovement",
    "Valuation",
    "Verb",
]
