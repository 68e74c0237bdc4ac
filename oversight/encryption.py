"""Encryption at rest: fields under the platform's master keys, personal data under each person's own key.

AES-256-GCM throughout, bound to where the ciphertext stands, so that it can't be moved elsewhere. Keys are
`settings.FIELD_KEYS`: 32 bytes each in base64, the first one encrypts, all of them decrypt. What can't be
decrypted raises; ciphertext is never returned.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac
import secrets
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

VERSION = b"\x01"
KEY_ID_BYTES = 4
NONCE_BYTES = 12
KEY_BYTES = 32


class DecryptionFailed(Exception):
    """A ciphertext was changed, moved, or encrypted with a key that isn't known."""


def seal(key: bytes, plain: bytes, *, context: str) -> bytes:
    """Encrypt `plain` for `context`: version, key id, nonce, ciphertext with tag."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return VERSION + _key_id(key) + nonce + AESGCM(key).encrypt(nonce, plain, context.encode())


def unseal(keys: tuple[bytes, ...], sealed: bytes | memoryview, *, context: str) -> bytes:
    """Decrypt what `seal` made for the same context with one of `keys`.

    Raises DecryptionFailed.
    """
    sealed = bytes(sealed)
    head = len(VERSION) + KEY_ID_BYTES
    if sealed[: len(VERSION)] != VERSION:
        raise DecryptionFailed("unknown format")
    for key in keys:
        if _key_id(key) == sealed[len(VERSION) : head]:
            nonce, body = sealed[head : head + NONCE_BYTES], sealed[head + NONCE_BYTES :]
            try:
                return AESGCM(key).decrypt(nonce, body, context.encode())
            except (InvalidTag, ValueError) as error:
                raise DecryptionFailed(f"changed, or moved to {context}") from error
    raise DecryptionFailed("its key isn't among FIELD_KEYS")


def master_keys() -> tuple[bytes, ...]:
    """Return the master keys, the encrypting one first.

    Raises ImproperlyConfigured when one isn't 32 bytes of base64.
    """
    return _decoded(tuple(settings.FIELD_KEYS))


def needs_rotation(sealed: bytes | memoryview) -> bool:
    """Answer whether another key than the present first one encrypted this."""
    return bytes(sealed)[len(VERSION) : len(VERSION) + KEY_ID_BYTES] != _key_id(master_keys()[0])


def blind_index(value: str) -> bytes:
    """Return the keyed hash (HMAC-SHA256) by which an encrypted value is found and kept unique.

    Normalise first: another writing is another hash.
    """
    key = _decoded((settings.BLIND_INDEX_KEY,))[0]
    return hmac.new(key, value.encode(), hashlib.sha256).digest()


def seal_for(person_id: UUID, plain: bytes, *, context: str = "") -> bytes:
    """Encrypt with the person's own key, which is made when first needed.

    Raises PersonErased when it was destroyed.
    """
    from oversight.models import PersonKey

    return seal(PersonKey.objects.data_key(person_id), plain, context=f"person:{person_id}:{context}")


def open_for(
    person_id: UUID, sealed: bytes | memoryview, *, context: str = "", wrapped: bytes | memoryview | None = None
) -> bytes:
    """Decrypt what `seal_for` made for the same person and context.

    `wrapped` is the person's key as it stands, where a query has brought it along. Raises PersonErased,
    DecryptionFailed.
    """
    from oversight.models import PersonKey, unwrap

    key = PersonKey.objects.data_key(person_id) if wrapped is None else unwrap(person_id, wrapped)
    return unseal((key,), sealed, context=f"person:{person_id}:{context}")


class EncryptedTextField(models.TextField):
    """Text that stands encrypted in the database, bound to this model and field; an empty text stays empty.

    It can't be searched: keep a `blind_index` beside it.
    """

    description = "Encrypted text"

    @property
    def context(self) -> str:
        return f"{self.model._meta.label_lower}.{self.attname}"

    def get_prep_value(self, value: Any) -> str | None:
        text = super().get_prep_value(value)
        if not text:
            return text
        sealed = seal(master_keys()[0], text.encode(), context=self.context)
        return base64.urlsafe_b64encode(sealed).decode()

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        if not value:
            return value
        try:
            sealed = base64.b64decode(value, altchars=b"-_", validate=True)
        except binascii.Error as error:
            raise DecryptionFailed(f"{self.context} isn't ciphertext") from error
        return unseal(master_keys(), sealed, context=self.context).decode()

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"fiducia-key-id:" + key).digest()[:KEY_ID_BYTES]


@functools.lru_cache(maxsize=8)
def _decoded(texts: tuple[str, ...]) -> tuple[bytes, ...]:
    keys = []
    for text in texts:
        try:
            key = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
        except binascii.Error as error:
            raise ImproperlyConfigured("FIELD_KEYS and BLIND_INDEX_KEY are 32 bytes of base64 each") from error
        if len(key) != KEY_BYTES:
            raise ImproperlyConfigured("FIELD_KEYS and BLIND_INDEX_KEY are 32 bytes of base64 each")
        keys.append(key)
    if not keys:
        raise ImproperlyConfigured("FIELD_KEYS needs at least one key")
    return tuple(keys)
