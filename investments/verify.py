"""What `verify_ledger` recomputes of investments, from the rows themselves: it trusts no trigger and no service.

Each check is one SQL statement that yields a sentence for each break; PostgreSQL sorts on disk, Python holds little.
Source: docs/rules/ledger.md §3, docs/rules/returns.md §2 to §4.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

from django.db import connection

from core.plans import set_planner
from investments import accrual, rules
from ledger import verify

BATCH = 500

# The row, its last terms and the ledger hold one principal.
_PRINCIPAL = """
WITH held AS (
    SELECT subject, sum(credits - debits) AS amount FROM ledger_account
    WHERE kind = 'principal' AND starts_with(scope, 'product:') GROUP BY subject
)
SELECT format('position %s: its row holds %s, its terms %s, the ledger %s', COALESCE(p.id::text, h.subject),
              p.principal, t.principal, COALESCE(h.amount, 0))
FROM investments_position p
FULL JOIN held h ON h.subject = p.id::text
LEFT JOIN investments_positionterm t ON t.position_id = p.id AND t.to_on IS NULL
WHERE (p.principal = COALESCE(h.amount, 0) AND COALESCE(t.principal, 0) = p.principal) IS NOT TRUE
"""

# From the day after the first funding on, without a gap or an overlap, and open at the end.
_TERMS = """
SELECT format('position %s: its terms don''t cover every day from %s on', p.id, p.funded_on + 1)
FROM investments_position p
LEFT JOIN (
    SELECT position_id, min(from_on) AS first, count(*) FILTER (WHERE to_on IS NULL) AS open_rows,
           bool_and(follows IS NOT DISTINCT FROM to_on) AS joined
    FROM (
        SELECT position_id, from_on, to_on,
               lead(from_on) OVER (PARTITION BY position_id ORDER BY from_on) AS follows
        FROM investments_positionterm
    ) rows GROUP BY position_id
) t ON t.position_id = p.id
WHERE CASE WHEN p.funded_on IS NULL THEN t.position_id IS NOT NULL
           ELSE (t.first = p.funded_on + 1 AND t.open_rows = 1 AND t.joined) IS NOT TRUE END
"""

# A position earns by its version's rate, for ever.
_RATES = """
SELECT format('position %s: its terms from %s on earn %s, its version says %s', t.position_id, t.from_on, t.rate,
              v.rate)
FROM investments_positionterm t
JOIN investments_position p ON p.id = t.position_id JOIN investments_productversion v ON v.id = p.version_id
WHERE t.rate <> v.rate
"""

# What reruns of a day added to it.
_RERUNS = f"""
LEFT JOIN (
    SELECT position_id, corrects_on AS day, sum(amount) AS amount FROM investments_accrualadjustment
    WHERE starts_with(source_key, '{accrual.RERUN}') GROUP BY 1, 2
) r ON r.position_id = t.position_id
"""

# Every accrual, with what a rerun added, is what the terms of its day give, and belongs to a position.
_ACCRUALS = f"""
SELECT format('accrual of %s on %s: %s isn''t what its terms give', a.position_id, a.day, a.amount)
FROM investments_accrual a
LEFT JOIN investments_positionterm t ON t.position_id = a.position_id AND t.from_on <= a.day
    AND (t.to_on IS NULL OR t.to_on > a.day)
{_RERUNS} AND r.day = a.day
WHERE (a.amount = {
    rules.AMOUNT_SQL.format(
        principal="a.principal", rate="a.rate", numerator="a.numerator", denominator="a.denominator"
    )
} AND CASE WHEN r.day IS NULL THEN t.earns AND t.principal = a.principal AND t.rate = a.rate
           WHEN t.earns THEN a.amount + r.amount = {
    rules.AMOUNT_SQL.format(
        principal="t.principal", rate="t.rate", numerator="a.numerator", denominator="a.denominator"
    )
} ELSE a.amount + r.amount = 0 END) IS NOT TRUE
"""

# Every day up to the last one that was accrued, each position that earned on it has its row, or a rerun's.
_MISSING = f"""
SELECT format('position %s has no accrual for %s', t.position_id, d.day)
FROM (SELECT DISTINCT day FROM investments_accrualslice WHERE done_at IS NOT NULL AND problems = 0) d
JOIN investments_positionterm t ON t.earns AND t.principal > 0 AND t.from_on <= d.day
    AND (t.to_on IS NULL OR t.to_on > d.day)
LEFT JOIN investments_accrual a ON a.day = d.day AND a.position_id = t.position_id
{_RERUNS} AND r.day = d.day
WHERE a.day IS NULL AND r.day IS NULL
  AND NOT EXISTS (
      SELECT 1 FROM investments_accrualslice s WHERE s.day = d.day AND (s.done_at IS NULL OR s.problems > 0))
"""

# What a position's newest settlement carries is everything accrued, adjusted and paid up to then.
_SETTLEMENTS = """
WITH paid AS (
    SELECT position_id, max(due_on) AS due_on, sum(amount) AS amount FROM investments_settlement GROUP BY 1
), newest AS (
    SELECT position_id, due_on, accrued_to_date, paid_to_date
    FROM investments_settlement JOIN paid USING (position_id, due_on)
), accrued AS (
    SELECT n.position_id, sum(a.amount) AS amount
    FROM newest n JOIN investments_accrual a ON a.position_id = n.position_id AND a.day <= n.due_on GROUP BY 1
), late AS (
    SELECT n.position_id, sum(l.amount) AS amount FROM newest n
    JOIN investments_lateaccrual l ON l.position_id = n.position_id AND l.day <= n.due_on AND l.booked_on > n.due_on
    GROUP BY 1
), adjusted AS (
    SELECT n.position_id, sum(j.amount) AS amount FROM newest n
    JOIN investments_accrualadjustment j ON j.position_id = n.position_id AND j.booked_on <= n.due_on GROUP BY 1
), returned AS (
    SELECT n.position_id, sum(r.amount) AS amount FROM newest n
    JOIN investments_settlementreversal r ON r.position_id = n.position_id AND r.booked_on <= n.due_on GROUP BY 1
)
SELECT format('position %s, settled on %s: carries %s accrued and %s paid; the rows give %s and %s', n.position_id,
              n.due_on, n.accrued_to_date, n.paid_to_date, x.accrued, x.paid)
FROM newest n
LEFT JOIN accrued c USING (position_id) LEFT JOIN late l USING (position_id)
LEFT JOIN adjusted j USING (position_id) JOIN paid p USING (position_id)
LEFT JOIN returned r USING (position_id)
CROSS JOIN LATERAL (
    SELECT COALESCE(c.amount, 0) - COALESCE(l.amount, 0) + COALESCE(j.amount, 0) AS accrued,
           COALESCE(p.amount, 0) - COALESCE(r.amount, 0) AS paid
) x
WHERE n.accrued_to_date <> x.accrued OR n.paid_to_date <> x.paid
"""

_POSTED_AND_SETTLED = """
WITH posted AS (
    SELECT t.key, x.amount FROM ledger_transaction t JOIN ledger_transfer x ON x.transaction_id = t.id
    WHERE t.kind = 'settlement'
), settled AS (
    SELECT 'settlement:' || s.due_on || ':' || s.position_id AS key, s.amount
    FROM investments_settlement s
    JOIN investments_settlementslice p ON p.run_id = s.run_id AND s.position_id >= p.first AND s.position_id < p.until
    WHERE s.amount > 0 AND p.done_at IS NOT NULL
)
"""
# Whether both are the same rows, without sorting or joining millions: sums of their hashes, each key's seeded by its
# amount's, and that one anew each time, so that nobody can prepare rows for it.
_PAID_ALIKE = f"""
{_POSTED_AND_SETTLED}
SELECT (SELECT (count(*), sum(hashtextextended(key, hash_numeric_extended(amount, %(seed)s)))) FROM posted)
     = (SELECT (count(*), sum(hashtextextended(key, hash_numeric_extended(amount, %(seed)s)))) FROM settled)
"""
# Each settlement of a paid slice is one ledger transaction of that amount, and there are no others.
_PAID = f"""
{_POSTED_AND_SETTLED}
SELECT format('%s: settled %s, posted %s', COALESCE(s.key, l.key), COALESCE(s.amount, 0), COALESCE(l.amount, 0))
FROM settled s FULL JOIN posted l USING (key)
WHERE s.amount IS DISTINCT FROM l.amount
"""

# What stands in returns_due is what slices still owe.
_DUE = """
WITH due AS (
    SELECT scope, currency_id, sum(credits - debits) AS amount FROM ledger_account
    WHERE kind = 'returns_due' GROUP BY scope, currency_id
), owed AS (
    SELECT 'product:' || p.code AS scope, p.currency AS currency_id, sum(s.amount) AS amount
    FROM investments_settlementslice s
    JOIN investments_settlementrun r ON r.id = s.run_id JOIN investments_product p ON p.id = r.product_id
    WHERE s.done_at IS NULL GROUP BY 1, 2
)
SELECT format('returns_due of %s: holds %s, unfinished settlements owe %s', COALESCE(d.scope, o.scope),
              COALESCE(d.amount, 0), COALESCE(o.amount, 0))
FROM due d FULL JOIN owed o USING (scope, currency_id)
WHERE COALESCE(d.amount, 0) <> COALESCE(o.amount, 0)
"""

# Nobody waits for more than the position holds.
_EXITS = """
SELECT format('position %s: %s wait to leave, %s are there', p.id, e.amount, p.principal)
FROM (SELECT position_id, sum(amount) AS amount FROM investments_exitrequest WHERE status = 'waiting' GROUP BY 1) e
JOIN investments_position p ON p.id = e.position_id
WHERE e.amount > p.principal
"""

CHECKS = {
    "principal of positions": _PRINCIPAL,
    "terms of positions": _TERMS,
    "rates of positions": _RATES,
    "accruals": _ACCRUALS,
    "missing accruals": _MISSING,
    "settlements": _SETTLEMENTS,
    "paid settlements": _PAID,
    "returns due": _DUE,
    "exits in line": _EXITS,
}


# The transactions that its rows stand for; settlements are held by `_PAID`, both ways.
CLAIMS = """
SELECT transaction FROM investments_positionevent WHERE transaction IS NOT NULL
UNION ALL SELECT reserve FROM investments_settlementrun WHERE reserve IS NOT NULL
UNION ALL SELECT transaction FROM investments_settlementreversal
UNION ALL SELECT t.id FROM investments_settlementreversal r
          JOIN ledger_transaction t ON t.key = 'settlement_release:' || r.transaction
"""


def register() -> None:
    """Add these to what `verify_ledger` runs."""
    for name, sql in CHECKS.items():
        verify.register(name, _paid if sql is _PAID else _offenders(sql))
    verify.claim("investments", CLAIMS, kinds=["settlement"])


def _paid() -> Iterator[str]:
    set_planner(random_page_cost=1.1)  # Transfers and transactions lie in one order: their indexes are merged.
    with connection.cursor() as cursor:
        cursor.execute(_PAID_ALIKE, {"seed": secrets.randbits(63)})
        (alike,) = cursor.fetchone()
    if not alike:
        yield from _offenders(_PAID)()


def _offenders(sql: str) -> Callable[[], Iterator[str]]:
    def offenders() -> Iterator[str]:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            while rows := cursor.fetchmany(BATCH):
                yield from (row[0] for row in rows)

    return offenders
