"""Every guard that the models name stands in the database, and no other trigger does."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection

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
