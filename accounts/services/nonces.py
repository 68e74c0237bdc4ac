"""Nonces that identity tokens answer: drawn by us, kept hashed, good once. Source: docs/rules/access.md §11."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from accounts import rules, tokens
from accounts.errors import IdTokenRefused
from accounts.models import SocialNonce
from core.commands import command

NONCE_BYTES = 32


@command
def draw(*, now: datetime) -> str:
    """Draw a nonce for one identity token."""
    nonce = secrets.token_urlsafe(NONCE_BYTES)
    expires_at = now + rules.SOCIAL_NONCE_LIFETIME
    SocialNonce.objects.create(nonce_hash=tokens.digest(nonce), expires_at=expires_at)
    return nonce


def spend(hashes: Sequence[bytes], *, now: datetime) -> None:
    """Spend the nonce that has one of these hashes in its command's transaction (a step): a refusal leaves it good.

    Raises IdTokenRefused.
    """
    row = SocialNonce.objects.lock_any(list(hashes))
    if row is None or row.spent_at is not None or now >= row.expires_at:
        raise IdTokenRefused
    row.spent_at = now
    row.save(update_fields=["spent_at"])


@command
def forget_old(*, now: datetime) -> int:
    """Delete nonces that are good no more; return how many."""
    return SocialNonce.objects.filter(expires_at__lt=now).delete()[0]
