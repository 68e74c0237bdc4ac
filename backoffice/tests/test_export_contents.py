"""Each table of the platform is told to whom it is about, or has a reason why it isn't; so has each column."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import models

from backoffice.export.contents import LEFT_OUT, PARTS, exported
from backoffice.export.tables import Table

TABLES = [part for part in PARTS if isinstance(part, Table)]
EVERY = {model._meta.label for model in apps.get_models()}
OF_NOBODY = {label for label in LEFT_OUT if label not in EVERY}


def names_people(model: type[models.Model]) -> bool:
    """Whether it has a key to people, or a column that is named like one."""
    return any(
        field.related_model is get_user_model()
        or (isinstance(field, models.UUIDField) and field.name in {"user", "person", "owner", "investor", "user_id"})
        for field in model._meta.concrete_fields
    )


def test_each_table_is_told_or_left_out_for_a_reason():
    """Seen to fail with a model taken out of either list."""
    assert EVERY - exported() - set(LEFT_OUT) == set()
    assert exported() & set(LEFT_OUT) == set()
    assert {"accounts.User.groups"} == OF_NOBODY
    assert all(len(reason) > 10 for reason in LEFT_OUT.values())


def test_the_walk_sees_who_names_people():
    """The control: the tables that everybody would name first are among those that name people."""
    seen = {model._meta.label for model in apps.get_models() if names_people(model)}
    assert {"accounts.Session", "payments.Deposit", "oversight.AuditEvent", "ledger.Account"} <= seen
    assert seen <= exported() | set(LEFT_OUT)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_each_column_is_told_or_left_out_for_a_reason(table):
    columns = {field.attname: field.name for field in table.model._meta.concrete_fields}
    first = {path.partition("__")[0] for path in table.columns.values()}
    told = {columns.get(name, name) for name in first}
    if isinstance(table.whose, str):
        told.add(columns.get(owner := table.whose.partition("__")[0], owner))
    told -= {"pk"}
    names = set(columns.values())
    if "pk" in {table.whose, *first}:
        told.add(table.model._meta.pk.name)
    assert set(table.left_out) <= names
    assert told & set(table.left_out) == set()
    assert names - told - set(table.left_out) == set()
    assert table.quiet <= {*table.columns, "id", "request_method", "request_path", "request_key"}


def test_parts_have_names_of_their_own():
    names = [part.name for part in PARTS]
    assert len(names) == len(set(names))
    assert "export" not in names
