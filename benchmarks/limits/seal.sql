-- The limit of seal_1m: one scan of the day's transfers and one of its transactions, each hashed whole, in id order.

-- :transfers
SELECT sha256(convert_to(string_agg(x::text, E'\n' ORDER BY x.id), 'UTF8'))
FROM ledger_transfer x WHERE x.id > %(first)s AND x.id <= %(last)s;

-- :transactions
SELECT sha256(convert_to(string_agg(t::text, E'\n' ORDER BY t.id), 'UTF8'))
FROM ledger_transaction t WHERE t.effective_on = %(day)s;
