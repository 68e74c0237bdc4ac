"""What this room does. Commands open their own transaction; steps run in their caller's."""

from protection.services.disclosures import accept_disclosure, find_disclosure, publish
from protection.services.gate import Readiness, readiness, require_incentive, require_ready
from protection.services.jurisdictions import apply_jurisdiction, jurisdiction_of, request_jurisdiction
from protection.services.knowledge import apply_test, present_test, request_test, take_test
from protection.services.losses import simulate_losses
from protection.services.warnings import confirm_warning, show_warning

__all__ = [
    "Readiness",
    "accept_disclosure",
    "apply_jurisdiction",
    "apply_test",
    "confirm_warning",
    "find_disclosure",
    "jurisdiction_of",
    "present_test",
    "publish",
    "readiness",
    "request_jurisdiction",
    "request_test",
    "require_incentive",
    "require_ready",
    "show_warning",
    "simulate_losses",
    "take_test",
]
