from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    rights = {
        "User": {
            "insert": "*",
            "update": [
                "password",
                "last_login",
                "email",
                "email_index",
                "email_verified_at",
                "phone",
                "phone_index",
                "phone_verified_at",
                "first_name",
                "last_name",
                "country",
                "time_zone",
                "language",
                "kyc_level",
                "vip_level",
                "is_staff",
                "blocked_at",
                "blocked_by_id",
                "deleted_at",
            ],
            "delete": False,
        },
        "Session": {
            "insert": "*",
            "update": ["token_hash", "last_used_at", "expires_at", "revoked_at", "revoke_reason"],
            "delete": False,
        },
        "PasswordResetToken": {"insert": "*", "update": ["used_at"], "delete": True},
        "LoginFailure": "all",
    }
