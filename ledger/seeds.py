"""What every migrate puts in place: functions, currencies, posting rules. Runs as the owner's role."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db import connections, transaction

from core import functions
from ledger import chart

FUNCTIONS = Path(__file__).parent / "sql"


def on_migrate(sender: Any, using: str, plan: Any = None, **kwargs: Any) -> None:
    """Seed after a migrate that left the ledger's tables in place (not after `migrate ledger zero`)."""
    if functions.create(using, FUNCTIONS, after="ledger_postingrule"):
        seed(using)


def seed(using: str) -> None:
    """Bring currencies and posting rules to what the code says."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.executemany(
            "INSERT INTO ledger_currency (code, exponent, kind) VALUES (%s, %s, %s) ON CONFLICT (code) DO NOTHING",
            list(chart.CURRENCIES),
        )
        _seed_rules(cursor)


def rules() -> list[tuple[Any, ...]]:
    """Return the posting rules as rows of their table."""
    return [
        (r.kind, r.debit, r.credit, r.evidence, r.approval, r.same_owner, r.same_scope, r.scope, r.debit_scope)
        for r in chart.POSTING_RULES
    ]


def _seed_rules(cursor: Any) -> None:
    cursor.executemany(
        """
        INSERT INTO ledger_postingrule (kind, debit_kind, credit_kind, needs_evidence, needs_approval, same_owner,
                                        same_scope, scope_prefix, debit_scope)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (kind, debit_kind, credit_kind) DO UPDATE SET
            needs_evidence = excluded.needs_evidence, needs_approval = excluded.needs_approval,
            same_owner = excluded.same_owner, same_scope = excluded.same_scope,
            scope_prefix = excluded.scope_prefix, debit_scope = excluded.debit_scope
        """,
        rules(),
    )
    listed = [f"{kind}/{debit}/{credit}" for kind, debit, credit, *_ in rules()]
    cursor.execute(
        "DELETE FROM ledger_postingrule WHERE kind || '/' || debit_kind || '/' || credit_kind <> ALL (%s)", [listed]
    )
