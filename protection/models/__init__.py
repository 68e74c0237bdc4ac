"""What investors must have seen, answered and declared before they invest, and what each jurisdiction asks for."""

from protection.models.jurisdictions import Jurisdiction
from protection.models.knowledge import KnowledgeResult, KnowledgeTest
from protection.models.losses import LossSimulation, RiskConfirmation, RiskWarning
from protection.models.sheets import Acceptance, Disclosure

__all__ = [
    "Acceptance",
    "Disclosure",
    "Jurisdiction",
    "KnowledgeResult",
    "KnowledgeTest",
    "LossSimulation",
    "RiskConfirmation",
    "RiskWarning",
]
