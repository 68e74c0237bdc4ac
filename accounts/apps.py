from __future__ import annotations

from django.apps import AppConfig
from django.core import checks
from django.db.models.signals import post_migrate

PROFILE = ["first_name", "last_name", "country", "time_zone", "language"]
IDENTIFIERS = ["email", "email_index", "email_verified_at", "phone", "phone_index", "phone_verified_at"]
STANDING = [
    "kyc_level",
    "vip_level",
    "is_staff",
    "blocked_at",
    "blocked_by",
    "deleted_at",
    "access_changed_at",
    "console_ended_at",
]


class AccountsConfig(AppConfig):
    name = "accounts"
    rights = {
        "User": {
            "insert": "*",
            "update": ["password", "last_login", *IDENTIFIERS, *PROFILE, *STANDING],
            "delete": False,
        },
        "User_groups": {"insert": "*", "delete": True},
        "Session": {
            "insert": "*",
            "update": ["token_hash", "last_used_at", "expires_at", "revoked_at", "revoke_reason", "second_factor_at"],
            "delete": False,
        },
        "PasswordResetToken": {"insert": "*", "update": ["used_at"], "delete": True},
        "LoginFailure": "all",
        "VerificationCode": {
            "insert": "*",
            "update": ["secret_hash", "attempts", "used_at", "address"],
            "delete": True,
        },
        "TransactionPin": {
            "insert": "*",
            "update": ["encoded", "set_at", "failures", "locked_until"],
            "delete": False,
        },
        "Totp": {
            "insert": "*",
            "update": ["sealed", "created_at", "confirmed_at", "last_step"],
            "delete": True,
        },
        "RecoveryCode": {"insert": "*", "update": ["used_at"], "delete": False},
        "Passkey": {"insert": "*", "update": ["counter", "last_used_at"], "delete": True},
        "PasskeyChallenge": {"insert": "*", "update": ["state", "created_at"], "delete": True},
        "PinToken": {"insert": "*", "update": ["spent_at"], "delete": True},
        "SocialIdentity": {"insert": "*", "update": ["last_used_at"], "delete": True},
        "SocialNonce": {"insert": "*", "update": ["spent_at"], "delete": True},
        "PendingLink": {"insert": "*", "delete": True},
        "Avatar": {"insert": "*", "update": ["sealed", "version", "set_at"], "delete": True},
        "SmsCount": {"insert": "*", "update": ["sent"], "delete": True},
    }
    role_permissions = {
        "support": ["accounts.view_user", "accounts.view_session", "accounts.see_identifiers"],
        "moderator": ["accounts.view_user"],
        "compliance": [
            "accounts.view_user",
            "accounts.view_session",
            "accounts.see_identifiers",
            "accounts.request_kyc_level",
            "accounts.approve_kyc_level",
            "accounts.request_block",
            "accounts.approve_block",
            "accounts.block_user",
            "accounts.request_reset_of_factors",
            "accounts.approve_reset_of_factors",
            "accounts.request_deletion",
            "accounts.approve_deletion",
            "accounts.revoke_session",
            "accounts.approve_role",
            "auth.view_group",
        ],
        "finance": ["accounts.view_user"],
        "administrator": [
            "auth.view_group",
            "accounts.view_user",
            "accounts.view_session",
            "accounts.request_role",
            "accounts.approve_role",
            "accounts.request_block",
            "accounts.approve_block",
            "accounts.block_user",
            "accounts.request_reset_of_factors",
            "accounts.approve_reset_of_factors",
            "accounts.request_deletion",
            "accounts.approve_deletion",
            "accounts.revoke_session",
        ],
    }

    def ready(self) -> None:
        """Register the verbs that take two persons, and keep the roles as the code says."""
        from accounts import actions, authentication, roles, verbs  # noqa: F401  (the schema's extension registers itself)

        verbs.register()
        actions.register_provider(actions.unverified)
        checks.register(roles.check_role_permissions)
        post_migrate.connect(roles.sync_after_migrate, dispatch_uid="accounts.roles.sync")
