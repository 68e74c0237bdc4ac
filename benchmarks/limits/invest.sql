-- The limit of invest_1 and invest_16: one investment in a capped offer, as bare as it can be.
-- The same locks and the same rows, in tables of the same shape, keys, indexes and CHECKs: the offer's row is locked, as
-- much as is left is taken, both balances are updated in id order, transaction, transfer, investment and trail are
-- written, the request's key is checked; the foreign keys of investment and trail lock what they name, as they do in
-- ours. No question about the investor, no rules, no roles, no other triggers.
CREATE TABLE bare_account (LIKE ledger_account INCLUDING ALL) WITH (fillfactor = 50);
CREATE TABLE bare_transaction (LIKE ledger_transaction INCLUDING ALL);
CREATE TABLE bare_transfer (LIKE ledger_transfer INCLUDING ALL);
CREATE TABLE bare_offer (LIKE offers_offer INCLUDING ALL) WITH (fillfactor = 50);
CREATE TABLE bare_investment (LIKE offers_offerinvestment INCLUDING ALL);
CREATE TABLE bare_auditevent (LIKE oversight_auditevent INCLUDING ALL);
ALTER TABLE bare_investment
    ADD FOREIGN KEY (offer_id) REFERENCES bare_offer DEFERRABLE INITIALLY DEFERRED,
    ADD FOREIGN KEY (investor_id) REFERENCES accounts_user DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE bare_auditevent ADD FOREIGN KEY (actor_id) REFERENCES accounts_user DEFERRABLE INITIALLY DEFERRED;
INSERT INTO bare_account SELECT * FROM ledger_account;
INSERT INTO bare_offer SELECT * FROM offers_offer;
INSERT INTO bare_investment SELECT * FROM offers_offerinvestment;

CREATE FUNCTION bare_invest(
    p_id uuid, p_offer uuid, p_investor uuid, p_requested numeric, p_debit uuid, p_credit uuid, p_currency text,
    p_on date, p_at timestamptz, p_until timestamptz, p_version text, p_key text
) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    v_left numeric;
    v_transaction uuid;
BEGIN
    SELECT max_amount - committed_amount INTO v_left FROM bare_offer WHERE id = p_offer FOR NO KEY UPDATE;
    v_left := least(v_left, p_requested);
    IF v_left <= 0 THEN
        RETURN 0;
    END IF;
    INSERT INTO bare_transaction (kind, key, fingerprint, moves, effective_on, actor_id, memo)
    VALUES ('offer_reserve', 'offer_reserve:' || p_id, sha256(''), 1, p_on, p_investor, '')
    RETURNING id INTO v_transaction;
    IF p_debit < p_credit THEN
        UPDATE bare_account SET debits = debits + v_left WHERE id = p_debit;
        UPDATE bare_account SET credits = credits + v_left WHERE id = p_credit;
    ELSE
        UPDATE bare_account SET credits = credits + v_left WHERE id = p_credit;
        UPDATE bare_account SET debits = debits + v_left WHERE id = p_debit;
    END IF;
    INSERT INTO bare_transfer (transaction_id, line, debit_account_id, credit_account_id, currency_id, amount, booked_on)
    VALUES (v_transaction, 1, p_debit, p_credit, p_currency, v_left, p_on);
    INSERT INTO bare_investment
        (id, offer_id, investor_id, status, requested_amount, accepted_amount, principal, disclosure_version,
         operation_id, asked_at, reserved_at, reflects_until,
         request_method, request_path, request_key, request_fingerprint)
    VALUES (p_id, p_offer, p_investor, 'reserved', p_requested, v_left, 0, p_version, v_transaction, p_at, p_at, p_until,
            'POST', '/invest', p_key, sha256(''));
    UPDATE bare_offer SET committed_amount = committed_amount + v_left WHERE id = p_offer;
    INSERT INTO bare_auditevent (id, action, actor_id, at, target_type, target_id, after, reason, request_id)
    VALUES (uuidv7(), 'offers.invested', p_investor, p_at, 'offers.offerinvestment', p_id,
            jsonb_build_object('requested', p_requested::text, 'accepted', v_left::text), '', '');
    RETURN v_left;
END
$$;
GRANT SELECT, INSERT, UPDATE ON bare_account, bare_transaction, bare_transfer, bare_offer, bare_investment,
    bare_auditevent TO fiducia_app;
