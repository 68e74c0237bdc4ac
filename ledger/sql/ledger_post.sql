-- Post one transaction of one transfer, as nearly all are. A key that is there already posts nothing: the row that
-- stands comes back with created = false, its fingerprint, and whether it has all its transfers.
CREATE OR REPLACE FUNCTION ledger_post(
    p_effective_on date, p_actor uuid, p_kind text, p_key text, p_fingerprint bytea, p_memo text,
    p_evidence uuid, p_approval uuid, p_reverses uuid,
    p_debit uuid, p_credit uuid, p_currency text, p_amount numeric
) RETURNS TABLE (out_key text, out_id uuid, out_created boolean, out_fingerprint bytea, out_complete boolean)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_day date;
BEGIN
    -- Accounts before ids are drawn, so that the ids of an account's transfers are in the order of its balances.
    v_day := ledger_enter(ARRAY[p_debit, p_credit]);

    INSERT INTO ledger_transaction
        (kind, key, fingerprint, moves, effective_on, actor_id, memo, evidence_id, approval_id, reverses_id)
    VALUES (p_kind, p_key, p_fingerprint, 1, p_effective_on, p_actor, p_memo, p_evidence, p_approval, p_reverses)
    ON CONFLICT (key) DO NOTHING RETURNING id INTO out_id;

    IF out_id IS NULL THEN
        RETURN QUERY
            SELECT t.key::text, t.id, false, t.fingerprint,
                   t.moves = (SELECT count(*) FROM ledger_transfer x WHERE x.transaction_id = t.id)
            FROM ledger_transaction t WHERE t.key = p_key;
        RETURN;
    END IF;

    INSERT INTO ledger_transfer
        (transaction_id, line, debit_account_id, credit_account_id, currency_id, amount, booked_on)
    VALUES (out_id, 1, p_debit, p_credit, p_currency, p_amount, v_day);
    out_key := p_key;
    out_created := true;
    out_fingerprint := p_fingerprint;
    out_complete := true;
    RETURN NEXT;
END
$$;
