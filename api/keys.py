"""The identity of a keyed HTTP request: who sent it, where to, under which key, and what was in it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.core.serializers.json import DjangoJSONEncoder
from rest_framework import exceptions
from rest_framework.request import Request

from oversight.encryption import blind_index

HEADER = "Idempotency-Key"
MAXIMUM_LENGTH = 255


@dataclass(frozen=True, slots=True)
class RequestKey:
    """`fingerprint` is the keyed hash of the content: it tells equal contents from others and says nothing else."""

    owner_id: UUID
    method: str
    path: str
    key: str
    fingerprint: bytes

    @classmethod
    def of(cls, request: Request) -> RequestKey:
        """Read the key of a request.

        Raises ValidationError when it is missing or too long.
        """
        key = str(request.META.get("HTTP_IDEMPOTENCY_KEY", "")).strip()
        if not key:
            raise exceptions.ParseError(f"This request needs the header {HEADER}.", code="idempotency-key-missing")
        if len(key) > MAXIMUM_LENGTH:
            detail = f"{HEADER} has at most {MAXIMUM_LENGTH} characters."
            raise exceptions.ParseError(detail, code="idempotency-key-too-long")
        return cls(
            owner_id=cast("UUID", request.user.pk),
            method=str(request.method),
            path=request.path,
            key=key,
            fingerprint=_fingerprint(request),
        )

    def columns(self) -> dict[str, Any]:
        """What a KeyedRow keeps of it, for ever."""
        return {
            "request_method": self.method,
            "request_path": self.path,
            "request_key": self.key,
            "request_fingerprint": self.fingerprint,
        }

    def lock_number(self) -> int:
        """A signed 64-bit number for the advisory lock; two keys that share one only make each other wait."""
        identity = "\x00".join((str(self.owner_id), self.method, self.path, self.key))
        return int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], "big", signed=True)


def _fingerprint(request: Request) -> bytes:
    content = {"query": sorted(request.query_params.lists()), "body": _comparable(request.data)}
    return blind_index("request:" + json.dumps(content, sort_keys=True, cls=DjangoJSONEncoder))


def _comparable(body: Any) -> Any:
    if hasattr(body, "lists"):
        return {name: [_comparable(value) for value in values] for name, values in body.lists()}
    if isinstance(body, UploadedFile):
        body.seek(0)
        digest = hashlib.sha256(body.read()).hexdigest()
        body.seek(0)
        return {"name": body.name, "sha256": digest}
    return body
