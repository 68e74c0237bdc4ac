"""Record what the world outside said, once. A step."""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction

from core.errors import DomainError
from ledger.models import Evidence


class DuplicateEvidence(DomainError):
    code = "duplicate-evidence"
    title = "This reference of this source was recorded before"


def record(*, type: str, source: str, reference: str, at: datetime, content: bytes = b"", name: str = "") -> Evidence:
    """Keep evidence with its file or event (`content`); its SHA-256 is over them.

    `reference` is the source's own id of the fact, stripped, compared without case. Raises DuplicateEvidence.
    """
    row = Evidence(
        type=type,
        source=source,
        reference=reference.strip().upper(),
        sha256=hashlib.sha256(content).digest(),
        name=name[:200],
        received_at=at,
    )
    if content and name:
        row.file.save(f"{row.pk}-{name[-80:]}", ContentFile(content), save=False)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise DuplicateEvidence(source=source, reference=row.reference) from error
    return row
