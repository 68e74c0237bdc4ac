"""Every guard that the models name stands in the database, and no other trigger does."""

from __future__ import annotations

import psycopg
import pytest
from django.apps import apps
from django.db import connection, connections

from core.guards import Guard


@pytest.mark.django_db
def test_the_database_has_exactly_the_guards_of_the_models() -> None:
    wanted = {
        (constraint.name, model._meta.db_table)
        for model in apps.get_models()
        for constraint in model._meta.constraints
        if isinstance(constraint, Guard)
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.tgname, c.relname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE NOT t.tgisinternal AND NOT c.relispartition"
        )
        standing = cursor.fetchall()
    assert {(name, table) for name, table, _ in standing} == wanted
    assert {enabled for *_, enabled in standing} == {"O"}
    assert len(wanted) > 10


KEPT = sorted(
    (constraint.name, model._meta.db_table, constraint.event)
    for model in apps.get_models()
    for constraint in model._meta.constraints
    if isinstance(constraint, Guard) and "TRUNCATE" in constraint.event
)


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "table", "event"), KEPT)
def test_the_owner_is_refused_what_the_guards_refuse(name: str, table: str, event: str) -> None:
    """The role without rights proves nothing of the trigger; the owner has every right, and a test database no hole."""
    with psycopg.connect(**connections["owner"].get_connection_params()) as owner:
        owner.execute("SET lock_timeout = '20s'")
        column = owner.execute(
            "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 LIMIT 1",
            [table],
        ).fetchone()[0]
        attacks = {"TRUNCATE": f"TRUNCATE {table} CASCADE", "DELETE": f"DELETE FROM {table}"}
        attacks["UPDATE"] = f"UPDATE {table} SET {column} = {column}"
        for verb in [verb for verb in attacks if verb in event]:
            with pytest.raises(psycopg.DatabaseError) as refused, owner.transaction():
                owner.execute(attacks[verb])
            assert refused.value.sqlstate == "FI001" and table in str(refused.value), (name, verb)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attack", ["TRUNCATE {}", "DELETE FROM {}", "UPDATE {} SET amount = 0"])
def test_the_owner_is_refused_on_a_month_of_accruals_too(attack: str) -> None:
    """A trigger on statements fires for the table that is named: the parent's says nothing of its partitions."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT investments_make_partitions('2026-06-01', 1)")
    owner = psycopg.connect(**connections["owner"].get_connection_params(), autocommit=True)
    with owner, pytest.raises(psycopg.DatabaseError) as refused:
        owner.execute(attack.format("investments_accrual_2026_06"))
    assert refused.value.sqlstate == "FI001"


@pytest.mark.django_db
def test_functions_of_the_owner_have_a_fixed_search_path() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, proconfig FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
        )
        definers = cursor.fetchall()
    assert len(definers) >= 4
    for name, settings in definers:
        assert "search_path=pg_catalog, public, pg_temp" in (settings or []), name
