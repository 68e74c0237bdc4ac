"""What this room does. Commands open their own transaction; steps run in their caller's."""

from protection.services.disclosures import accept_disclosure, find_disclosure, publish, require_publishable
from protection.services.gate import require, require_incentive, require_ready
from protection.services.jurisdictions import jurisdiction_of, request_jurisdiction
from protection.services.knowledge import request_test, take_test
from protection.services.losses import simulate_losses
from protection.services.warnings import confirm_warning, show_warning

__all__ = [
    "accept_disclosure",
    "confirm_warning",
    "find_disclosure",
    "jurisdiction_of",
    "publish",
    "request_jurisdiction",
    "request_test",
    "require",
    "require_incentive",
    "require_publishable",
    "require_ready",
    "show_warning",
    "simulate_losses",
    "take_test",
]
