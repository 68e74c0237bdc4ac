"""Key information sheets: published by the rooms above, accepted by investors. Source: docs/rules/protection.md §2."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from core.commands import command
from core.errors import NotFound
from oversight import audit
from protection import rules
from protection.errors import DisclosureChanged
from protection.models import Acceptance, Disclosure


def publish(*, subject: str, version: str, title: str, body: str, by: Any, now: datetime) -> Disclosure:
    """Keep one version of a key information sheet (step); the same text again is the row that stands.

    Raises DisclosureChanged when this version says something else already.
    """
    own = Disclosure(pk=uuid7(), subject=subject, version=version, title=title, body=body, published_at=now)
    Disclosure.objects.bulk_create([own], ignore_conflicts=True)
    row = Disclosure.objects.get(subject=subject, version=version)
    if not rules.same_text(row.body, body):
        raise DisclosureChanged(subject=subject, version=version)
    if row.pk == own.pk:
        named = {"subject": subject, "version": version}
        audit.record("protection.disclosure.published", actor=by, at=now, target=row, after=named)
    return row


def require_publishable(*, subject: str, version: str, body: str) -> None:
    """Refuse a text that isn't what this version says already. Raises DisclosureChanged."""
    row = Disclosure.objects.of(subject, version)
    if row is not None and not rules.same_text(row.body, body):
        raise DisclosureChanged(subject=subject, version=version)


def find_disclosure(disclosure_id: UUID) -> Disclosure:
    """Return a key information sheet. Raises NotFound."""
    row = Disclosure.objects.filter(pk=disclosure_id).first()
    if row is None:
        raise NotFound("There is no such key information sheet.")
    return row


@command
def accept_disclosure(disclosure_id: UUID, *, investor: Any, now: datetime) -> Acceptance:
    """Accept a key information sheet; accepting it again gives the first acceptance. Raises NotFound."""
    row = find_disclosure(disclosure_id)
    own = Acceptance(investor=investor, disclosure=row, accepted_at=now)
    Acceptance.objects.bulk_create([own], ignore_conflicts=True)
    accepted = Acceptance.objects.select_related("disclosure").get(investor=investor, disclosure=row)
    if accepted.pk == own.pk:
        audit.record("protection.disclosure.accepted", actor=investor, at=now, target=row)
    return accepted
