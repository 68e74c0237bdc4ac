"""What the rows of four eyes must say, checked again on the rows. `ledger.verify` runs it with its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final
from uuid import UUID

from django.db import connection

from oversight import audit
from oversight.models import ApprovalRequest, AuditEvent
from oversight.services import facts

BATCH = 500


def changed_requests() -> Iterator[str]:
    """Name each request that isn't what the audit trail says was asked, or is approved without enough others."""
    yield from _changed()
    with connection.cursor() as cursor:
        cursor.execute(_UNDECIDED)
        while rows := cursor.fetchmany(BATCH):
            yield from (what for (what,) in rows)


def _changed() -> Iterator[str]:
    asked = AuditEvent.objects.filter(action="oversight.requested").order_by("id").iterator(chunk_size=BATCH)
    while events := list(islice(asked, BATCH)):
        requests = ApprovalRequest.objects.in_bulk([event.target_id for event in events])
        for event in events:
            request = requests.get(UUID(event.target_id))
            if request is None:
                yield f"the request {event.target_id} was asked and is gone"
            elif (audit.plain(facts(request)), request.requested_by_id, request.reason) != (
                event.after,
                event.actor_id,
                event.reason,
            ):
                yield f"the request {request.pk} ({request.verb}) isn't what was asked"


_UNDECIDED: Final = """
    SELECT format('the request %s (%s) is in no audit trail', q.id, q.verb)
    FROM oversight_approvalrequest q
    WHERE NOT EXISTS (SELECT 1 FROM oversight_auditevent e
                      WHERE e.action = 'oversight.requested' AND e.target_type = 'oversight.approvalrequest'
                        AND e.target_id = q.id::text)
    UNION ALL
    SELECT format('the request %s (%s) is approved, by %s of %s others', q.id, q.verb, x.others, q.approvals)
    FROM oversight_approvalrequest q
    CROSS JOIN LATERAL (
        SELECT count(DISTINCT d.approver_id) AS others FROM oversight_decision d
        WHERE d.request_id = q.id AND d.verdict = 'approve'
          AND d.approver_id <> q.requested_by_id AND d.approver_id IS DISTINCT FROM q.beneficiary_id) x
    WHERE q.status = 'approved' AND x.others < q.approvals
"""
