"""Signed tokens: a short access token, and a refresh token that is good once.

Both name their session (`sid`), and the session is asked on every request: revoking it ends both at once.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError

from accounts import rules
from accounts.errors import TokenRefused

ISSUER = "fiducia"
AUDIENCE = "fiducia-api"
ALGORITHM = "HS256"
ACCESS, REFRESH, FACTOR = "access", "refresh", "factor"


@dataclass(frozen=True, slots=True)
class TokenPair:
    access: str
    refresh: str


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good token says: its session and the person."""

    session_id: UUID
    user_id: UUID


def _backend() -> TokenBackend:
    return TokenBackend(ALGORITHM, signing_key=settings.SECRET_KEY, audience=AUDIENCE, issuer=ISSUER)


def issue(session_id: UUID, user_id: UUID, *, now: datetime) -> TokenPair:
    """Sign a fresh pair for a session."""
    return TokenPair(
        access=_sign(ACCESS, session_id, user_id, now=now, lifetime=rules.ACCESS_LIFETIME),
        refresh=_sign(REFRESH, session_id, user_id, now=now, lifetime=rules.REFRESH_LIFETIME),
    )


def issue_challenge(user_id: UUID, password: str, *, now: datetime) -> str:
    """Sign that somebody's password, which stands hashed as `password`, was right; a second factor is still missing."""
    return _encode(
        {"typ": FACTOR, "sub": str(user_id), "pwd": digest(password).hex()}, now=now, lifetime=rules.MFA_TOKEN_LIFETIME
    )


def read_challenge(token: str) -> tuple[UUID, str]:
    """Return whose password was right, and the digest of how it stood hashed then. Raises TokenRefused."""
    payload = _decode(token, FACTOR)
    try:
        return UUID(payload["sub"]), str(payload["pwd"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TokenRefused from error


def _sign(kind: str, session_id: UUID, user_id: UUID, *, now: datetime, lifetime: timedelta) -> str:
    return _encode({"typ": kind, "sid": str(session_id), "sub": str(user_id)}, now=now, lifetime=lifetime)


def _encode(claims: dict[str, str], *, now: datetime, lifetime: timedelta) -> str:
    return _backend().encode(
        {
            **claims,
            "jti": secrets.token_hex(16),
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
        }
    )


def read(token: str, kind: str) -> Claims:
    """Check signature, audience, issuer, expiry and kind, and return what the token says.

    Raises TokenRefused, with the same words for every reason.
    """
    payload = _decode(token, kind)
    try:
        return Claims(session_id=UUID(payload["sid"]), user_id=UUID(payload["sub"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TokenRefused from error


def _decode(token: str, kind: str) -> dict[str, Any]:
    try:
        payload: dict[str, Any] = _backend().decode(token)  # type: ignore[arg-type]
        if payload["typ"] != kind or "exp" not in payload:
            raise TokenRefused
    except (TokenBackendError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise TokenRefused from error
    return payload


def digest(token: str) -> bytes:
    """Return what is kept of a secret token: its SHA-256."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
