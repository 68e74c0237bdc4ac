-- The limit of settle_1m: the fastest way we know to write what a day's settlement writes.
-- The same rows, keys, indexes and CHECKs (LIKE … INCLUDING ALL), the same balances; no triggers, no rules, no roles,
-- no second look at a key. A slice is read once, into arrays; ids are drawn beside its rows, so that nothing has to be
-- joined back. Its slices are ours. benchmarks/cases/day.py runs :setup, :owe, for each slice :pay, and :tell.

-- :setup
CREATE TABLE bare_account (LIKE ledger_account INCLUDING ALL) WITH (fillfactor = 50);
CREATE TABLE bare_transaction (LIKE ledger_transaction INCLUDING ALL);
CREATE TABLE bare_transfer (LIKE ledger_transfer INCLUDING ALL);
CREATE TABLE bare_settlement (LIKE investments_settlement INCLUDING ALL);
CREATE TABLE bare_notification (LIKE notifications_notification INCLUDING ALL);
INSERT INTO bare_account SELECT * FROM ledger_account;
INSERT INTO bare_settlement SELECT * FROM investments_settlement WHERE run_id = %(before)s;

-- :owe
INSERT INTO bare_settlement
    (run_id, position_id, due_on, exponent, earned, accrued_to_date, paid_to_date, amount, overpaid)
SELECT %(run)s, position_id, %(due_on)s, %(exponent)s, earned, accrued, paid + GREATEST(entitled - paid, 0),
       GREATEST(entitled - paid, 0), GREATEST(paid - entitled, 0)
FROM (
    SELECT position_id, earned, accrued, paid,
           floor(round(accrued, %(places)s) * %(units)s::numeric) * %(unit)s::numeric AS entitled
    FROM (
        SELECT s.position_id, a.amount AS earned, s.accrued_to_date + a.amount AS accrued, s.paid_to_date AS paid
        FROM bare_settlement s
        JOIN investments_accrual a ON a.day = %(due_on)s AND a.position_id = s.position_id
        WHERE s.run_id = %(before)s OFFSET 0
    ) moved OFFSET 0
) settled;

-- :function
CREATE OR REPLACE FUNCTION bare_pay(
    p_run uuid, p_first uuid, p_until uuid, p_currency text, p_shard uuid, p_day date
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_ids uuid[]; v_keys text[]; v_fingerprints bytea[]; v_wallets uuid[]; v_amounts numeric[];
BEGIN
    SELECT array_agg(uuidv7()), array_agg('settlement:' || s.due_on || ':' || s.position_id),
           array_agg(sha256(convert_to(
               'settlement|1:' || p_shard || ':' || w.id || ':' || p_currency || ':' || s.amount, 'UTF8'))),
           array_agg(w.id), array_agg(s.amount)
    INTO v_ids, v_keys, v_fingerprints, v_wallets, v_amounts
    FROM bare_settlement s
    JOIN investments_position p ON p.id = s.position_id
    JOIN bare_account w ON w.kind = 'available' AND w.owner_id = p.owner_id AND w.subject = '' AND w.scope = ''
        AND w.currency_id = p_currency
    WHERE s.run_id = p_run AND s.position_id >= p_first AND s.position_id < p_until AND s.amount > 0;

    INSERT INTO bare_transaction (id, kind, key, fingerprint, moves, effective_on, memo)
    SELECT x.id, 'settlement', x.key, x.fingerprint, 1, p_day, ''
    FROM unnest(v_ids, v_keys, v_fingerprints) AS x (id, key, fingerprint);

    INSERT INTO bare_transfer (transaction_id, line, debit_account_id, credit_account_id, currency_id, amount, booked_on)
    SELECT x.id, 1, p_shard, x.wallet, p_currency, x.amount, p_day
    FROM unnest(v_ids, v_wallets, v_amounts) AS x (id, wallet, amount);

    UPDATE bare_account a SET credits = a.credits + x.amount
    FROM (SELECT y.wallet, sum(y.amount) AS amount FROM unnest(v_wallets, v_amounts) AS y (wallet, amount)
          GROUP BY y.wallet) x
    WHERE a.id = x.wallet;
    UPDATE bare_account SET debits = debits + (SELECT sum(y) FROM unnest(v_amounts) y) WHERE id = p_shard;
END
$$;

-- :pay
SELECT bare_pay(%(run)s, %(first)s, %(until)s, %(currency)s, %(shard)s, %(due_on)s);

-- :tell
INSERT INTO bare_notification (user_id, kind, key, facts, created_at)
SELECT p.owner_id, 'returns_paid', %(key)s,
       jsonb_build_object('product', %(product)s::text, 'currency', %(currency)s::text, 'on', %(due_on)s::date,
                          'amount', trim_scale(sum(s.amount))::text), %(now)s
FROM bare_settlement s JOIN investments_position p ON p.id = s.position_id
WHERE s.run_id = %(run)s AND s.amount > 0
GROUP BY p.owner_id;
