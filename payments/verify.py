"""What `verify_ledger` recomputes of payments: credits and deposits against the ledger, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.db import connection

BATCH = 500


def unmatched_deposits() -> Iterator[str]:
    """Yield each bank credit, and each confirmed deposit, that doesn't say what its transaction does."""
    for sql in (_CREDITS, _DEPOSITS):
        with connection.cursor() as cursor:
            cursor.execute(sql)
            while rows := cursor.fetchmany(BATCH):
                yield from (what for (what,) in rows)


_CREDITS: Final = """
    SELECT format('bank credit %s (%s %s) says %s %s, its transaction %s %s', c.id, c.cash_scope, c.bank_reference,
                  trim_scale(c.amount), c.currency_id, trim_scale(x.amount), x.currency_id)
    FROM payments_bankcredit c
    LEFT JOIN ledger_transaction t ON t.id = c.transaction_id AND t.kind = 'deposit' AND t.evidence_id = c.evidence_id
    LEFT JOIN ledger_transfer x ON x.transaction_id = t.id AND t.moves = 1
    LEFT JOIN ledger_account d ON d.id = x.debit_account_id
    LEFT JOIN ledger_evidence e ON e.id = c.evidence_id
    WHERE (x.amount = c.amount AND x.currency_id = c.currency_id AND d.kind = 'cash' AND d.scope = c.cash_scope
           AND e.source = c.cash_scope AND e.reference = upper(c.bank_reference)) IS NOT TRUE
    UNION ALL
    SELECT format('bank credit %s (%s %s) pays a deposit that isn''t there, or isn''t confirmed', c.id, c.cash_scope,
                  c.bank_reference)
    FROM payments_bankcredit c
    LEFT JOIN payments_deposit p ON p.id = c.deposit_id AND p.status = 'confirmed'
    WHERE c.status = 'credited' AND p.id IS NULL
"""
_DEPOSITS: Final = """
    SELECT format('deposit %s says that %s %s arrived, its transaction %s %s', p.reference,
                  trim_scale(p.arrived_amount), p.currency_id, trim_scale(x.amount), x.currency_id)
    FROM payments_deposit p
    LEFT JOIN ledger_transaction t ON t.id = p.transaction_id AND t.kind IN ('deposit', 'suspense_allot')
    LEFT JOIN ledger_transfer x ON x.transaction_id = t.id AND t.moves = 1
    LEFT JOIN ledger_account c ON c.id = x.credit_account_id
    WHERE p.status = 'confirmed'
      AND (x.amount = p.arrived_amount AND x.currency_id = p.currency_id
           AND c.kind = 'available' AND c.owner_id = p.investor_id) IS NOT TRUE
"""

# A credit remembers the last way that it went; what moved it before has an approved request of payments.
CLAIMS: Final = """
    SELECT transaction_id FROM payments_bankcredit
    UNION ALL SELECT t.id FROM ledger_transaction t JOIN oversight_approvalrequest q ON q.id = t.approval_id
              WHERE starts_with(q.verb, 'payments.') AND t.kind <> 'deposit'
"""
