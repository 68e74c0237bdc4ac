-- Open the first business day. The application's role may not write the table.
CREATE OR REPLACE FUNCTION ledger_open(p_day date) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7105001);
    IF EXISTS (SELECT 1 FROM ledger_businessday) THEN
        RAISE EXCEPTION 'already-open: the ledger was opened before; days follow by closing' USING ERRCODE = 'FI017';
    END IF;
    INSERT INTO ledger_businessday (day) VALUES (p_day);
END
$$;

-- Close the open day, which must be p_day, and open the next. Waits for every posting under way; when it returns,
-- p_day takes no more rows. last_transfer_id marks its end: ids are drawn while the day is held.
CREATE OR REPLACE FUNCTION ledger_close(p_day date) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_open date; v_last bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(7105001);
    SELECT day INTO v_open FROM ledger_businessday WHERE closed_at IS NULL;
    IF v_open IS DISTINCT FROM p_day THEN
        RAISE EXCEPTION 'not-open: % is not the open business day, % is', p_day, v_open USING ERRCODE = 'FI017';
    END IF;
    SELECT COALESCE(max(id), 0) INTO v_last FROM ledger_transfer;
    UPDATE ledger_businessday SET closed_at = clock_timestamp(), last_transfer_id = v_last WHERE day = p_day;
    INSERT INTO ledger_businessday (day) VALUES (p_day + 1);
    RETURN v_last;
END
$$;
