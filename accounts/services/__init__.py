"""Every write of accounts: one function a verb."""

from accounts.devices import Device
from accounts.services.addresses import change_address
from accounts.services.deletion import DeletionMove, request_deletion
from accounts.services.factors import enrol, renew_recovery_codes
from accounts.services.login import (
    Challenge,
    ask_passkey,
    check_credentials,
    knock,
    log_in,
    log_in_with_factor,
    log_out,
    refresh,
)
from accounts.services.officers import bootstrap_officers
from accounts.services.passwords import (
    change_password,
    check_current_password,
    confirm_reset,
    request_reset,
    set_password,
)
from accounts.services.people import change_profile, sign_up
from accounts.services.pins import ask_to_reset, change_pin, reset_pin, set_pin, verify_pin
from accounts.services.roles import RoleMove, apply_role, request_role
from accounts.services.sensitive import payouts_held_until
from accounts.services.sessions import (
    end_own_session,
    end_own_sessions,
    end_session,
    end_sessions,
    revoke_sessions,
)
from accounts.services.standing import (
    apply_block,
    apply_kyc_level,
    block_user,
    request_block,
    request_kyc_level,
    set_kyc_level,
    set_vip_level,
)
from accounts.services.step_up import prove_in_console, prove_in_session
from accounts.services.verification import ask_code, verify_email, verify_phone

__all__ = [
    "Challenge",
    "DeletionMove",
    "Device",
    "RoleMove",
    "apply_block",
    "apply_kyc_level",
    "apply_role",
    "ask_code",
    "ask_passkey",
    "ask_to_reset",
    "block_user",
    "bootstrap_officers",
    "change_address",
    "change_password",
    "change_pin",
    "change_profile",
    "check_credentials",
    "check_current_password",
    "confirm_reset",
    "end_own_session",
    "end_own_sessions",
    "end_session",
    "end_sessions",
    "enrol",
    "knock",
    "log_in",
    "log_in_with_factor",
    "log_out",
    "payouts_held_until",
    "prove_in_console",
    "prove_in_session",
    "refresh",
    "renew_recovery_codes",
    "request_block",
    "request_deletion",
    "request_kyc_level",
    "request_reset",
    "request_role",
    "reset_pin",
    "revoke_sessions",
    "set_kyc_level",
    "set_password",
    "set_pin",
    "set_vip_level",
    "sign_up",
    "verify_email",
    "verify_phone",
    "verify_pin",
]
