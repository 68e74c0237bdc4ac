-- Post one transaction or several. Arrays p_kinds … p_reverses have an element a transaction, p_of … p_amounts one a
-- transfer (p_of is the transaction's place, from 1). A key that is there already posts nothing: the row that stands
-- comes back with created = false, its fingerprint, and whether it has all its transfers.
CREATE OR REPLACE FUNCTION ledger_post(
    p_effective_on date, p_actor uuid,
    p_kinds text[], p_keys text[], p_fingerprints text[], p_moves int[], p_memos text[],
    p_evidence uuid[], p_approvals uuid[], p_reverses uuid[],
    p_of int[], p_lines int[], p_debits uuid[], p_credits uuid[], p_currencies text[], p_amounts numeric[]
) RETURNS TABLE (out_key text, out_id uuid, out_created boolean, out_fingerprint text, out_complete boolean)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_day date; v_id uuid; v_ids uuid[]; v_new_keys text[];
BEGIN
    -- Accounts before ids are drawn, so that the ids of an account's transfers are in the order of its balances.
    v_day := ledger_enter(p_debits || p_credits);

    IF cardinality(p_keys) = 1 THEN
        INSERT INTO ledger_transaction
            (kind, key, fingerprint, moves, effective_on, actor_id, memo, evidence_id, approval_id, reverses_id)
        VALUES (p_kinds[1], p_keys[1], decode(p_fingerprints[1], 'hex'), p_moves[1], p_effective_on, p_actor,
                p_memos[1], p_evidence[1], p_approvals[1], p_reverses[1])
        ON CONFLICT (key) DO NOTHING RETURNING id INTO v_id;
        IF v_id IS NOT NULL THEN
            IF cardinality(p_lines) = 1 THEN
                INSERT INTO ledger_transfer
                    (transaction_id, line, debit_account_id, credit_account_id, currency_id, amount, booked_on)
                VALUES (v_id, p_lines[1], p_debits[1], p_credits[1], p_currencies[1], p_amounts[1], v_day);
            ELSE
                INSERT INTO ledger_transfer
                    (transaction_id, line, debit_account_id, credit_account_id, currency_id, amount, booked_on)
                SELECT v_id, x.line, x.debit, x.credit, x.currency, x.amount, v_day
                FROM unnest(p_lines, p_debits, p_credits, p_currencies, p_amounts)
                    AS x (line, debit, credit, currency, amount);
            END IF;
            out_key := p_keys[1];
            out_id := v_id;
            out_created := true;
            out_fingerprint := p_fingerprints[1];
            out_complete := true;
            RETURN NEXT;
            RETURN;
        END IF;
    ELSE
        WITH posted AS (
            INSERT INTO ledger_transaction
                (kind, key, fingerprint, moves, effective_on, actor_id, memo, evidence_id, approval_id, reverses_id)
            SELECT x.kind, x.key, decode(x.fingerprint, 'hex'), x.moves, p_effective_on, p_actor, x.memo, x.evidence,
                   x.approval, x.reverses
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
    END IF;

    RETURN QUERY
        SELECT t.key::text, t.id, COALESCE(t.key = ANY (v_new_keys), false), encode(t.fingerprint, 'hex'),
               t.moves = (SELECT count(*) FROM ledger_transfer x WHERE x.transaction_id = t.id)
        FROM ledger_transaction t WHERE t.key = ANY (p_keys);
END
$$;
