-- The limit of post_1 and post_8: one posting of two accounts, as bare as it can be and still be a posting.
-- The same rows in tables of the same shape, keys, indexes and CHECKs; the key is checked, both balances are updated
-- in id order, an overdraft is refused by the CHECK. No rules, no roles, no triggers, no business day, no fingerprint
-- compared on a replay.
CREATE TABLE bare_account (LIKE ledger_account INCLUDING ALL) WITH (fillfactor = 50);
CREATE TABLE bare_transaction (LIKE ledger_transaction INCLUDING ALL);
CREATE TABLE bare_transfer (LIKE ledger_transfer INCLUDING ALL);
INSERT INTO bare_account SELECT * FROM ledger_account;

CREATE FUNCTION bare_post(
    p_kind text, p_key text, p_fingerprint bytea, p_on date, p_debit uuid, p_credit uuid, p_currency text, p_amount numeric
) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid;
BEGIN
    INSERT INTO bare_transaction (kind, key, fingerprint, moves, effective_on, memo)
    VALUES (p_kind, p_key, p_fingerprint, 1, p_on, '')
    ON CONFLICT (key) DO NOTHING RETURNING id INTO v_id;
    IF v_id IS NULL THEN
        SELECT id INTO v_id FROM bare_transaction WHERE key = p_key;
        RETURN v_id;
    END IF;
    IF p_debit < p_credit THEN
        UPDATE bare_account SET debits = debits + p_amount WHERE id = p_debit;
        UPDATE bare_account SET credits = credits + p_amount WHERE id = p_credit;
    ELSE
        UPDATE bare_account SET credits = credits + p_amount WHERE id = p_credit;
        UPDATE bare_account SET debits = debits + p_amount WHERE id = p_debit;
    END IF;
    INSERT INTO bare_transfer (transaction_id, line, debit_account_id, credit_account_id, currency_id, amount, booked_on)
    VALUES (v_id, 1, p_debit, p_credit, p_currency, p_amount, p_on);
    RETURN v_id;
END
$$;
GRANT SELECT, INSERT, UPDATE ON bare_account, bare_transaction, bare_transfer TO fiducia_app;
