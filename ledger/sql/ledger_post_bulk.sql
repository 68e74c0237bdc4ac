-- Post one transaction of one transfer for each element of the arrays, set-based; all are of one kind.
-- out_created counts the new ones, out_mismatched the keys that stand with another fingerprint.
CREATE OR REPLACE FUNCTION ledger_post_bulk(
    p_kind text, p_effective_on date, p_memo text,
    p_keys text[], p_fingerprints bytea[], p_debits uuid[], p_credits uuid[], p_currencies text[], p_amounts numeric[]
) RETURNS TABLE (out_created bigint, out_mismatched bigint)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_day date; v_ids uuid[]; v_keys text[];
BEGIN
    v_day := ledger_enter(ARRAY(SELECT DISTINCT unnest(p_debits || p_credits)));

    BEGIN
        WITH posted AS (
            INSERT INTO ledger_transaction (kind, key, fingerprint, moves, effective_on, memo)
            SELECT p_kind, x.key, x.fingerprint, 1, p_effective_on, p_memo
            FROM unnest(p_keys, p_fingerprints) AS x (key, fingerprint)
            RETURNING id, key
        )
        SELECT array_agg(id), array_agg(key) INTO v_ids, v_keys FROM posted;
    EXCEPTION WHEN unique_violation THEN
        -- Some stand already: each row is asked before it is written, which costs too much where none does.
        WITH posted AS (
            INSERT INTO ledger_transaction (kind, key, fingerprint, moves, effective_on, memo)
            SELECT p_kind, x.key, x.fingerprint, 1, p_effective_on, p_memo
            FROM unnest(p_keys, p_fingerprints) AS x (key, fingerprint)
            ON CONFLICT (key) DO NOTHING RETURNING id, key
        )
        SELECT array_agg(id), array_agg(key) INTO v_ids, v_keys FROM posted;
    END;

    IF v_keys = p_keys THEN
        -- All are new, and came back in the order they were given: no join, whose plan would need to know how many.
        INSERT INTO ledger_transfer
            (transaction_id, line, debit_account_id, credit_account_id, currency_id, amount, booked_on)
        SELECT x.id, 1, x.debit, x.credit, x.currency, x.amount, v_day
        FROM unnest(v_ids, p_debits, p_credits, p_currencies, p_amounts) AS x (id, debit, credit, currency, amount);
    ELSE
        INSERT INTO ledger_transfer
            (transaction_id, line, debit_account_id, credit_account_id, currency_id, amount, booked_on)
        SELECT t.id, 1, x.debit, x.credit, x.currency, x.amount, v_day
        FROM unnest(p_keys, p_debits, p_credits, p_currencies, p_amounts) AS x (key, debit, credit, currency, amount)
        JOIN ledger_transaction t ON t.key = x.key
        WHERE t.id IN (SELECT unnest(v_ids));
    END IF;

    RETURN QUERY
        SELECT COALESCE(cardinality(v_ids), 0)::bigint,
               CASE WHEN v_keys = p_keys THEN 0 ELSE (
                   SELECT count(*) FROM unnest(p_keys, p_fingerprints) AS x (key, fingerprint)
                   JOIN ledger_transaction t ON t.key = x.key AND t.fingerprint <> x.fingerprint) END;
END
$$;
