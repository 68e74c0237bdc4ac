"""The document that is attached to a request: kept with its hash, shown only to those who may see the request."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

from django.core.files import File

from core.errors import DomainError
from oversight.models import ApprovalRequest

MAXIMUM_BYTES = 10 * 1024 * 1024
SUFFIXES = frozenset({".pdf", ".png", ".jpg", ".jpeg", ".csv", ".txt", ".xml", ".xlsx"})


class DocumentRefused(DomainError):
    code = "document-refused"
    title = "This document can't be taken"
    status = 422


class DocumentChanged(DomainError):
    code = "document-changed"
    title = "The document isn't the one that was attached"
    status = 409


def attach(request: ApprovalRequest, document: File) -> None:
    """Store the document under the request's id and note its name and SHA-256.

    Raises DocumentRefused.
    """
    name = PurePosixPath((document.name or "document").replace("\\", "/")).name[-200:]
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise DocumentRefused(f"A document is one of {', '.join(sorted(SUFFIXES))}.")
    if not 0 < document.size <= MAXIMUM_BYTES:
        raise DocumentRefused(f"A document has between 1 and {MAXIMUM_BYTES} bytes.")
    request.document_name = name
    request.document_hash = digest(document)
    document.seek(0)
    request.document.save(f"{request.pk}{suffix}", document, save=False)


def read(request: ApprovalRequest) -> bytes:
    """Return the document's content, after holding it against its hash.

    Raises DocumentChanged.
    """
    if not request.document:
        raise DocumentRefused("This request has no document.")
    with request.document.open("rb") as stored:
        content: bytes = stored.read()
    if hashlib.sha256(content).digest() != bytes(request.document_hash or b""):
        raise DocumentChanged
    return content


def digest(document: File) -> bytes:
    """SHA-256 of a file's content."""
    document.seek(0)
    total = hashlib.sha256()
    for chunk in document.chunks():
        total.update(chunk)
    return total.digest()
