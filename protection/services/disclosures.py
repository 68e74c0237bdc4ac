"""Key information sheets: published by the rooms above, accepted by investors."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from core.commands import command
from core.errors import NotFound
from oversight import audit
from protection.errors import DisclosureChanged
from protection.models import Acceptance, Disclosure


def publish(*, subject: str, version: str, title: str, body: str, by: Any, now: datetime) -> Disclosure:
    """Keep one version of a key information sheet (step); the same text again is the row that stands.

    Raises DisclosureChanged when this version says something else already.
    """
    Disclosure.objects.bulk_create(
        [Disclosure(subject=subject, version=version, title=title, body=body, published_at=now)],
        ignore_conflicts=True,
    )
    row = Disclosure.objects.get(subject=subject, version=version)
    if (row.title, row.body) != (title, body):
        raise DisclosureChanged(subject=subject, version=version)
    if row.published_at == now:
        audit.record(
            "protection.disclosure_published",
            actor=by,
            at=now,
            target=row,
            after={"subject": subject, "version": version},
        )
    return row


def find_disclosure(disclosure_id: UUID) -> Disclosure:
    """Return a key information sheet. Raises NotFound."""
    row = Disclosure.objects.filter(pk=disclosure_id).first()
    if row is None:
        raise NotFound("There is no such key information sheet.")
    return row


@command
def accept_disclosure(disclosure_id: UUID, *, investor: Any, now: datetime) -> Acceptance:
    """Accept a key information sheet; accepting it again changes nothing. Raises NotFound."""
    row = find_disclosure(disclosure_id)
    Acceptance.objects.bulk_create(
        [Acceptance(investor=investor, disclosure=row, accepted_at=now)], ignore_conflicts=True
    )
    return Acceptance.objects.select_related("disclosure").get(investor=investor, disclosure=row)
