"""Who the person is to the platform, and how they come in. Secrets are told of, never told."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from accounts import lockout, services, sms
from accounts.models import (
    Avatar,
    LoginFailure,
    Passkey,
    PasswordResetToken,
    PinToken,
    RecoveryCode,
    Session,
    SmsCount,
    SocialIdentity,
    Totp,
    TransactionPin,
    User,
    VerificationCode,
)
from api.models import KeptAnswer
from backoffice.export.subject import Subject
from backoffice.export.tables import QUIET, Row, Table
from oversight.models import PersonKey

HASHED = "a hash of a secret that you know: it would help only somebody who guesses"
_USER = (
    *("id", "first_name", "last_name", "email", "email_verified_at", "phone", "phone_verified_at", "country"),
    *("language", "time_zone", "referral_code", "kyc_level", "vip_level", "is_staff", "created_at", "last_login"),
    *("access_changed_at", "console_ended_at", "blocked_at", "deleted_at"),
)


def same(*names: str) -> dict[str, str]:
    """Columns that are called what they are."""
    return {name: name for name in names}


def _more_of(subject: Subject) -> Row:
    user = subject.user
    return {
        "payouts_held_until": services.payouts_held_until(user, now=subject.now),
        "password_is_set": user.has_usable_password(),
        "was_invited": user.referrer_id is not None,
        "people_invited": user.referred.count(),
        "roles": list(user.groups.order_by("name").values_list("name", flat=True)),
    }


def _counters(subject: Subject) -> Q:
    return Q(pk__in=lockout.counters_of(subject.user, now=subject.now))


def _messages(subject: Subject) -> Q:
    user, scopes = subject.user, [f"sign-ups:{subject.user.pk}"]
    if user.phone:
        scopes += [f"{what}:{sms.mark(user.phone)}" for what in ("number", "claimed")]
    if user.email:
        scopes.append(f"mailed:{sms.mark(user.email)}")
    return Q(scope__in=scopes)


PARTS: list[Any] = [
    Table(
        name="person",
        title="You",
        model=User,
        whose="pk",
        columns=same(*_USER),
        left_out={
            "password": HASHED,
            "email_index": "a keyed hash of the e-mail address, which is here",
            "phone_index": "a keyed hash of the phone number, which is here",
            "is_superuser": "a column of the framework; it opens nothing",
            "referrer": "another person; `was_invited` says whether there is one",
            "blocked_by": "an officer; `events` says in which role",
        },
        also=_more_of,
        quiet=frozenset(),
    ),
    Table(
        name="sessions",
        title="Where you logged in",
        model=Session,
        whose="user",
        columns=same(
            *("id", "created_at", "ip", "user_agent", "second_factor_at", "last_used_at", "expires_at"),
            *("revoked_at", "revoke_reason"),
        ),
        left_out={"token_hash": HASHED, "device": "a hash of the client's name and the network, which are here"},
    ),
    Table(
        name="codes",
        title="Codes that were sent to you",
        model=VerificationCode,
        whose="user",
        columns=same("id", "created_at", "channel", "purpose", "address", "attempts", "expires_at", "used_at"),
        left_out={"secret_hash": HASHED, "address_index": "a keyed hash of the address that it went to"},
        note="An address stands here where a code was to change it: the new one until then, the old one after it.",
    ),
    Table(
        name="password_resets",
        title="Links to set a password",
        model=PasswordResetToken,
        whose="user",
        columns=same("id", "created_at", "expires_at", "used_at"),
        left_out={"token_hash": HASHED},
    ),
    Table(
        name="authenticator_app",
        title="Authenticator app",
        model=Totp,
        whose="user",
        columns=same("created_at", "confirmed_at"),
        left_out={"sealed": "the secret that your app holds", "last_step": "which of its codes was used last"},
    ),
    Table(
        name="passkeys",
        title="Passkeys",
        model=Passkey,
        whose="user",
        columns=same("id", "name", "created_at", "last_used_at", "counter"),
        left_out={"credential_id": "how your device finds its key", "credential": "the public half of it"},
    ),
    Table(
        name="linked_log_ins",
        title="Log-ins by Google and Apple",
        model=SocialIdentity,
        whose="user",
        columns=same("id", "provider", "created_at", "last_used_at"),
        left_out={"subject_index": "a keyed hash of your number there"},
    ),
    Table(
        name="picture",
        title="Your picture",
        model=Avatar,
        whose="user",
        columns=same("set_at"),
        left_out={"sealed": "`picture.webp`, encrypted", "version": "drawn at each change, for caches"},
    ),
    Table(
        name="recovery_codes",
        title="Recovery codes",
        model=RecoveryCode,
        whose="user",
        columns=same("id", "created_at", "used_at"),
        left_out={"code_hash": HASHED},
    ),
    Table(
        name="pin",
        title="PIN",
        model=TransactionPin,
        whose="user",
        columns=same("set_at", "failures", "locked_until"),
        left_out={"encoded": HASHED},
    ),
    Table(
        name="pin_uses",
        title="What the PIN was given for",
        model=PinToken,
        whose="user",
        columns=same("id", "created_at", "method", "path", "session_id", "expires_at", "spent_at"),
        left_out={"token_hash": HASHED},
        quiet=QUIET | {"session_id"},
    ),
    Table(
        name="wrong_tries",
        title="Wrong passwords and codes that count",
        model=LoginFailure,
        whose=_counters,
        columns=same("failures", "last_failed_at", "locked_until"),
        left_out={"identifier_index": "a keyed hash of what was tried"},
        note="Forgotten after a day.",
    ),
    Table(
        name="messages_to_your_number",
        title="Messages to your number and address that count, by day",
        model=SmsCount,
        whose=_messages,
        columns=same("day", "sent", "counted_at"),
        order=("-day",),
        left_out={"scope": "a keyed hash of your number or address"},
    ),
    Table(
        name="kept_answers",
        title="Requests whose answers are kept for a day",
        model=KeptAnswer,
        whose="owner",
        columns=same("id", "created_at", "method", "path", "key", "status"),
        left_out={
            "body": "what you were answered: the rows themselves are here",
            "fingerprint": "a keyed hash of the request",
        },
    ),
    Table(
        name="key",
        title="The key of your data",
        model=PersonKey,
        whose="person",
        columns=same("created_at", "destroyed_at"),
        left_out={"wrapped": "the key itself; what it encrypts stands here in clear"},
        note="What audit events, declared means and your app's secret are encrypted with.",
    ),
]
