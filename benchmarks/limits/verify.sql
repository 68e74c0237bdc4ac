-- The limit of verify_*: the fewest scans that recompute every balance, and one scan that hashes what the seals cover.
-- The server's own settings hold for both sides, parallel query among them. Rows
-- are hashed in the order in which they lie, by ranges of primary keys, so that nothing is sorted or read twice.

-- :days
SELECT lag(b.last_transfer_id, 1, 0::bigint) OVER o, b.last_transfer_id,
       COALESCE(lag(t.until) OVER o, '00000000-0000-0000-0000-000000000000'), t.until
FROM ledger_businessday b
JOIN (SELECT id, transaction_id AS until FROM ledger_transfer) t ON t.id = b.last_transfer_id
WINDOW o AS (ORDER BY b.day);

-- :debits
SELECT count(*) FROM (SELECT debit_account_id, sum(amount) FROM ledger_transfer GROUP BY debit_account_id) debits;

-- :credits
SELECT count(*) FROM (SELECT credit_account_id, sum(amount) FROM ledger_transfer GROUP BY credit_account_id) credits;

-- :transfers
SELECT sha256(convert_to(string_agg(x::text, E'\n' ORDER BY x.id), 'UTF8'))
FROM ledger_transfer x WHERE x.id > %(first)s AND x.id <= %(last)s;

-- :transactions
SELECT sha256(convert_to(string_agg(t::text, E'\n' ORDER BY t.id), 'UTF8'))
FROM ledger_transaction t WHERE t.id > %(after)s AND t.id <= %(until)s;
