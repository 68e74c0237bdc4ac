-- The limit of distribute_100k: the fastest way we know to share an amount pro rata and to write what that writes.
-- The same rows, keys, indexes and CHECKs (LIKE … INCLUDING ALL), the same balances; no approval, no triggers, no rules,
-- no second look at a key. All shares are read once, into arrays. benchmarks/cases/offers.py runs :setup, then :share
-- for each distribution.

-- :setup
CREATE TABLE bare_account (LIKE ledger_account INCLUDING ALL) WITH (fillfactor = 50);
CREATE TABLE bare_transaction (LIKE ledger_transaction INCLUDING ALL);
CREATE TABLE bare_transfer (LIKE ledger_transfer INCLUDING ALL);
CREATE TABLE bare_share (LIKE offers_offershare INCLUDING ALL);
CREATE TABLE bare_notification (LIKE notifications_notification INCLUDING ALL);
INSERT INTO bare_account SELECT * FROM ledger_account;

-- :function
CREATE FUNCTION bare_distribute(
    p_deed uuid, p_offer uuid, p_amount numeric, p_unit numeric, p_currency text, p_pool uuid, p_due uuid, p_day date
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_ids uuid[]; v_keys text[]; v_fingerprints bytea[]; v_investments uuid[]; v_wallets uuid[]; v_amounts numeric[];
    v_investors uuid[];
    v_reserve uuid;
BEGIN
    INSERT INTO bare_transaction (kind, key, fingerprint, moves, effective_on, memo)
    VALUES ('distribution_reserve', 'distribution_reserve:' || p_deed, sha256(''), 1, p_day, '')
    RETURNING id INTO v_reserve;
    INSERT INTO bare_transfer (transaction_id, line, debit_account_id, credit_account_id, currency_id, amount, booked_on)
    VALUES (v_reserve, 1, p_pool, p_due, p_currency, p_amount, p_day);
    UPDATE bare_account SET debits = debits + p_amount WHERE id = p_pool;

    WITH held AS MATERIALIZED (
        SELECT id, investor_id, principal, sum(principal) OVER () AS total
        FROM offers_offerinvestment WHERE offer_id = p_offer AND status = 'committed' AND principal > 0
    ), divided AS MATERIALIZED (
        SELECT *, div(p_amount / p_unit * principal, total) AS units, mod(p_amount / p_unit * principal, total) AS rest
        FROM held
    ), ranked AS (
        SELECT *, row_number() OVER (ORDER BY rest DESC, id) AS place, p_amount / p_unit - sum(units) OVER () AS left_over
        FROM divided
    )
    SELECT array_agg(uuidv7()), array_agg('distribution:' || p_deed || ':' || s.id),
           array_agg(sha256(convert_to(
               'distribution|1:' || p_due || ':' || w.id || ':' || p_currency || ':' || s.amount, 'UTF8'))),
           array_agg(s.id), array_agg(w.id), array_agg(s.amount), array_agg(s.investor_id)
    INTO v_ids, v_keys, v_fingerprints, v_investments, v_wallets, v_amounts, v_investors
    FROM (SELECT id, investor_id, (units + (place <= left_over)::int) * p_unit AS amount FROM ranked) s
    JOIN bare_account w ON w.kind = 'available' AND w.owner_id = s.investor_id AND w.subject = '' AND w.scope = ''
        AND w.currency_id = p_currency
    WHERE s.amount > 0;

    INSERT INTO bare_share (deed_id, investment_id, amount)
    SELECT p_deed, x.id, x.amount FROM unnest(v_investments, v_amounts) AS x (id, amount);
    INSERT INTO bare_transaction (id, kind, key, fingerprint, moves, effective_on, memo)
    SELECT x.id, 'distribution', x.key, x.fingerprint, 1, p_day, ''
    FROM unnest(v_ids, v_keys, v_fingerprints) AS x (id, key, fingerprint);
    INSERT INTO bare_transfer (transaction_id, line, debit_account_id, credit_account_id, currency_id, amount, booked_on)
    SELECT x.id, 1, p_due, x.wallet, p_currency, x.amount, p_day
    FROM unnest(v_ids, v_wallets, v_amounts) AS x (id, wallet, amount);
    UPDATE bare_account a SET credits = a.credits + x.amount
    FROM unnest(v_wallets, v_amounts) AS x (wallet, amount) WHERE a.id = x.wallet;
    UPDATE bare_account SET debits = debits + p_amount, credits = credits + p_amount WHERE id = p_due;
    INSERT INTO bare_notification (user_id, kind, key, facts, created_at)
    SELECT x.investor, 'offer_distributed', p_deed,
           jsonb_build_object('offer', p_offer, 'currency', p_currency, 'amount', trim_scale(sum(x.amount))::text), now()
    FROM unnest(v_investors, v_amounts) AS x (investor, amount) GROUP BY x.investor;
END
$$;

-- :share
SELECT bare_distribute(%(deed)s, %(offer)s, %(amount)s, %(unit)s, %(currency)s, %(pool)s, %(due)s, %(day)s)
