"""Every model of accounts."""

from accounts.models.avatars import Avatar
from accounts.models.codes import SmsCount, VerificationCode
from accounts.models.factors import RecoveryCode, Totp
from accounts.models.passkeys import Passkey, PasskeyChallenge
from accounts.models.people import KYC_LEVELS, VIP_LEVELS, User, new_referral_code
from accounts.models.pins import PinToken, TransactionPin
from accounts.models.sessions import LoginFailure, PasswordResetToken, Session
from accounts.models.social import PendingLink, Provider, SocialIdentity, SocialNonce

__all__ = [
    "KYC_LEVELS",
    "VIP_LEVELS",
    "Avatar",
    "LoginFailure",
    "Passkey",
    "PasskeyChallenge",
    "PasswordResetToken",
    "PendingLink",
    "PinToken",
    "Provider",
    "RecoveryCode",
    "Session",
    "SmsCount",
    "SocialIdentity",
    "SocialNonce",
    "Totp",
    "TransactionPin",
    "User",
    "VerificationCode",
    "new_referral_code",
]
