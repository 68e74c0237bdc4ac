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
ACCESS, REFRESH = "access", "refresh"


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


def _sign(kind: str, session_id: UUID, user_id: UUID, *, now: datetime, lifetime: timedelta) -> str:
    return _backend().encode(
        {
            "typ": kind,
            "sid": str(session_id),
            "sub": str(user_id),
            "jti": secrets.token_hex(16),
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
        }
    )


def read(token: str, kind: str) -> Claims:
    """Check signature, audience, issuer, expiry and kind, and return what the token says.

    Raises TokenRefused, with the same words for every reason.
    """
    try:
        payload: dict[str, Any] = _backend().decode(token)  # type: ignore[arg-type]
        if payload["typ"] != kind or "exp" not in payload:
            raise TokenRefused
        return Claims(session_id=UUID(payload["sid"]), user_id=UUID(payload["sub"]))
    except (TokenBackendError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise TokenRefused from error


def digest(token: str) -> bytes:
    """Return what is kept of a secret token: its SHA-256."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
