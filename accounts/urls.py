from django.urls import path

from accounts.api import avatars, factors, identities, login, me, passwords, pins, sessions, social, verification

urlpatterns = [
    path("auth/signup", login.SignUp.as_view(), name="sign-up"),
    path("auth/login", login.LogIn.as_view(), name="log-in"),
    path("auth/login/mfa", login.LogInMfa.as_view(), name="log-in-mfa"),
    path("auth/refresh", login.Refresh.as_view(), name="refresh"),
    path("auth/logout", login.LogOut.as_view(), name="log-out"),
    path("auth/password/change", passwords.Change.as_view(), name="password-change"),
    path("auth/password/reset", passwords.Reset.as_view(), name="password-reset"),
    path("auth/password/reset/confirm", passwords.Confirm.as_view(), name="password-reset-confirm"),
    path("auth/mfa/totp", factors.TotpView.as_view(), name="totp"),
    path("auth/mfa/totp/confirm", factors.ConfirmTotp.as_view(), name="totp-confirm"),
    path("auth/mfa/recovery-codes", factors.RecoveryCodes.as_view(), name="recovery-codes"),
    path("auth/pin", pins.Pin.as_view(), name="pin"),
    path("auth/pin/verify", pins.VerifyPin.as_view(), name="pin-verify"),
    path("auth/pin/reset", pins.AskToResetPin.as_view(), name="pin-reset"),
    path("auth/pin/reset/confirm", pins.ResetPin.as_view(), name="pin-reset-confirm"),
    path("auth/verify-email", verification.VerifyEmail.as_view(), name="verify-email"),
    path("auth/verify-otp", verification.VerifyOtp.as_view(), name="verify-otp"),
    path("auth/resend-otp", verification.ResendOtp.as_view(), name="resend-otp"),
    path("auth/social/nonce", social.Nonce.as_view(), name="social-nonce"),
    path("auth/social/google", social.Google.as_view(), name="social-google"),
    path("auth/social/apple", social.Apple.as_view(), name="social-apple"),
    path("auth/social/link/confirm", social.ConfirmLink.as_view(), name="social-link-confirm"),
    path("users/me/identities", identities.IdentityList.as_view(), name="identities"),
    path("users/me/identities/<uuid:identity_id>", identities.IdentityDetail.as_view(), name="identity"),
    path("users/me/avatar", avatars.AvatarView.as_view(), name="avatar"),
    path("users/me", me.Me.as_view(), name="me"),
    path("users/me/sessions", sessions.SessionList.as_view(), name="sessions"),
    path("users/me/sessions/<uuid:session_id>", sessions.SessionDetail.as_view(), name="session"),
]
