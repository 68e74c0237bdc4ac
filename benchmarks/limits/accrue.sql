-- The limit of accrue_100k and accrue_1m: one bare INSERT … SELECT of the same rows into a table of the same shape, key
-- and partitioning. No slices, no sums by product, no versions: the day's
-- fraction is a constant.

-- :setup
DROP TABLE IF EXISTS bare_accrual;
CREATE TABLE bare_accrual (LIKE investments_accrual INCLUDING ALL) PARTITION BY RANGE (day);
CREATE TABLE bare_accrual_month PARTITION OF bare_accrual FOR VALUES FROM ('2026-06-01') TO ('2026-07-01');

-- :accrue
INSERT INTO bare_accrual (day, position_id, principal, rate, numerator, denominator, amount)
SELECT %(day)s, t.position_id, t.principal, t.rate, %(numerator)s, %(denominator)s,
       round(t.principal * t.rate * %(numerator)s::numeric / %(denominator)s::numeric(48, 40), 18)
FROM investments_positionterm t
WHERE t.from_on <= %(day)s AND (t.to_on IS NULL OR t.to_on > %(day)s) AND t.earns;
