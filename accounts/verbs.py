"""The verbs of accounts that take two persons."""

from __future__ import annotations

from accounts import services
from accounts.models import User
from accounts.services import deletion, roles, standing
from oversight import verbs

STANDING = ("is_staff", "kyc_level", "blocked_at", "deleted_at")


def register() -> None:
    """Make them known to oversight."""
    verbs.register(
        verbs.Verb(
            name=roles.VERB,
            title="Grant or take a role",
            request_permission="accounts.request_role",
            approve_permission="accounts.approve_role",
            apply=services.apply_role,
            target_model=User,
            target_fields=STANDING,
        )
    )
    verbs.register(
        verbs.Verb(
            name=standing.KYC_VERB,
            title="Set a KYC level",
            request_permission="accounts.request_kyc_level",
            approve_permission="accounts.approve_kyc_level",
            apply=services.apply_kyc_level,
            target_model=User,
            target_fields=STANDING,
        )
    )
    verbs.register(
        verbs.Verb(
            name=standing.BLOCK_VERB,
            title="Block or unblock a person",
            request_permission="accounts.request_block",
            approve_permission="accounts.approve_block",
            apply=services.apply_block,
            target_model=User,
            target_fields=STANDING,
        )
    )
    verbs.register(
        verbs.Verb(
            name=deletion.VERB,
            title="Delete or restore a person",
            request_permission="accounts.request_deletion",
            approve_permission="accounts.approve_deletion",
            apply=deletion.apply_deletion,
            target_model=User,
            target_fields=STANDING,
            look=deletion.look,
        )
    )
