"""The paper behind a verb: a document and the source's own reference, which stand behind one posting only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ledger import evidence
from ledger.evidence import DuplicateEvidence
from ledger.models import Evidence
from treasury.services.terms import InvalidTerms

MAX_DOCUMENT_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """Evidence as an officer hands it in: who issued it, its own reference, and the document itself."""

    source: str
    reference: str
    name: str
    content: bytes

    def require_whole(self) -> None:
        """Raise InvalidTerms unless source, reference and a document are given."""
        if not self.source.strip() or len(self.source) > 64:
            raise InvalidTerms("Say who issued the document (up to 64 characters).", field="source")
        if not self.reference.strip() or len(self.reference) > 140:
            raise InvalidTerms("Give the document's own reference (up to 140 characters).", field="reference")
        if not self.content or not self.name.strip():
            raise InvalidTerms("Attach the document.", field="document")
        if len(self.content) > MAX_DOCUMENT_BYTES:
            raise InvalidTerms("The document is larger than 10 MB.", field="document")

    def frozen(self) -> dict[str, Any]:
        """Return what an approval's payload keeps of it, beside the document."""
        return {"source": self.source.strip(), "reference": self.reference.strip(), "name": self.name.strip()}


def find(source: str, reference: str) -> Evidence | None:
    """Return the evidence of that reference, compared as the ledger compares it."""
    return Evidence.objects.filter(source=source.strip(), reference=reference.strip().upper()).first()


def require_unused(source: str, reference: str) -> None:
    """Raise DuplicateEvidence if the reference stands behind something that wasn't reversed."""
    known = find(source, reference)
    if known is not None and not is_free_again(known):
        raise DuplicateEvidence(source=source, reference=known.reference)


def is_free_again(row: Evidence) -> bool:
    """Say whether all that stood on this evidence was reversed, so that what is right may be posted on it."""
    transactions = row.transactions.filter(reverses__isnull=True)
    return transactions.exists() and not transactions.filter(reversed_by__isnull=True).exists()


def record(frozen: dict[str, Any], content: bytes, *, now: datetime) -> Evidence:
    """Keep the paper as evidence, or return the row whose postings were all reversed. A step.

    Raises DuplicateEvidence.
    """
    known = find(frozen["source"], frozen["reference"])
    if known is not None and is_free_again(known):
        return known
    return evidence.record(
        type=Evidence.Type.DOCUMENT,
        source=frozen["source"],
        reference=frozen["reference"],
        content=content,
        name=frozen["name"],
        at=now,
    )


def posting_key(verb: str, row: Evidence) -> str:
    """Return the key of a posting on this evidence: the verb and the paper, numbered from the second time on."""
    times = row.transactions.filter(reverses__isnull=True).count() + 1
    return f"{verb}:{row.pk}" + (f":{times}" if times > 1 else "")


def require_new(source: str, reference: str) -> None:
    """Raise DuplicateEvidence if the reference was ever recorded: a statement or valuation is said once."""
    if find(source, reference) is not None:
        raise DuplicateEvidence(source=source, reference=reference.strip().upper())
