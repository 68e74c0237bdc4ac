"""How long things last and how often they may be tried. Pure figures."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

ACCESS_LIFETIME = timedelta(minutes=10)
REFRESH_LIFETIME = timedelta(days=30)
RESET_LIFETIME = timedelta(hours=1)
RESETS_AT_ONCE = 5
RESETS_WITHIN = timedelta(minutes=15)

ATTEMPTS_BEFORE_LOCK = 5
ATTEMPTS_WINDOW = timedelta(minutes=15)
LOCK_DURATION = timedelta(minutes=15)
MOST_DOUBLINGS = 10
RESET_LIFTS_FACTOR_EVERY = timedelta(days=1)
ADDRESS_KNOWN_FOR = timedelta(days=30)
DEVICE_KNOWN_FOR = timedelta(days=90)

CODE_LIFETIME = {"email": timedelta(days=1), "phone": timedelta(minutes=10)}
CODE_ATTEMPTS = 5
CODE_DIGITS = 6
CODES_A_DAY = {"email": 10, "phone": 5}
FIRST_RESEND_AFTER = timedelta(minutes=1)
CODES_COUNT_FOR = timedelta(days=1)
CLAIMS_BY_MAIL_A_DAY = 20
SIGN_UPS_TOLD_A_DAY = 3
TOTP_SECONDS = 30
TOTP_STEPS_ASIDE = 1
RECOVERY_CODES = 10
RECOVERY_BYTES = 5
ENROLMENT_LIFETIME = timedelta(minutes=15)
PASSKEYS = 10
PASSKEY_ID_BYTES = 1023
PASSKEY_ANSWER_LENGTH = 20_000
PASSKEY_CHALLENGE_LIFETIME = timedelta(minutes=5)
MFA_TOKEN_LIFETIME = timedelta(minutes=5)

PIN_DIGITS = 6
PIN_TOKEN_LIFETIME = timedelta(minutes=5)
PIN_LOCKS = {5: timedelta(minutes=15), 10: timedelta(hours=1)}
PIN_FAILURES = 15
PAYOUTS_HELD_FOR = timedelta(hours=24)

SOCIAL_NONCE_LIFETIME = timedelta(minutes=15)

KEEP_CODES = timedelta(days=30)

KEEP_ATTEMPTS = timedelta(days=1)
KEEP_RESETS = timedelta(days=30)

PASSWORD_MAX_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Patience:
    """For how long wrong tries are in a row, and for how long they lock at most; the first lock is LOCK_DURATION."""

    window: timedelta
    longest_lock: timedelta


WITH_PASSWORDS = Patience(window=ATTEMPTS_WINDOW, longest_lock=LOCK_DURATION)
WITH_FACTORS = Patience(window=KEEP_ATTEMPTS, longest_lock=timedelta(hours=12))
"""At 480 tries a day six digits, of which three codes are good at a time, would be found within a year or two."""


def failures_after(failures: int, *, last_failed_at: datetime, now: datetime, window: timedelta) -> int:
    """Count one more attempt; what lies further back than the window is forgotten."""
    return 1 if now - last_failed_at > window else failures + 1


def next_code_at(sent: Sequence[datetime], *, channel: str) -> datetime | None:
    """Say from when another code may be sent after these of the last day, newest first: each waits twice as long."""
    if not sent:
        return None
    after = sent[0] + FIRST_RESEND_AFTER * 2 ** (len(sent) - 1)
    if len(sent) >= CODES_A_DAY[channel]:
        after = max(after, sent[CODES_A_DAY[channel] - 1] + CODES_COUNT_FOR)
    return after


def is_guessable(digits: str) -> bool:
    """Answer whether a PIN is among the first that anybody tries: one digit, a run up or down, a repeated half."""
    steps = {(int(later) - int(earlier)) % 10 for earlier, later in itertools.pairwise(digits)}
    half = len(digits) // 2
    return (len(steps) == 1 and steps <= {0, 1, 9}) or digits[:half] == digits[half:] or digits[:2] * 3 == digits


def locked_until(failures: int, *, now: datetime, longest: timedelta) -> datetime | None:
    """Say until when so many failures in a row lock, or None: every fifth does, each time for twice as long."""
    locks, rest = divmod(failures, ATTEMPTS_BEFORE_LOCK)
    if rest or not locks:
        return None
    return now + min(LOCK_DURATION * 2 ** min(locks - 1, MOST_DOUBLINGS), longest)
