"""The verbs of accounts that take two persons."""

from __future__ import annotations

from accounts import services
from accounts.models import User
from accounts.services import deletion, lost_factors, roles, standing
from oversight import verbs
from oversight.verbs import Verb

STANDING = ("is_staff", "kyc_level", "blocked_at", "deleted_at")

ROLE = ("accounts.request_role", "accounts.approve_role")
KYC_LEVEL = ("accounts.request_kyc_level", "accounts.approve_kyc_level")
BLOCK = ("accounts.request_block", "accounts.approve_block")
FACTORS = ("accounts.request_reset_of_factors", "accounts.approve_reset_of_factors")
DELETION = ("accounts.request_deletion", "accounts.approve_deletion")


def register() -> None:
    """Make them known to oversight."""
    for verb in (
        Verb(roles.VERB, "Grant or take a role", *ROLE, services.apply_role, User, STANDING),
        Verb(standing.KYC_VERB, "Set a KYC level", *KYC_LEVEL, services.apply_kyc_level, User, STANDING),
        Verb(standing.BLOCK_VERB, "Block or unblock a person", *BLOCK, services.apply_block, User, STANDING),
        Verb(
            deletion.VERB,
            "Delete or restore a person",
            *DELETION,
            deletion.apply_deletion,
            User,
            STANDING,
            look=deletion.look,
        ),
        Verb(
            lost_factors.VERB,
            "Take away all second factors",
            *FACTORS,
            lost_factors.apply_reset_of_factors,
            User,
            STANDING,
        ),
    ):
        verbs.register(verb)
