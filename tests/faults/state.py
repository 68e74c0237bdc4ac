"""What a database holds, in words that two runs of the same days must share.

Left out are moments, hashes, how long and how often something was tried, and the ids that a run draws: an id that the
world had before stays; one drawn since is `<new>`. What the new ids link is compared by joins.

A seal's hashes are over moments and drawn ids; how many rows of each table it took is compared as `rows of seals`. A
seal ends before the oldest transaction of its database that is under way: what was recorded since goes into the next
one. So the counts are those of the calm run only where nothing else is under way while a day is sealed. A worker's task
that was delivered again can be; each row is in one seal all the same, which `verify_ledger` recomputes.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import psycopg
from psycopg import sql

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SEAL = re.compile(r"\['seal', '[0-9a-f]{16}'\]")
NOT_OF_THE_PLATFORM = ("django_", "auth_", "celery_")
DRAWN = {"milliseconds", "attempts", "times_seen", "times_raised", "last_transfer_id", "records"}

LINKED = {
    "ledger": """
        SELECT t.key, t.kind, t.effective_on, x.booked_on, x.amount, x.currency_id,
               d.kind, d.scope, d.owner_id, d.subject, c.kind, c.scope, c.owner_id, c.subject
        FROM ledger_transaction t JOIN ledger_transfer x ON x.transaction_id = t.id
        JOIN ledger_account d ON d.id = x.debit_account_id JOIN ledger_account c ON c.id = x.credit_account_id""",
    "settlement": """
        SELECT r.product_id, r.due_on, r.status, s.position_id, s.amount, s.paid_to_date, s.accrued_to_date
        FROM investments_settlementrun r JOIN investments_settlement s ON s.run_id = r.id""",
    "slices of settlement": """
        SELECT r.product_id, r.due_on, s.number, s.first, s.positions, s.amount
        FROM investments_settlementrun r JOIN investments_settlementslice s ON s.run_id = r.id""",
    "rows of seals": """
        SELECT s.day, r.key, r.value -> 'rows', r.value -> 'columns'
        FROM ledger_seal s CROSS JOIN jsonb_each(s.records) r""",
    "steps": "SELECT run_id, name, place, done_at IS NOT NULL, figures FROM backoffice_endofdaystep",
}
"""What hangs together by ids that a run draws."""


def rows(database: psycopg.Connection[Any], known: set[str]) -> dict[str, Counter[str]]:
    """Return every table's rows, and what is linked, as words."""
    found = {f"table {table}": _read(database, _of_table(database, table), known) for table in _tables(database)}
    for name, query in LINKED.items():
        found[name] = _read(database, sql.SQL(query), known)
    return found


def ids(database: psycopg.Connection[Any]) -> set[str]:
    """Return every UUID that stands in a column of its own."""
    known: set[str] = set()
    for table in _tables(database):
        for name, kind in _columns(database, table):
            if kind == "uuid":
                query = sql.SQL("SELECT {} FROM {}").format(sql.Identifier(name), sql.Identifier(table))
                known.update(str(value) for (value,) in database.execute(query))
    return known


def differences(expected: dict[str, Counter[str]], found: dict[str, Counter[str]]) -> list[str]:
    """Name each row that only one of two states has."""
    told = []
    for table in sorted(expected.keys() | found.keys()):
        lacking, more = expected[table] - found[table], found[table] - expected[table]
        told += [f"{table} lacks {row}" for row in lacking.elements()] + [
            f"{table} has {row}" for row in more.elements()
        ]
    return told


def _tables(database: psycopg.Connection[Any]) -> list[str]:
    found = database.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition ORDER BY relname"
    )
    return [name for (name,) in found if not name.startswith(NOT_OF_THE_PLATFORM)]


def _columns(database: psycopg.Connection[Any], table: str) -> list[tuple[str, str]]:
    return database.execute(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
        " AND NOT attisdropped ORDER BY attnum",
        [f"public.{table}"],
    ).fetchall()


def _of_table(database: psycopg.Connection[Any], table: str) -> sql.Composed:
    """Select what is neither drawn, a moment nor a hash; of these only whether there is something."""
    chosen = []
    for name, kind in _columns(database, table):
        column = sql.Identifier(name)
        if kind in ("timestamp with time zone", "bytea"):
            column = sql.SQL("{} IS NOT NULL").format(column)
        elif name in DRAWN or (kind == "bigint" and (name == "id" or name.endswith("_id"))):
            continue
        chosen.append(column)
    return sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(chosen), sql.Identifier(table))


def _read(database: psycopg.Connection[Any], query: sql.Composable, known: set[str]) -> Counter[str]:
    def worded(match: re.Match[str]) -> str:
        return match[0] if match[0] in known else "<new>"

    return Counter(SEAL.sub("", UUID.sub(worded, " | ".join(map(str, row)))) for row in database.execute(query))
