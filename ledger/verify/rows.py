"""What follows from the ledger's rows alone, as SQL that yields a sentence for each break."""

from __future__ import annotations

from collections.abc import Iterable

from ledger import guards, seals

_RECOMPUTED = """
    SELECT id, sum(debit) AS debits, sum(credit) AS credits FROM (
        SELECT debit_account_id AS id, amount AS debit, 0 AS credit FROM ledger_transfer
        UNION ALL SELECT credit_account_id, 0, amount FROM ledger_transfer) x GROUP BY id
"""
_FUND_ACCOUNT = guards.FUND_SIDE

QUERIES: dict[str, str] = {
    "balances": f"""
        SELECT format('account %s (%s %s %s) holds %s / %s, its transfers sum to %s / %s', COALESCE(a.id, s.id), a.kind,
                      a.scope, a.currency_id, trim_scale(a.debits), trim_scale(a.credits),
                      trim_scale(COALESCE(s.debits, 0)), trim_scale(COALESCE(s.credits, 0)))
        FROM ledger_account a FULL JOIN ({_RECOMPUTED}) s ON s.id = a.id
        WHERE a.id IS NULL
           OR a.keeps_balance AND (a.debits, a.credits) <> (COALESCE(s.debits, 0), COALESCE(s.credits, 0))
           OR NOT a.keeps_balance AND (a.debits, a.credits) <> (0, 0)
           OR NOT a.overdraft_allowed
              AND (COALESCE(s.debits, 0) - COALESCE(s.credits, 0)) * CASE a.normal_side WHEN 'D' THEN 1 ELSE -1 END < 0
    """,
    "trial balance": f"""
        SELECT format('%s: debits %s, credits %s', a.currency_id, sum(s.debits), sum(s.credits))
        FROM ({_RECOMPUTED}) s JOIN ledger_account a ON a.id = s.id
        GROUP BY a.currency_id HAVING sum(s.debits) <> sum(s.credits)
    """,
    "snapshots": f"""
        SELECT format('the snapshot of account %s at %s is %s / %s, its transfers say %s / %s', w.account_id, w.day,
                      trim_scale(w.debits), trim_scale(w.credits),
                      trim_scale(w.was_debits + r.debits), trim_scale(w.was_credits + r.credits))
        FROM (
            SELECT p.*, lag(p.last_transfer_id, 1, 0::bigint) OVER o AS was_id,
                   lag(p.debits, 1, 0::numeric) OVER o AS was_debits,
                   lag(p.credits, 1, 0::numeric) OVER o AS was_credits
            FROM ledger_accountsnapshot p WINDOW o AS (PARTITION BY p.account_id ORDER BY p.day)) w
        CROSS JOIN LATERAL (
            SELECT COALESCE((SELECT sum(amount) FROM ledger_transfer x WHERE x.debit_account_id = w.account_id
                             AND x.id > w.was_id AND x.id <= w.last_transfer_id), 0) AS debits,
                   COALESCE((SELECT sum(amount) FROM ledger_transfer x WHERE x.credit_account_id = w.account_id
                             AND x.id > w.was_id AND x.id <= w.last_transfer_id), 0) AS credits) r
        WHERE (w.debits, w.credits) <> (w.was_debits + r.debits, w.was_credits + r.credits)
           OR NOT EXISTS (SELECT 1 FROM ledger_businessday b
                          WHERE b.day = w.day AND b.last_transfer_id = w.last_transfer_id)
        UNION ALL
        SELECT format('account %s (%s %s %s) has no snapshot of %s', m.account_id, a.kind, a.scope, a.currency_id,
                      m.booked_on)
        FROM (SELECT account_id, booked_on, count(*) AS rows
              FROM (SELECT debit_account_id AS account_id, booked_on FROM ledger_transfer
                    UNION ALL SELECT credit_account_id, booked_on FROM ledger_transfer) x
              GROUP BY account_id, booked_on) m
        JOIN ledger_account a ON a.id = m.account_id AND (m.rows > {seals.SNAPSHOT_FROM} OR NOT a.keeps_balance)
        JOIN ledger_seal s ON s.day = m.booked_on
        LEFT JOIN ledger_accountsnapshot p ON p.account_id = m.account_id AND p.day = m.booked_on
        WHERE p.day IS NULL
    """,
    "funds": f"""
        SELECT format('fund %s %s is %s / %s / %s, its accounts say %s / %s / %s', COALESCE(f.scope, s.scope),
                      COALESCE(f.currency_id, s.currency_id), trim_scale(f.principal), trim_scale(f.deployed),
                      trim_scale(f.shortfall), trim_scale(s.principal), trim_scale(s.deployed), trim_scale(s.shortfall))
        FROM ledger_fund f FULL JOIN (
            SELECT a.scope, a.currency_id,
                   COALESCE(sum(r.credits - r.debits) FILTER (WHERE a.kind = 'principal'), 0) AS principal,
                   COALESCE(sum(r.debits - r.credits) FILTER (WHERE a.kind = 'deployed'), 0) AS deployed,
                   COALESCE(sum(r.debits - r.credits) FILTER (WHERE a.kind = 'shortfall'), 0) AS shortfall
            FROM ledger_account a JOIN ({_RECOMPUTED}) r ON r.id = a.id
            WHERE {_FUND_ACCOUNT} GROUP BY a.scope, a.currency_id) s
            ON s.scope = f.scope AND s.currency_id = f.currency_id
        WHERE f.scope IS NULL OR s.scope IS NULL AND (f.principal, f.deployed, f.shortfall) <> (0, 0, 0)
           OR (f.principal, f.deployed, f.shortfall) <> (s.principal, s.deployed, s.shortfall)
           OR f.deployed + f.shortfall > f.principal
    """,
    "rules": f"""
        SELECT format('transfer %s (%s): %s', n.id, t.key, CASE
            WHEN d.id IS NULL OR c.id IS NULL THEN 'an account is missing'
            WHEN ({guards.AMOUNT_OK}) IS NOT TRUE THEN
                format('the amount %s is not right in %s', n.amount, n.currency_id)
            WHEN ({guards.CURRENCY_OK}) IS NOT TRUE THEN 'the accounts are in other currencies'
            ELSE format('no rule lets a %s debit %s (%s) and credit %s (%s)', t.kind, d.kind, d.scope, c.kind, c.scope)
            END)
        {guards.JOIN.replace("FROM new_rows n", "FROM ledger_transfer n")}
        WHERE t.id IS NOT NULL AND (n.line BETWEEN 1 AND t.moves AND {guards.AMOUNT_OK} AND {guards.CURRENCY_OK}
               AND {guards.RULE_OK}) IS NOT TRUE
    """,
    "transactions": """
        SELECT format('transaction %s (%s) says %s transfers, there are %s', COALESCE(t.id, g.transaction_id), t.key,
                      COALESCE(t.moves, 0), COALESCE(g.lines, 0))
        FROM ledger_transaction t
        FULL JOIN (SELECT transaction_id, count(*) AS lines FROM ledger_transfer GROUP BY transaction_id) g
            ON g.transaction_id = t.id
        WHERE t.moves IS DISTINCT FROM g.lines
    """,
    "fingerprints": """
        SELECT format('the moves of transaction %s (%s) are not those that were posted', t.id, t.key)
        FROM ledger_transaction t JOIN ledger_transfer x ON x.transaction_id = t.id
        GROUP BY t.id
        HAVING t.fingerprint <> sha256(convert_to(t.kind || '|' || string_agg(
            x.line || ':' || x.debit_account_id || ':' || x.credit_account_id || ':'
            || x.currency_id || ':' || x.amount,
            '|' ORDER BY x.line), 'UTF8'))
    """,
    "business days": """
        SELECT format('transfer %s is booked on %s, its place in the ledger says %s', x.id, x.booked_on, b.day)
        FROM (SELECT day, lag(last_transfer_id, 1, 0::bigint) OVER (ORDER BY day) AS first,
                     COALESCE(last_transfer_id, 9223372036854775807) AS last FROM ledger_businessday) b
        JOIN ledger_transfer x ON x.id > b.first AND x.id <= b.last
        WHERE x.booked_on <> b.day
    """,
    "reversals": """
        SELECT format('reversal %s doesn''t mirror %s', t.id, t.reverses_id)
        FROM ledger_transaction t LEFT JOIN ledger_transaction o ON o.id = t.reverses_id
        WHERE t.kind = 'reversal' AND (o.id IS NULL OR o.reverses_id IS NOT NULL OR o.moves <> t.moves OR EXISTS (
            SELECT 1 FROM ledger_transfer n WHERE n.transaction_id = t.id AND NOT EXISTS (
                SELECT 1 FROM ledger_transfer x WHERE x.transaction_id = t.reverses_id AND x.line = n.line
                  AND x.debit_account_id = n.credit_account_id AND x.credit_account_id = n.debit_account_id
                  AND x.amount = n.amount)))
    """,
    "evidence": """
        SELECT DISTINCT format('transaction %s (%s) needs evidence and has none', t.id, t.key)
        FROM ledger_transaction t
        JOIN (SELECT DISTINCT kind FROM ledger_postingrule WHERE needs_evidence) r ON r.kind = t.kind
        LEFT JOIN ledger_evidence e ON e.id = t.evidence_id
        WHERE e.id IS NULL
        UNION ALL
        SELECT format('evidence %s stands behind %s transactions', t.evidence_id, count(*))
        FROM ledger_transaction t
        WHERE t.evidence_id IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM ledger_transaction b WHERE b.reverses_id = t.id)
        GROUP BY t.evidence_id HAVING count(*) > 1
    """,
    "approvals": """
        SELECT format('transaction %s (%s) has no approval of its moves', t.id, t.key)
        FROM ledger_transaction t
        LEFT JOIN ledger_evidence e ON e.id = t.evidence_id
        LEFT JOIN oversight_approvalrequest q ON q.id = t.approval_id
        WHERE (t.kind = 'reversal' OR e.type = 'document'
               OR t.kind IN (SELECT kind FROM ledger_postingrule WHERE needs_approval))
          AND (q.status = 'approved' AND q.moves_hash = t.fingerprint) IS NOT TRUE
    """,
    "ledger open": """
        SELECT format('%s business days are open', count(*)) FROM ledger_businessday WHERE closed_at IS NULL
        HAVING count(*) > 1
        UNION ALL
        SELECT format('the business days %s and %s don''t follow each other', d.day, d.next)
        FROM (SELECT day, lead(day) OVER (ORDER BY day) AS next FROM ledger_businessday) d WHERE d.next <> d.day + 1
    """,
}


def unclaimed(claims: Iterable[str]) -> str:
    """Return SQL that names each transaction which no room's row stands for."""
    return f"""
        SELECT format('transaction %s (%s) stands for nothing: no room has a row for it', t.id, t.key)
        FROM ledger_transaction t
        WHERE NOT EXISTS (SELECT 1 FROM ({" UNION ALL ".join(claims)}) c (id) WHERE c.id = t.id)
    """
