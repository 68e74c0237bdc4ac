"""The SQL of settlement. A run's rows are computed and kept once, when it is reserved; its slices only pay them.

Who is in the run of D: everybody whose rhythm is due on D and who had not ended before (REGULAR if the run before has
his row, else OTHERS), those who ended since the run before, and those who ended earlier but got a correction since.
payable = floor(round(accrued to date, e + 6), e) - paid to date, if positive. `unit` and `units` are 10^-e and 10^e.
"""

from __future__ import annotations

OPEN_RUNS = """
INSERT INTO investments_settlementrun (product_id, due_on, status, amount, earned, positions)
SELECT p.id, day::date, 'due', 0, 0, 0
FROM investments_product p
CROSS JOIN LATERAL generate_series(
    COALESCE((SELECT max(r.due_on) + 1 FROM investments_settlementrun r WHERE r.product_id = p.id), %(day)s::date),
    %(day)s::date, '1 day') AS day
WHERE EXISTS (SELECT 1 FROM investments_position x WHERE x.product_id = p.id AND x.funded_on < %(day)s)
ON CONFLICT DO NOTHING
"""

# The three kinds of rows that come into account with the run of a day later than their own.
_BOOKED = """
    SELECT position_id FROM investments_accrualadjustment WHERE booked_on > {since} AND booked_on <= %(due_on)s
    UNION ALL
    SELECT position_id FROM investments_lateaccrual WHERE booked_on > {since} AND booked_on <= %(due_on)s
    UNION ALL
    SELECT position_id FROM investments_settlementreversal WHERE booked_on > {since} AND booked_on <= %(due_on)s
"""

_INSERT = """
INSERT INTO investments_settlement
    (run_id, position_id, due_on, exponent, earned, accrued_to_date, paid_to_date, amount, overpaid)
SELECT %(run)s, position_id, %(due_on)s, %(exponent)s, earned, accrued, paid + payable, payable,
       GREATEST(paid - entitled, 0)
FROM (
    SELECT position_id, earned, accrued, paid, entitled, GREATEST(entitled - paid, 0) AS payable
    FROM (
        SELECT position_id, earned, accrued, paid,
               floor(round(accrued, %(places)s) * %(units)s::numeric) * %(unit)s::numeric AS entitled
        FROM ({rows}) moved OFFSET 0
    ) known OFFSET 0
) settled
"""

_ONE_DAY = """
        LEFT JOIN investments_accrual a ON a.day = %(due_on)s AND a.position_id = s.position_id
"""
_DAYS = """
        LEFT JOIN (
            SELECT position_id, sum(amount) AS amount FROM investments_accrual
            WHERE day > %(since)s AND day <= %(due_on)s
              AND position_id IN (SELECT position_id FROM investments_settlement WHERE run_id = %(before)s)
            GROUP BY position_id
        ) a ON a.position_id = s.position_id
"""
_REGULAR_ROWS = """
        SELECT s.position_id, COALESCE(a.amount, 0) AS earned, s.accrued_to_date + COALESCE(a.amount, 0) AS accrued,
               s.paid_to_date AS paid
        FROM investments_settlement s
        {accruals}
        CROSS JOIN LATERAL (
            -- A probe a row: a merge would walk through the positions of all products.
            SELECT FROM investments_position p
            WHERE p.id = s.position_id AND p.version_id = ANY(%(versions)s)
              AND (p.last_on IS NULL OR p.last_on >= %(due_on)s) OFFSET 0
        ) goes_on
        WHERE s.run_id = %(before)s
          {unless_booked}
"""
_UNLESS_BOOKED = f"AND s.position_id NOT IN ({_BOOKED.format(since='%(since)s')})"


def regular(*, one_day: bool, booked: bool) -> str:
    """Those who go on as before: the row of the run before, and what was accrued since."""
    rows = _REGULAR_ROWS.format(accruals=_ONE_DAY if one_day else _DAYS, unless_booked=_UNLESS_BOOKED if booked else "")
    return _INSERT.format(rows=rows)


HAS_BOOKED = f"SELECT EXISTS ({_BOOKED.format(since='%(since)s')})"

# Whoever is due and has no row yet; whoever ended since the run before; whoever ended earlier and got a correction.
_CANDIDATES = """
            -- EXCEPT hashes whatever the statistics say; an anti-join on old ones compares all with all.
            SELECT p.id, p.funded_on, p.last_on, true AS anyway
            FROM (
                SELECT id FROM investments_position
                WHERE product_id = %(product)s AND version_id = ANY(%(due_versions)s) AND funded_on < %(due_on)s
                  AND (last_on IS NULL OR last_on >= %(due_on)s)
                EXCEPT
                SELECT position_id FROM investments_settlement WHERE run_id = %(run)s
            ) missing
            JOIN investments_position p ON p.id = missing.id
            UNION ALL
            SELECT p.id, p.funded_on, p.last_on, p.id IN ({booked}) AS anyway
            FROM investments_position p
            WHERE p.product_id = %(product)s AND p.funded_on < %(due_on)s AND (
                  p.last_on = %(due_on)s AND p.version_id <> ALL(%(due_versions)s)
                  OR p.last_on >= %(ended_since)s AND p.last_on < %(due_on)s)
            UNION ALL
            SELECT p.id, p.funded_on, p.last_on, true AS anyway
            FROM investments_position p
            WHERE p.product_id = %(product)s AND p.funded_on < %(due_on)s AND p.last_on < %(ended_since)s
              AND p.id IN ({booked})
"""
_OTHERS_ROWS = """
        SELECT p.id AS position_id, e.amount + b.added AS earned,
               COALESCE(l.accrued_to_date, 0) + e.amount + b.added AS accrued,
               COALESCE(l.paid_to_date, 0) - b.returned AS paid
        FROM ({candidates}) p
        LEFT JOIN LATERAL (
            SELECT r.due_on, s.accrued_to_date, s.paid_to_date
            FROM investments_settlementrun r
            JOIN investments_settlement s ON s.run_id = r.id AND s.position_id = p.id
            WHERE r.product_id = %(product)s AND r.due_on >= p.funded_on AND r.due_on < %(due_on)s
            ORDER BY r.due_on DESC LIMIT 1
        ) l ON true
        CROSS JOIN LATERAL (
            -- One probe a day: without statistics a join would read the whole month for every position.
            SELECT COALESCE(sum(a.amount), 0) AS amount
            FROM generate_series(
                (COALESCE(l.due_on, p.funded_on) + 1)::timestamp, %(due_on)s::timestamp, '1 day') AS due (day)
            CROSS JOIN LATERAL (
                SELECT x.amount FROM investments_accrual x
                WHERE x.day = due.day::date AND x.position_id = p.id OFFSET 0
            ) a
        ) e
        CROSS JOIN LATERAL (
            SELECT {adjusted} + {late} AS added, {returned} AS returned OFFSET 0
        ) b
        WHERE p.anyway OR l.due_on IS NULL OR l.due_on < p.last_on
"""


def _booked_sum(table: str) -> str:
    """What was booked for a position since its last row, in one of the three tables."""
    return f"""COALESCE((SELECT sum(x.amount) FROM investments_{table} x
                WHERE x.position_id = p.id AND x.booked_on > COALESCE(l.due_on, '-infinity'::date)
                  AND x.booked_on <= %(due_on)s), 0)"""


OTHERS = _INSERT.format(
    rows=_OTHERS_ROWS.format(
        candidates=_CANDIDATES.format(booked=_BOOKED.format(since="%(ended_since)s")),
        adjusted=_booked_sum("accrualadjustment"),
        late=_booked_sum("lateaccrual"),
        returned=_booked_sum("settlementreversal"),
    )
)

SLICES = """
INSERT INTO investments_settlementslice (run_id, number, first, until, positions, amount)
SELECT %(run)s, number, first, COALESCE(lead(first) OVER (ORDER BY number), %(past_all)s::uuid), positions, amount
FROM (
    SELECT place / %(size)s::integer AS number, (array_agg(position_id ORDER BY position_id))[1] AS first,
           count(*) AS positions, sum(amount) AS amount
    FROM (
        SELECT position_id, amount, row_number() OVER (ORDER BY position_id) - 1 AS place
        FROM investments_settlement WHERE run_id = %(run)s AND amount > 0
    ) payable
    GROUP BY 1
) cut
"""

TOTALS = """
SELECT count(*), COALESCE(sum(earned), 0), COALESCE(sum(amount), 0)
FROM investments_settlement WHERE run_id = %(run)s
"""

PAYMENTS = """
SELECT 'settlement:' || s.due_on || ':' || s.position_id AS key, %(shard)s::uuid AS debit, w.id AS credit,
       %(currency)s::text AS currency, s.amount
FROM investments_settlement s
JOIN investments_position p ON p.id = s.position_id
JOIN ledger_account w ON w.kind = 'available' AND w.owner_id = p.owner_id AND w.subject = '' AND w.scope = ''
    AND w.currency_id = %(currency)s::text
WHERE s.run_id = %(run)s AND s.position_id >= %(first)s AND s.position_id < %(until)s AND s.amount > 0
"""
