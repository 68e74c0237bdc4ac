"""What `verify_ledger` recomputes of the treasury: coverage against its digests, rows against ledger and approvals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from django.db import connection

from ledger.models import Seal
from ledger.seals import EMPTY
from treasury import coverage
from treasury.models import CoverageDay
from treasury.services.shapes import SHAPES

BATCH = 500


def changed_coverage() -> Iterator[str]:
    """Yield each day whose coverage isn't what was stored, or not what was sealed."""
    sealed = {day: bytes(sha256) for day, sha256 in Seal.objects.values_list("day_id", "coverage_sha256")}
    standing = set(CoverageDay.objects.values_list("day", flat=True))
    gone = sorted(day for day, sha256 in sealed.items() if sha256 != EMPTY and day not in standing)
    yield from (f"the coverage of {day} was sealed and is gone" for day in gone)
    for day in CoverageDay.objects.order_by("day").iterator():
        stored = bytes(day.digest)
        if coverage.recompute_digest(day) != stored:
            yield f"the coverage of {day} isn't what was stored"
        if sealed.get(day.pk, stored) != stored:
            yield f"the coverage of {day} isn't what was sealed"


def unmatched_movements() -> Iterator[str]:
    """Yield each movement that doesn't say what its transaction in the ledger does, or what was approved."""
    kinds = [{shape.verb.value: shape.kind_for(scope) for shape in SHAPES.values()} for scope in ("offer:", "")]
    yield from _rows(_UNMATCHED)
    yield from _rows(_UNASKED, [json.dumps(each) for each in kinds])


def unmatched_proofs() -> Iterator[str]:
    """Yield each valuation and statement that doesn't say what was approved, and each approval without its row."""
    yield from _rows(_VALUATIONS)
    yield from _rows(_STATEMENTS)


def _rows(sql: str, parameters: list[str] | None = None) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        while rows := cursor.fetchmany(BATCH):
            yield from (what for (what,) in rows)


_UNMATCHED: Final = """
    SELECT format('movement %s (%s) says %s %s on %s, its transaction %s %s on %s', m.id, m.verb,
                  trim_scale(m.amount), m.currency_id, m.booked_on,
                  trim_scale(x.amount), x.currency_id, x.booked_on)
    FROM treasury_treasurymovement m
    LEFT JOIN ledger_transaction t ON t.id = m.transaction_id
    LEFT JOIN ledger_transfer x ON x.transaction_id = t.id
    WHERE (x.amount = m.amount AND x.currency_id = m.currency_id AND x.booked_on = m.booked_on
           AND t.approval_id = m.request_id AND t.moves = 1
           AND (m.reverses_id IS NULL) = (t.reverses_id IS NULL)) IS NOT TRUE
"""

# A movement is its request, word for word; a reversal is what it reverses.
_UNASKED: Final = """
    SELECT format('movement %%s (%%s) isn''t what was approved', m.id, m.verb)
    FROM treasury_treasurymovement m
    LEFT JOIN oversight_approvalrequest q ON q.id = m.request_id AND q.status = 'approved'
    LEFT JOIN ledger_transaction t ON t.id = m.transaction_id
    LEFT JOIN ledger_evidence e ON e.id = m.evidence_id
    LEFT JOIN treasury_asset a ON a.id = m.asset_id
    LEFT JOIN treasury_treasurymovement o ON o.id = m.reverses_id
    WHERE (q.verb = 'treasury.' || m.verb
           AND m.reason = q.reason AND m.requested_by_id = q.requested_by_id
           AND m.approved_by_id IN (SELECT approver_id FROM oversight_decision d WHERE d.request_id = q.id)
           AND e.source = q.payload->'paper'->>'source' AND e.reference = upper(q.payload->'paper'->>'reference')
           AND CASE WHEN m.reverses_id IS NULL THEN
                   t.kind = CASE WHEN starts_with(m.scope, 'offer:') THEN %s::jsonb ELSE %s::jsonb END->>m.verb
                   AND t.evidence_id = m.evidence_id
                   AND m.amount = (q.payload->'terms'->>'amount')::numeric
                   AND COALESCE(m.asset_id::text, '') = q.payload->'terms'->>'asset'
                   AND m.scope = COALESCE(a.scope, q.payload->'terms'->>'scope')
                   AND m.currency_id = COALESCE(a.currency_id, q.payload->'terms'->>'currency')
                   AND m.cash = q.payload->'terms'->>'cash'
                   AND COALESCE(m.investor_id::text, '') = q.payload->'terms'->>'investor'
                   AND q.payload->'terms'->'counterparty' = CASE WHEN m.counterparty_name = '' THEN '[]'::jsonb
                       ELSE jsonb_build_array(m.counterparty_name, m.counterparty_country, m.counterparty_relation) END
               ELSE t.reverses_id = o.transaction_id AND q.payload->>'movement' = o.id::text
                   AND (m.amount, m.currency_id, m.scope, m.cash) = (o.amount, o.currency_id, o.scope, o.cash)
                   AND (m.counterparty_name, m.counterparty_country, m.counterparty_relation)
                       = (o.counterparty_name, o.counterparty_country, o.counterparty_relation)
                   AND (m.asset_id, m.investor_id) IS NOT DISTINCT FROM (o.asset_id, o.investor_id)
               END) IS NOT TRUE
"""

_PROOF: Final = """
    SELECT format('%(what)s %%s isn''t what was approved in request %%s', COALESCE(p.id::text, 'missing'),
                  COALESCE(p.request_id, q.id))
    FROM (SELECT * FROM oversight_approvalrequest WHERE verb = '%(verb)s' AND status = 'approved') q
    FULL JOIN %(table)s p ON p.request_id = q.id
    LEFT JOIN ledger_evidence e ON e.id = p.evidence_id
    WHERE (p.amount = (q.payload->'terms'->>'amount')::numeric AND %(names)s
           AND p.requested_by_id = q.requested_by_id
           AND p.approved_by_id IN (SELECT approver_id FROM oversight_decision d WHERE d.request_id = q.id)
           AND e.source = q.payload->'paper'->>'source' AND e.reference = upper(q.payload->'paper'->>'reference')
           AND e.sha256 = q.document_hash) IS NOT TRUE
"""
_VALUATIONS: Final = _PROOF % {
    "what": "valuation",
    "verb": "treasury.value_asset",
    "table": "treasury_valuation",
    "names": "p.asset_id::text = q.payload->'terms'->>'asset' AND p.valued_on::text = q.payload->'terms'->>'day'",
}
_STATEMENTS: Final = _PROOF % {
    "what": "statement balance",
    "verb": "treasury.record_statement_balance",
    "table": "treasury_statementbalance",
    "names": "p.cash = q.payload->'terms'->>'cash' AND p.currency_id = q.payload->'terms'->>'currency'"
    " AND p.day::text = q.payload->'terms'->>'day'",
}

CLAIMS: Final = "SELECT transaction_id FROM treasury_treasurymovement"
"""The transactions that movements stand for."""
