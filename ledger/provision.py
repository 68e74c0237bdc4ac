"""The two login roles: who owns the tables, and what the application may do with them.

`fiducia_owner` owns and migrates; `fiducia_app` reads, and writes only what an app's `rights` list:

    rights = {"Country": "all", "Transfer": {"insert": ["debit", "credit"], "update": ["memo"], "delete": False}}

A model that isn't listed may be read. Source: LEDGER §2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from django.apps import AppConfig, apps
from django.core.exceptions import FieldDoesNotExist
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model
from psycopg import sql

OWNER = "fiducia_owner"
APP = "fiducia_app"

EVERYTHING = "all"
Rights = str | dict[str, Any]
THIRD_PARTY = {"admin", "auth", "contenttypes", "sessions", "django_celery_beat", "token_blacklist"}


def make_roles(
    connection: psycopg.Connection[Any],
    *,
    owner_password: str,
    app_password: str,
    owner: str = OWNER,
    app: str = APP,
) -> None:
    """Create both login roles, or set their passwords; needs a connection that may create roles."""
    for role, password in ((owner, owner_password), (app, app_password)):
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
        verb = sql.SQL("ALTER ROLE" if known else "CREATE ROLE")
        connection.execute(
            sql.SQL("{} {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD {}").format(
                verb, sql.Identifier(role), sql.Literal(password)
            )
        )


def make_database(connection: psycopg.Connection[Any], name: str, *, owner: str = OWNER, template: str = "") -> None:
    """Create a database that `owner` owns, unless there is one; the connection must be in autocommit."""
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        return
    statement = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner))
    if template:
        statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    connection.execute(statement)


def grant_rights(connection: BaseDatabaseWrapper, *, app: str = APP) -> None:
    """Give the application's role exactly what the apps list; whatever else it had is taken away."""
    with connection.cursor() as cursor:
        for statement in _statements(connection, app):
            cursor.execute(statement)


def may_write(model: type[Model], verb: str) -> set[str]:
    """Return the columns that the application's role may write with this verb: insert, update, delete or truncate."""
    columns = {str(field.column) for field in model._meta.local_concrete_fields}
    rights = _declared(model)
    if rights == EVERYTHING:
        return set() if verb == "truncate" else columns
    assert isinstance(rights, dict)
    listed = rights.get(verb, ())
    if listed is True or listed == "*":
        return columns
    return {name.strip('"') for name in _columns(model, listed or ())}


def _statements(connection: BaseDatabaseWrapper, app: str) -> Iterator[str]:
    role = connection.ops.quote_name(app)
    yield "REVOKE ALL ON SCHEMA public FROM PUBLIC"
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {role}"
    yield f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, {role}"
    yield from _column_revocations(connection, role)
    yield f"GRANT USAGE ON SCHEMA public TO {role}"
    tables = set(connection.introspection.table_names(include_views=True))
    yield f"GRANT SELECT ON django_migrations TO {role}"
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.proxy and model._meta.db_table in tables:
            table = connection.ops.quote_name(model._meta.db_table)
            for right in _rights_on(model):
                yield f"GRANT {right} ON {table} TO {role}"


def _column_revocations(connection: BaseDatabaseWrapper, role: str) -> Iterator[str]:
    """Rights on columns outlive a REVOKE on their table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, array_agg(quote_ident(a.attname)) FROM pg_attribute a "
            "JOIN pg_class c ON c.oid = a.attrelid "
            "WHERE c.relnamespace = 'public'::regnamespace AND a.attacl IS NOT NULL GROUP BY c.relname"
        )
        found = cursor.fetchall()
    for table, columns in found:
        yield f"REVOKE ALL ({', '.join(columns)}) ON {connection.ops.quote_name(table)} FROM {role}"


def _rights_on(model: type[Model]) -> list[str]:
    rights = _declared(model)
    if rights == EVERYTHING:
        return ["SELECT", "INSERT", "UPDATE", "DELETE"]
    assert isinstance(rights, dict), f"{model._meta.label}: rights are 'all' or a table of verbs"
    granted = ["SELECT"]
    for verb in ("insert", "update"):
        columns = rights.get(verb, ())
        if columns == "*":
            granted.append(verb.upper())
        elif columns:
            granted.append(f"{verb.upper()} ({', '.join(_columns(model, columns))})")
    if rights.get("delete", False):
        granted.append("DELETE")
    return granted


def _declared(model: type[Model]) -> Rights:
    """The rights that the model's app lists; a many-to-many table follows the model that declares it."""
    config = apps.get_app_config(model._meta.app_label)
    listed: dict[str, Rights] = _listed(config)
    if model._meta.object_name in listed:
        return listed[model._meta.object_name]
    owner = model._meta.auto_created
    if isinstance(owner, type) and listed.get(owner.__name__) == EVERYTHING:
        return EVERYTHING
    return EVERYTHING if config.label in THIRD_PARTY else {}


def _listed(config: AppConfig) -> dict[str, Rights]:
    return dict(getattr(config, "rights", {}))


def _columns(model: type[Model], names: Sequence[str]) -> Iterator[str]:
    for name in names:
        try:
            column = model._meta.get_field(name).column  # type: ignore[union-attr]
        except FieldDoesNotExist:
            column = name
        yield f'"{column}"'
