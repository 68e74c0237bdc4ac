"""What Google and Apple say of somebody, in a signed identity token (OpenID Connect Core 1.0 §3.1.3.7).

The algorithm is that of the provider's key, never the one that the token wishes for; where the token says that keys
are (jku, jwk, x5u, x5c) is not looked at. Every refusal has the same words.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import jwt
from django.conf import settings
from jwt.exceptions import PyJWTError

from accounts import identifiers, jwks, names
from accounts.errors import IdTokenRefused, UnknownSocialProvider
from accounts.models.social import Provider, subject_index

MAXIMUM_LENGTH: Final = 8192
SUBJECT_MAXIMUM: Final = 255
LEEWAY: Final = timedelta(minutes=1)
LATEST_SECOND: Final = 10**11


@dataclass(frozen=True, slots=True)
class Issuer:
    """A provider as it documents itself."""

    names: tuple[str, ...]
    jwks: str
    algorithms: tuple[str, ...]


ISSUERS: Final = {
    Provider.GOOGLE: Issuer(
        names=("https://accounts.google.com", "accounts.google.com"),
        jwks="https://www.googleapis.com/oauth2/v3/certs",
        algorithms=("RS256",),
    ),
    Provider.APPLE: Issuer(
        names=("https://appleid.apple.com",),
        jwks="https://appleid.apple.com/auth/keys",
        algorithms=("RS256", "ES256"),
    ),
}
_keys: dict[str, jwks.KeySet] = {}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good token says. `email` is an address in its one form, verified by the provider, or empty.

    `is_authoritative`: the provider runs the mailbox, or shows whose it is today, so that we need not ask again.
    `nonce_hashes` are those of the nonces that it may answer.
    """

    provider: str
    subject_index: bytes
    email: str
    is_authoritative: bool
    first_name: str
    last_name: str
    nonce_hashes: tuple[bytes, ...]


def verify(provider: Provider, token: str, *, now: datetime) -> Claims:
    """Return what an identity token says, once signature, issuer, audience and times are right; its nonce is for later.

    Raises UnknownSocialProvider, IdTokenRefused, KeysUnavailable.
    """
    client_ids = frozenset(settings.SOCIAL_CLIENT_IDS.get(provider, ()))
    if not client_ids:
        raise UnknownSocialProvider
    claims = _signed_claims(provider, token, now=now)
    if claims.get("iss") not in ISSUERS[provider].names:
        raise IdTokenRefused
    _require_for_us(claims, client_ids)
    _require_times(claims, now=now)
    return _read(provider, claims)


def keys_of(provider: Provider) -> jwks.KeySet:
    """Return the provider's keys, which all threads of this process share."""
    address = settings.SOCIAL_JWKS_URLS.get(provider) or ISSUERS[provider].jwks
    return _keys.setdefault(address, jwks.KeySet(address))


def _signed_claims(provider: Provider, token: str, *, now: datetime) -> dict[str, Any]:
    if len(token) > MAXIMUM_LENGTH:
        raise IdTokenRefused
    try:
        header = jwt.get_unverified_header(token)
    except (PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise IdTokenRefused from error
    key_id, algorithm = header.get("kid"), header.get("alg")
    if algorithm not in ISSUERS[provider].algorithms or not isinstance(key_id, str) or "crit" in header:
        raise IdTokenRefused
    key = keys_of(provider).find(key_id, now=now)
    if key is None or key.algorithm != algorithm:
        raise IdTokenRefused
    try:
        # Times and names are looked at below, by the moment that the caller gives.
        nothing = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
        return jwt.decode(token, key.public, algorithms=[key.algorithm], options=nothing)  # type: ignore[arg-type]
    except (PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise IdTokenRefused from error


def _require_for_us(claims: dict[str, Any], client_ids: frozenset[str]) -> None:
    """Every audience is one of our clients, and so is the party that asked, where one is named."""
    audience = claims.get("aud")
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list) or not named or not all(isinstance(one, str) for one in named):
        raise IdTokenRefused
    asked_by = claims.get("azp", named[0])
    if not client_ids.issuperset(named) or not isinstance(asked_by, str) or asked_by not in client_ids:
        raise IdTokenRefused


def _require_times(claims: dict[str, Any], *, now: datetime) -> None:
    moment, leeway = now.timestamp(), LEEWAY.total_seconds()
    expires, issued = _seconds(claims.get("exp")), _seconds(claims.get("iat"))
    not_before = _seconds(claims.get("nbf", issued))
    if moment >= expires + leeway or moment < max(issued, not_before) - leeway:
        raise IdTokenRefused


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LATEST_SECOND:
        raise IdTokenRefused
    return value


def _read(provider: Provider, claims: dict[str, Any]) -> Claims:
    subject, nonce = claims.get("sub"), claims.get("nonce")
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_MAXIMUM:
        raise IdTokenRefused
    if not isinstance(nonce, str):
        raise IdTokenRefused
    email = _email(claims)
    try:
        return Claims(
            provider=provider,
            subject_index=subject_index(provider, subject),
            email=email,
            is_authoritative=bool(email) and _is_authoritative(provider, email, claims),
            first_name=_name(claims.get("given_name")),
            last_name=_name(claims.get("family_name")),
            nonce_hashes=hashes_of(nonce),
        )
    except UnicodeEncodeError as error:  # half a surrogate pair
        raise IdTokenRefused from error


def _email(claims: dict[str, Any]) -> str:
    """Return the address that the provider verified, in the one form that ours have; empty for any other."""
    email = claims.get("email")
    verified = claims.get("email_verified")
    if not isinstance(email, str) or not (verified is True or verified == "true"):  # Apple writes it as a string.
        return ""
    try:
        return identifiers.normalise_email(email)
    except identifiers.InvalidIdentifier:
        return ""


def _is_authoritative(provider: Provider, email: str, claims: dict[str, Any]) -> bool:
    """Apple verifies what it hands out. Google runs gmail.com and the domains of its customers (`hd`).

    Any other address Google saw verified once, maybe under somebody who has it no longer.
    Source: https://developers.google.com/identity/gsi/web/guides/verify-google-id-token
    """
    if provider == Provider.APPLE:
        return True
    host = email.rpartition("@")[2]
    return host == "gmail.com" or (isinstance(claims.get("hd"), str) and bool(claims["hd"]))


def _name(value: Any) -> str:
    """Return a name in its one form; what is none is empty, and asked for."""
    try:
        return names.normalise_name(value) if isinstance(value, str) and len(value) <= names.MAX_LENGTH else ""
    except names.InvalidName:
        return ""


def hashes_of(nonce: str) -> tuple[bytes, ...]:
    """Return what is kept of the nonce that this claim is, or (as Apple's native apps write it) is the SHA-256 of."""
    found = [hashlib.sha256(nonce.encode()).digest()]
    if len(nonce) == 64 and nonce.isascii():
        try:
            found.append(bytes.fromhex(nonce))
        except ValueError:
            return tuple(found)
    return tuple(found)
