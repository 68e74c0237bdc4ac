-- Post one transaction or several, of any number of transfers, and answer as ledger_post. Arrays p_kinds … p_reverses
-- have an element a transaction, p_of … p_amounts one a transfer (p_of is the transaction's place, from 1).
CREATE OR REPLACE FUNCTION ledger_post_many(
    p_effective_on date, p_actor uuid,
    p_kinds text[], p_keys text[], p_fingerprints bytea[], p_moves int[], p_memos text[],
    p_evidence uuid[], p_approvals uuid[], p_reverses uuid[],
    p_of int[], p_lines int[], p_debits uuid[], p_credits uuid[], p_currencies text[], p_amounts numeric[]
) RETURNS TABLE (out_key text, out_id uuid, out_created boolean, out_fingerprint bytea, out_complete boolean)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_day date; v_ids uuid[]; v_new_keys text[];
BEGIN
    v_day := ledger_enter(p_debits || p_credits);

    WITH posted AS (
        INSERT INTO ledger_transaction
            (kind, key, fingerprint, moves, effective_on, actor_id, memo, evidence_id, approval_id, reverses_id)
        SELECT x.kind, x.key, x.fingerprint, x.moves, p_effective_on, p_actor, x.memo, x.evidence, x.approval,
               x.reverses
        FROM unnest(p_kinds, p_keys, p_fingerprints, p_moves, p_memos, p_evidence, p_approvals, p_reverses)
            AS x (kind, key, fingerprint, moves, memo, evidence, approval, reverses)
        ON CONFLICT (key) DO NOTHING RETURNING id, key
    )
    SELECT array_agg(id), array_agg(key) INTO v_ids, v_new_keys FROM posted;

    INSERT INTO ledger_transfer
        (transaction_id, line, debit_account_id, credit_account_id, currency_id, amount, booked_on)
    SELECT n.id, x.line, x.debit, x.credit, x.currency, x.amount, v_day
    FROM unnest(p_of, p_lines, p_debits, p_credits, p_currencies, p_amounts)
        AS x (place, line, debit, credit, currency, amount)
    JOIN unnest(v_ids, v_new_keys) AS n (id, key) ON n.key = p_keys[x.place]
    ORDER BY x.place, x.line;

    RETURN QUERY
        SELECT t.key::text, t.id, COALESCE(t.key = ANY (v_new_keys), false), t.fingerprint,
               t.moves = (SELECT count(*) FROM ledger_transfer x WHERE x.transaction_id = t.id)
        FROM ledger_transaction t WHERE t.key = ANY (p_keys);
END
$$;
