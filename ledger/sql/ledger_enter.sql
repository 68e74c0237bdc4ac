-- Enter the ledger: hold the open day, then lock the accounts in id order; returns the open day.
-- The owner's, since a row lock needs the UPDATE privilege, which the application's role must not have.
-- Volatile, a statement each: one that locks and reads at once would see the day as it was before it waited.
CREATE OR REPLACE FUNCTION ledger_enter(account_ids uuid[]) RETURNS date
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off
AS $$
DECLARE
    v_day date;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'isolation: post at READ COMMITTED; an older snapshot could post into a closed day'
            USING ERRCODE = 'FI010';
    END IF;
    PERFORM pg_advisory_xact_lock_shared(7105001);
    SELECT day INTO v_day FROM ledger_businessday WHERE closed_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no-open-day: no business day is open; an engineer opens the first with: manage.py open_ledger --on DATE'
            USING ERRCODE = 'FI017';
    END IF;
    PERFORM 1 FROM ledger_account WHERE id = ANY (account_ids) AND keeps_balance ORDER BY id FOR NO KEY UPDATE;
    RETURN v_day;
END
$$;
