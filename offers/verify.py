"""What `verify_ledger` recomputes of offers from their rows. Source: docs/rules/offers.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.db import connection

from ledger import verify

# What is committed is what was accepted of those who hold a place, or held it to the end.
_COMMITTED = """
SELECT format('offer %s: %s committed, its investments say %s', o.code,
              trim_scale(o.committed_amount), trim_scale(COALESCE(i.amount, 0)))
FROM offers_offer o LEFT JOIN (
    SELECT offer_id, sum(accepted_amount) AS amount FROM offers_offerinvestment
    WHERE status IN ('reserved', 'committed', 'repaid') GROUP BY offer_id) i ON i.offer_id = o.id
WHERE o.committed_amount <> COALESCE(i.amount, 0) OR o.committed_amount > o.max_amount
"""

# Each investment's principal is what its account holds, and there is no principal of an offer without its investment.
_PRINCIPAL = """
SELECT format('offer investment %s: its row holds %s, the ledger %s', COALESCE(i.id::text, h.subject),
              trim_scale(COALESCE(i.principal, 0)), trim_scale(COALESCE(h.amount, 0)))
FROM (SELECT * FROM offers_offerinvestment WHERE principal > 0) i
FULL JOIN (
    SELECT subject, sum(credits - debits) AS amount FROM ledger_account
    WHERE kind = 'principal' AND starts_with(scope, 'offer:') GROUP BY subject) h ON h.subject = i.id::text
WHERE COALESCE(i.principal, 0) <> COALESCE(h.amount, 0)
"""

# Each status has left its transactions, of what was accepted, and no others.
_POSTED = """
WITH said AS (
    SELECT 'offer_reserve:' || i.id AS key, i.accepted_amount AS amount
    FROM offers_offerinvestment i WHERE i.operation_id IS NOT NULL
    UNION ALL
    SELECT 'offer_release:' || i.id, i.accepted_amount
    FROM offers_offerinvestment i WHERE i.status IN ('withdrawn', 'released')
    UNION ALL
    SELECT 'offer_commit:' || i.id, i.accepted_amount
    FROM offers_offerinvestment i WHERE i.status IN ('committed', 'repaid')
    UNION ALL
    SELECT 'offer_repay:' || i.id, i.accepted_amount - COALESCE(l.amount, 0)
    FROM offers_offerinvestment i
    LEFT JOIN (SELECT s.investment_id, sum(s.amount) AS amount FROM offers_offershare s
               JOIN offers_offerdeed d ON d.id = s.deed_id AND d.verb = 'lose' GROUP BY 1) l ON l.investment_id = i.id
    WHERE i.status = 'repaid' AND i.accepted_amount > COALESCE(l.amount, 0)
    UNION ALL
    SELECT CASE d.verb WHEN 'lose' THEN 'investor_loss:' ELSE 'distribution:' END
           || s.deed_id || ':' || s.investment_id, s.amount
    FROM offers_offershare s JOIN offers_offerdeed d ON d.id = s.deed_id
    UNION ALL
    SELECT 'distribution_reserve:' || d.id, d.amount FROM offers_offerdeed d WHERE d.verb = 'distribute'
), posted AS (
    SELECT t.key::text, sum(x.amount) AS amount
    FROM ledger_transaction t JOIN ledger_transfer x ON x.transaction_id = t.id
    WHERE t.kind = ANY (ARRAY['offer_reserve', 'offer_release', 'offer_commit', 'offer_repay', 'investor_loss',
                              'distribution', 'distribution_reserve'])
    GROUP BY t.key
)
SELECT format('%s: offers say %s, posted %s', COALESCE(s.key, p.key), trim_scale(COALESCE(s.amount, 0)),
              trim_scale(COALESCE(p.amount, 0)))
FROM said s FULL JOIN posted p USING (key) WHERE s.amount IS DISTINCT FROM p.amount
"""

# The shares of a deed are all of it.
_SHARES = """
SELECT format('deed %s: %s, its shares are %s', COALESCE(d.id, s.deed_id), trim_scale(COALESCE(d.amount, 0)),
              trim_scale(COALESCE(s.amount, 0)))
FROM offers_offerdeed d
FULL JOIN (SELECT deed_id, sum(amount) AS amount FROM offers_offershare GROUP BY deed_id) s ON s.deed_id = d.id
WHERE d.amount IS DISTINCT FROM s.amount
"""

# The ledger has nothing of an offer that never closed; of one that has ended, only income that came late.
_ENDED = """
SELECT format('%s: its %s holds %s %s, but it %s', a.scope, a.kind, trim_scale(abs(a.debits - a.credits)),
              a.currency_id, CASE WHEN o.id IS NULL THEN 'never closed' ELSE 'has ended' END)
FROM ledger_account a
LEFT JOIN offers_offer o ON 'offer:' || o.code = a.scope AND o.currency = a.currency_id AND o.closed_on IS NOT NULL
WHERE starts_with(a.scope, 'offer:') AND a.debits <> a.credits
  AND (o.id IS NULL OR o.ended_on IS NOT NULL AND a.kind <> 'returns_pool')
ORDER BY a.id
"""

CHECKS = {
    "committed offers": _COMMITTED,
    "principal of offers": _PRINCIPAL,
    "offer transactions": _POSTED,
    "shares of deeds": _SHARES,
    "ends of offers": _ENDED,
}
KINDS = (
    "offer_reserve",
    "offer_release",
    "offer_commit",
    "offer_repay",
    "investor_loss",
    "distribution",
    "distribution_reserve",
)


def register() -> None:
    """Add these to what `verify_ledger` runs; `offer transactions` holds both ways what it posts."""
    for name, sql in CHECKS.items():
        verify.register(name, _offenders(sql))
    verify.claim("offers", "SELECT reserve FROM offers_offerdeed WHERE reserve IS NOT NULL", kinds=KINDS)


def _offenders(sql: str) -> Callable[[], Iterator[str]]:
    def offenders() -> Iterator[str]:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            yield from (row[0] for row in cursor.fetchall())

    return offenders
