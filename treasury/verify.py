"""What `verify_ledger` recomputes of the treasury: coverage against its digests, movements against the ledger."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

from ledger.models import Seal
from treasury import coverage
from treasury.models import CoverageDay


def changed_coverage() -> Iterator[str]:
    """Yield each day whose coverage isn't what was stored, or not what was sealed."""
    sealed = {day: bytes(sha256) for day, sha256 in Seal.objects.values_list("day_id", "coverage_sha256")}
    for day in CoverageDay.objects.order_by("day").iterator():
        stored = bytes(day.digest)
        if coverage.recompute_digest(day) != stored:
            yield f"the coverage of {day} isn't what was stored"
        if sealed.get(day.pk, stored) != stored:
            yield f"the coverage of {day} isn't what was sealed"


def unmatched_movements() -> Iterator[str]:
    """Yield each movement that doesn't say what its transaction in the ledger does."""
    with connection.cursor() as cursor:
        cursor.execute(_UNMATCHED)
        yield from (what for (what,) in cursor.fetchall())


_UNMATCHED = """
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
