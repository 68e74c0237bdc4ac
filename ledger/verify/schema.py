"""What must stand beside the rows: guards, constraints, functions, rules, currencies, the role's rights.

Who takes one away, posts, and puts it back leaves rows that `rows` finds; who leaves it away is found here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from django.apps import apps
from django.db import connection
from django.db.models import CheckConstraint, Model, UniqueConstraint

from core.guards import Guard
from ledger import chart, provision, seeds


def wrong_guards() -> Iterator[str]:
    """Name each guard of any model that isn't in the database, enabled, on the same events and with its own body."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.tgname, c.relname, p.prosrc, pg_get_triggerdef(t.oid) FROM pg_trigger t"
            " JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid"
            " WHERE t.tgenabled IN ('O', 'A') AND NOT t.tgisinternal"
        )
        standing = {
            (name, table): (source.strip(), _trigger(definition))
            for name, table, source, definition in cursor.fetchall()
        }
        cursor.execute(_BARE_PARTITIONS)
        bare = cursor.fetchall()
    yield from (f"the guard {name} is missing or disabled on {partition}" for name, partition in bare)
    for model in _models():
        table = model._meta.db_table
        for guard in model._meta.constraints:
            if not isinstance(guard, Guard):
                continue
            found = standing.get((guard.name, table))
            if found is None:
                yield f"the guard {guard.name} is missing or disabled on {table}"
            elif found != (guard.body.strip(), _trigger(guard.trigger(table))):
                yield f"the guard {guard.name} on {table} does something else than the code says"


def _trigger(definition: str) -> tuple[object, ...]:
    """What a CREATE TRIGGER says, however it is written: PostgreSQL gives it back with order and casts of its own."""
    said = _TRIGGER.fullmatch(_NOISE.sub("", definition.lower()).strip())
    if said is None:
        return (definition,)
    moment, events, *rest = (part or "" for part in said.groups())
    return moment, frozenset(events.split(" or ")), *("".join(part.split()) for part in rest)


def missing_constraints() -> Iterator[str]:
    """Name each CHECK and each unique constraint of any model that isn't in the database, valid for all rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE convalidated UNION "
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            "WHERE i.indisunique AND i.indisvalid"
        )
        standing = {name for (name,) in cursor.fetchall()}
        cursor.execute(
            "SELECT i.indrelid::regclass::text, a.attname FROM pg_index i "
            "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] "
            "WHERE i.indisunique AND i.indisvalid AND i.indnatts = 1"
            " AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', a.attname))"
        )
        unique = set(cursor.fetchall())
    for model in _models():
        table = model._meta.db_table
        for one in model._meta.constraints:
            if isinstance(one, CheckConstraint | UniqueConstraint) and one.name not in standing:
                yield f"the constraint {one.name} is missing or not valid on {table}"
        for field in model._meta.local_concrete_fields:
            if field.unique and (table, field.column) not in unique:
                yield f"{table}.{field.column} is unique no more"


def changed_functions() -> Iterator[str]:
    """Name each of the owner's functions for the ledger that does something else than the code says."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
        standing = {name: source.strip() for name, source in cursor.fetchall()}
    for path in sorted(seeds.FUNCTIONS.glob("*.sql")):
        for name, body in _FUNCTION.findall(path.read_text()):
            if standing.get(name) != body.strip():
                yield f"the function {name} is missing or does something else than the code says"


def changed_rules() -> Iterator[str]:
    """Name each posting rule and currency that isn't what the code says."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT kind, debit_kind, credit_kind, needs_evidence, needs_approval, same_owner, same_scope,"
            " scope_prefix, debit_scope FROM ledger_postingrule"
        )
        rules = set(cursor.fetchall())
        cursor.execute("SELECT code, exponent, kind FROM ledger_currency")
        currencies = set(cursor.fetchall())
    for kind, debit, credit, *_ in sorted(rules ^ set(seeds.rules())):
        yield f"the posting rule {kind}: debit {debit}, credit {credit} isn't what the code says"
    for code, *_ in sorted(currencies ^ set(chart.CURRENCIES)):
        yield f"the currency {code} isn't what the code says"


def wrong_rights() -> Iterator[str]:
    """Name each column that the application's role may write and that no app lists."""
    role = connection.settings_dict["USER"]
    with connection.cursor() as cursor:
        cursor.execute(_RIGHTS, [role])
        held = cursor.fetchall()
    listed = {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}
    for table, verb, columns in held:
        model = listed.get(table)
        more = sorted(set(columns) - provision.may_write(model, verb)) if model else columns
        if more:
            yield f"{role} may {verb} {table} ({', '.join(more)})"


def _models() -> Iterator[type[Model]]:
    """The models of our own rooms whose tables are ours to make."""
    for model in apps.get_models():
        if model._meta.managed and not model._meta.proxy and model._meta.app_label not in provision.THIRD_PARTY:
            yield model


_NOISE: Final = re.compile(r'"|\bpublic\.|::\w+|[()]')
_TRIGGER: Final = re.compile(
    r"create trigger (?:\w+) (before|after) (.+?) on (\w+)(?: referencing (.+?))? for each (row|statement)"
    r"(?: when (.+?))? execute function (\w+)"
)
_FUNCTION: Final = re.compile(r"CREATE OR REPLACE FUNCTION (\w+)\(.*?AS \$\$(.*?)\$\$", re.DOTALL)
_BARE_PARTITIONS: Final = """
    SELECT t.tgname, i.inhrelid::regclass::text
    FROM pg_inherits i JOIN pg_trigger t ON t.tgrelid = i.inhparent AND NOT t.tgisinternal
    JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'p')
    WHERE NOT EXISTS (SELECT 1 FROM pg_trigger p WHERE p.tgrelid = i.inhrelid AND p.tgfoid = t.tgfoid
                      AND p.tgenabled IN ('O', 'A'))
    ORDER BY 2
"""
_RIGHTS: Final = """
    SELECT c.relname, v.verb, array_agg(a.attname::text ORDER BY a.attnum)
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    CROSS JOIN (VALUES ('insert'), ('update'), ('delete'), ('truncate')) v (verb)
    CROSS JOIN (SELECT %s::text AS name) role
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND CASE WHEN v.verb IN ('insert', 'update') THEN has_column_privilege(role.name, c.oid, a.attnum, v.verb)
               ELSE has_table_privilege(role.name, c.oid, v.verb) END
    GROUP BY c.relname, v.verb
    ORDER BY c.relname, v.verb
"""

CHECKS: Final[dict[str, Callable[[], Iterator[str]]]] = {
    "triggers": wrong_guards,
    "constraints": missing_constraints,
    "functions": changed_functions,
    "posting rules": changed_rules,
    "rights": wrong_rights,
}
