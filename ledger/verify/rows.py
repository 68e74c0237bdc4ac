"""What follows from the ledger's rows alone, as SQL that yields a sentence for each break."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ledger import guards, seals

# Each account beside what its transfers sum to, once for all that asks; the accounts that snapshots may be kept of, and
# their sums day by day; the transactions that need more than a rule. What isn't asked for isn't computed.
SHARED = f"""
    WITH held AS MATERIALIZED (
        SELECT COALESCE(a.id, s.id) AS id, a.id IS NULL AS unknown, a.kind, a.scope, a.currency_id, a.normal_side,
               a.overdraft_allowed, a.keeps_balance, a.debits AS kept_debits, a.credits AS kept_credits,
               COALESCE(s.debits, 0) AS debits, COALESCE(s.credits, 0) AS credits, s.lines
        FROM ledger_account a FULL JOIN (
            SELECT id, sum(debits) AS debits, sum(credits) AS credits, sum(lines) AS lines FROM (
                SELECT debit_account_id AS id, sum(amount) AS debits, 0 AS credits, count(*) AS lines
                FROM ledger_transfer GROUP BY debit_account_id
                UNION ALL
                SELECT credit_account_id, 0, sum(amount), count(*) FROM ledger_transfer GROUP BY credit_account_id
            ) x GROUP BY id) s ON s.id = a.id
    ), busy AS MATERIALIZED (
        SELECT id FROM held WHERE lines > {seals.SNAPSHOT_FROM} OR NOT keeps_balance
        UNION SELECT account_id FROM ledger_accountsnapshot
    ), daily AS MATERIALIZED (
        SELECT id, booked_on, sum(lines) AS lines, sum(sum(debits)) OVER o AS debits,
               sum(sum(credits)) OVER o AS credits
        FROM (
            SELECT debit_account_id AS id, booked_on, sum(amount) AS debits, 0 AS credits, count(*) AS lines
            FROM ledger_transfer WHERE debit_account_id IN (SELECT id FROM busy) GROUP BY debit_account_id, booked_on
            UNION ALL
            SELECT credit_account_id, booked_on, 0, sum(amount), count(*) FROM ledger_transfer
            WHERE credit_account_id IN (SELECT id FROM busy) GROUP BY credit_account_id, booked_on
        ) x GROUP BY id, booked_on WINDOW o AS (PARTITION BY id ORDER BY booked_on)
    ), special AS MATERIALIZED (
        SELECT t.id, t.key, t.kind, t.moves, t.fingerprint, t.evidence_id, t.approval_id, t.reverses_id,
               r.needs_evidence, t.kind = 'reversal' OR r.needs_approval OR e.type = 'document' AS needs_approval
        FROM ledger_transaction t
        LEFT JOIN (SELECT kind, bool_or(needs_evidence) AS needs_evidence, bool_or(needs_approval) AS needs_approval
                   FROM ledger_postingrule GROUP BY kind) r ON r.kind = t.kind
        LEFT JOIN ledger_evidence e ON e.id = t.evidence_id
        WHERE t.kind = 'reversal' OR t.evidence_id IS NOT NULL OR r.needs_evidence OR r.needs_approval
    )
"""

SUMS: dict[str, str] = {
    "balances": """
        SELECT format('account %s (%s %s %s) holds %s / %s, its transfers sum to %s / %s', id, kind, scope, currency_id,
                      trim_scale(kept_debits), trim_scale(kept_credits), trim_scale(debits), trim_scale(credits))
        FROM held
        WHERE unknown
           OR keeps_balance AND (kept_debits, kept_credits) <> (debits, credits)
           OR NOT keeps_balance AND (kept_debits, kept_credits) <> (0, 0)
           OR NOT overdraft_allowed AND (debits - credits) * CASE normal_side WHEN 'D' THEN 1 ELSE -1 END < 0
    """,
    "trial balance": """
        SELECT format('%s: debits %s, credits %s', currency_id, sum(debits), sum(credits))
        FROM held WHERE NOT unknown GROUP BY currency_id HAVING sum(debits) <> sum(credits)
    """,
    # By days first; only where they don't agree, by the transfers between two snapshots.
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
        WHERE EXISTS (
                SELECT 1 FROM ledger_accountsnapshot p
                LEFT JOIN daily d ON d.id = p.account_id AND d.booked_on = p.day
                LEFT JOIN ledger_businessday b ON b.day = p.day
                WHERE (p.debits = d.debits AND p.credits = d.credits
                       AND p.last_transfer_id = b.last_transfer_id) IS NOT TRUE)
          AND ((w.debits, w.credits) <> (w.was_debits + r.debits, w.was_credits + r.credits)
               OR NOT EXISTS (SELECT 1 FROM ledger_businessday b
                              WHERE b.day = w.day AND b.last_transfer_id = w.last_transfer_id))
        UNION ALL
        SELECT format('account %s (%s %s %s) has no snapshot of %s', d.id, a.kind, a.scope, a.currency_id, d.booked_on)
        FROM daily d
        JOIN ledger_account a ON a.id = d.id AND (d.lines > {seals.SNAPSHOT_FROM} OR NOT a.keeps_balance)
        JOIN ledger_seal s ON s.day = d.booked_on
        LEFT JOIN ledger_accountsnapshot p ON p.account_id = d.id AND p.day = d.booked_on
        WHERE p.day IS NULL
    """,
    "funds": f"""
        SELECT format('fund %s %s is %s / %s / %s, its accounts say %s / %s / %s', COALESCE(f.scope, s.scope),
                      COALESCE(f.currency_id, s.currency_id), trim_scale(f.principal), trim_scale(f.deployed),
                      trim_scale(f.shortfall), trim_scale(s.principal), trim_scale(s.deployed), trim_scale(s.shortfall))
        FROM ledger_fund f FULL JOIN (
            SELECT a.scope, a.currency_id,
                   COALESCE(sum(a.credits - a.debits) FILTER (WHERE a.kind = 'principal'), 0) AS principal,
                   COALESCE(sum(a.debits - a.credits) FILTER (WHERE a.kind = 'deployed'), 0) AS deployed,
                   COALESCE(sum(a.debits - a.credits) FILTER (WHERE a.kind = 'shortfall'), 0) AS shortfall
            FROM held a WHERE a.lines > 0 AND {guards.FUND_SIDE} GROUP BY a.scope, a.currency_id) s
            ON s.scope = f.scope AND s.currency_id = f.currency_id
        WHERE f.scope IS NULL OR s.scope IS NULL AND (f.principal, f.deployed, f.shortfall) <> (0, 0, 0)
           OR (f.principal, f.deployed, f.shortfall) <> (s.principal, s.deployed, s.shortfall)
           OR f.deployed + f.shortfall > f.principal
    """,
}
"""What follows from the accounts' sums, on what SHARED gives."""

SPECIAL: dict[str, str] = {
    "reversals": """
        SELECT format('reversal %s doesn''t mirror %s', t.id, t.reverses_id)
        FROM special t LEFT JOIN ledger_transaction o ON o.id = t.reverses_id
        WHERE t.kind = 'reversal' AND (o.id IS NULL OR o.reverses_id IS NOT NULL OR o.moves <> t.moves OR EXISTS (
            SELECT 1 FROM ledger_transfer n WHERE n.transaction_id = t.id AND NOT EXISTS (
                SELECT 1 FROM ledger_transfer x WHERE x.transaction_id = t.reverses_id AND x.line = n.line
                  AND x.debit_account_id = n.credit_account_id AND x.credit_account_id = n.debit_account_id
                  AND x.amount = n.amount)))
    """,
    "evidence": """
        SELECT format('transaction %s (%s) needs evidence and has none', t.id, t.key)
        FROM special t
        WHERE t.needs_evidence AND NOT EXISTS (SELECT 1 FROM ledger_evidence e WHERE e.id = t.evidence_id)
        UNION ALL
        SELECT format('evidence %s stands behind %s transactions', t.evidence_id, count(*))
        FROM special t
        WHERE t.evidence_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM special b WHERE b.reverses_id = t.id)
        GROUP BY t.evidence_id HAVING count(*) > 1
    """,
    "approvals": """
        SELECT format('transaction %s (%s) has no approval of its moves', t.id, t.key)
        FROM special t LEFT JOIN oversight_approvalrequest q ON q.id = t.approval_id
        WHERE t.needs_approval AND (q.status = 'approved' AND q.moves_hash = t.fingerprint) IS NOT TRUE
    """,
}
"""What only some kinds of transactions need, on what SHARED gives."""

GROUPS = (SUMS, SPECIAL)
"""Checks that share what they compute: each group is one statement."""

QUERIES: dict[str, str] = {
    "accounts": f"""
        SELECT format('account %s is of kind %s, belongs to %s, grows on side %s and %s be overdrawn', id, kind,
                      CASE WHEN owner_id IS NULL THEN 'nobody' ELSE 'an investor' END, normal_side,
                      CASE WHEN overdraft_allowed THEN 'may' ELSE 'may not' END)
        FROM ledger_account a WHERE {guards.NO_KIND} OR {guards.WRONG_OWNER} OR {guards.WRONG_SIDE}
    """,
    "ledger open": """
        SELECT format('%s business days are open', count(*)) FROM ledger_businessday WHERE closed_at IS NULL
        HAVING count(*) > 1
        UNION ALL
        SELECT format('the business days %s and %s don''t follow each other', d.day, d.next)
        FROM (SELECT day, lead(day) OVER (ORDER BY day) AS next FROM ledger_businessday) d WHERE d.next <> d.day + 1
    """,
}

RULES = f"""
    SELECT format('transfer %s (%s): %s', n.id, t.key, CASE
        WHEN d.id IS NULL OR c.id IS NULL THEN 'an account is missing'
        WHEN ({guards.AMOUNT_OK}) IS NOT TRUE THEN
            format('the amount %s is not right in %s', n.amount, n.currency_id)
        WHEN ({guards.CURRENCY_OK}) IS NOT TRUE THEN 'the accounts are in other currencies'
        WHEN d.id = c.id THEN 'debit and credit are one account'
        ELSE format('no rule lets a %s debit %s (%s) and credit %s (%s)', t.kind, d.kind, d.scope, c.kind, c.scope)
        END)
    {guards.JOIN.replace("FROM new_rows n", "FROM ledger_transfer n")}
    WHERE t.id IS NOT NULL AND (n.line BETWEEN 1 AND t.moves AND d.id <> c.id AND {guards.AMOUNT_OK}
           AND {guards.CURRENCY_OK} AND {guards.RULE_OK}) IS NOT TRUE
"""
REVERSALS = f"{RULES} AND t.reverses_id IS NOT NULL"
# The same for all but reversals, quicker and without names: accounts of one kind, scope and currency are a class, and
# the rules are asked once for each two classes. Counted, not EXISTS: for a first row, nested loops look cheap.
RULED = f"""
    WITH class AS MATERIALIZED (
        SELECT kind, scope, currency_id, (row_number() OVER ())::integer AS number
        FROM (SELECT DISTINCT kind, scope, currency_id FROM ledger_account) x
    ), account AS MATERIALIZED (
        SELECT a.id, a.owner_id, k.number FROM ledger_account a JOIN class k USING (kind, scope, currency_id)
    ), allowed AS MATERIALIZED (
        SELECT r.kind::text, d.number AS debit, c.number AS credit, d.currency_id, u.exponent, r.same_owner
        FROM ledger_postingrule r
        JOIN class d ON d.kind = r.debit_kind
        JOIN class c ON c.kind = r.credit_kind AND c.currency_id = d.currency_id
        JOIN ledger_currency u ON u.code = d.currency_id
        WHERE {guards.SCOPES_OK}
    )
    SELECT count(*) = 0
    FROM ledger_transfer n
    JOIN ledger_transaction t ON t.id = n.transaction_id AND t.reverses_id IS NULL
    LEFT JOIN account d ON d.id = n.debit_account_id
    LEFT JOIN account c ON c.id = n.credit_account_id
    LEFT JOIN allowed r ON r.kind = t.kind AND r.debit = d.number AND r.credit = c.number
    WHERE (n.line BETWEEN 1 AND t.moves AND d.id <> c.id AND n.currency_id = r.currency_id
           AND {guards.AMOUNT_OK.replace("u.", "r.")} AND {guards.OWNERS_OK}) IS NOT TRUE
"""

# What `walk` proves of nearly all rows while it hashes them; these name what is wrong, and look at all (transfers at
# those after the last that was proven to be of its day).
BUSINESS_DAYS = """
    SELECT format('transfer %s is booked on %s, its place in the ledger says %s', x.id, x.booked_on, b.day)
    FROM (SELECT day, lag(last_transfer_id, 1, 0::bigint) OVER (ORDER BY day) AS first,
                 COALESCE(last_transfer_id, 9223372036854775807) AS last FROM ledger_businessday) b
    JOIN ledger_transfer x ON x.id > b.first AND x.id <= b.last AND x.id > {proven_until}
    WHERE x.booked_on <> b.day
    UNION ALL
    SELECT format('transfer %s comes before the first day', x.id) FROM ledger_transfer x WHERE x.id <= 0
"""
COMPLETE = """
    SELECT format('transaction %s (%s) says %s transfers, there are %s', COALESCE(t.id, g.transaction_id), t.key,
                  COALESCE(t.moves, 0), COALESCE(g.lines, 0))
    FROM ledger_transaction t
    FULL JOIN (SELECT transaction_id, count(*) AS lines FROM ledger_transfer GROUP BY transaction_id) g
        ON g.transaction_id = t.id
    WHERE t.moves IS DISTINCT FROM g.lines
"""
# Where every transfer is a line of its transaction and no line is there twice, none is missing if the counts agree.
COUNTED = """
    SELECT COALESCE((SELECT sum(moves) FROM ledger_transaction), 0) = (SELECT count(*) FROM ledger_transfer)
       AND EXISTS (SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('ledger_transfer_line')
                   AND indisunique AND indisvalid)
"""
FINGERPRINTS = """
    SELECT format('the moves of transaction %s (%s) are not those that were posted', t.id, t.key)
    FROM ledger_transaction t JOIN ledger_transfer x ON x.transaction_id = t.id
    {where}
    GROUP BY t.id
    HAVING t.fingerprint <> sha256(convert_to(t.kind || '|' || string_agg(
        x.line || ':' || x.debit_account_id || ':' || x.credit_account_id || ':' || x.currency_id || ':' || x.amount,
        '|' ORDER BY x.line), 'UTF8'))
"""


def together(parts: Mapping[str, str], *, limit: int) -> str:
    """Return one statement for named queries: rows of name, sentence and how many sentences the query has."""
    asked = (
        f"(SELECT '{name}', f.what, count(*) OVER () FROM ({sql}) f (what) LIMIT {limit})"
        for name, sql in parts.items()
    )
    return f"{SHARED} {' UNION ALL '.join(asked)}"


def unclaimed(claims: Iterable[str], kinds: Iterable[str]) -> str:
    """Return SQL that names each transaction of no such kind which no room's row stands for."""
    claimed = ", ".join(f"'{kind}'" for kind in sorted(kinds))
    return f"""
        SELECT format('transaction %s (%s) stands for nothing: no room has a row for it', t.id, t.key)
        FROM ledger_transaction t
        WHERE t.kind <> ALL (ARRAY[{claimed}]::text[])
          AND NOT EXISTS (SELECT 1 FROM ({" UNION ALL ".join(claims)}) c (id) WHERE c.id = t.id)
    """
