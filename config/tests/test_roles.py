"""The two login roles have the rights that they should, and no more."""

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections

from ledger.provision import grant_rights

pytestmark = pytest.mark.django_db(databases=["default", "owner"])


def who(alias: str) -> str:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT session_user")
        return cursor.fetchone()[0]


def test_each_alias_logs_in_as_its_own_role():
    assert (who("default"), who("owner")) == ("fiducia_app", "fiducia_owner")


def test_both_see_one_database():
    assert connections["default"].settings_dict["NAME"] == connections["owner"].settings_dict["NAME"]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "UPDATE django_migrations SET name = name",
        "DELETE FROM django_migrations",
        "SET session_replication_role = replica",
        "SET ROLE fiducia_owner",
        "ALTER TABLE django_migrations DISABLE TRIGGER ALL",
    ],
)
def test_the_application_is_refused(statement):
    with pytest.raises(DatabaseError, match=r"permission denied|must be owner"), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_application_owns_nothing():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relowner = 'fiducia_app'::regrole"
        )
        assert cursor.fetchall() == []


def rights_of_the_application() -> set[tuple[str, str, str]]:
    """(table, right, column) of everything granted; column is "" where it is the whole table."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, x.privilege_type, '' FROM pg_class c, aclexplode(c.relacl) x
            WHERE x.grantee = 'fiducia_app'::regrole AND c.relnamespace = 'public'::regnamespace
            UNION ALL
            SELECT c.relname, x.privilege_type, a.attname FROM pg_attribute a
            JOIN pg_class c ON c.oid = a.attrelid, aclexplode(a.attacl) x
            WHERE x.grantee = 'fiducia_app'::regrole AND c.relnamespace = 'public'::regnamespace
            """
        )
        return set(cursor.fetchall())


def test_only_tables_of_models_are_open_to_it():
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)} | {"django_migrations"}
    assert {table for table, _, _ in rights_of_the_application()} <= tables


def test_of_the_ledger_it_adds_rows_and_changes_nothing():
    ledger = {right for right in rights_of_the_application() if right[0].startswith("ledger_")}
    assert {right for _, right, _ in ledger} == {"SELECT", "INSERT"}
    inserted = {table for table, right, _ in ledger if right == "INSERT"}
    assert not inserted & {"ledger_currency", "ledger_postingrule", "ledger_fund", "ledger_businessday"}
    columns = {(table, column) for table, right, column in ledger if right == "INSERT"}
    assert not columns & {
        ("ledger_account", "debits"),
        ("ledger_account", "credits"),
        ("ledger_transaction", ""),
        ("ledger_transaction", "id"),
        ("ledger_transaction", "posted_at"),
        ("ledger_transfer", ""),
        ("ledger_transfer", "id"),
    }


def test_nobody_else_has_any_right():
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c, aclexplode(c.relacl) x "
            "WHERE c.relnamespace = 'public'::regnamespace AND x.grantee = 0"
        )
        assert cursor.fetchall() == []


def test_a_right_that_no_list_names_is_taken_away():
    before = rights_of_the_application()
    with connections["owner"].cursor() as cursor:
        cursor.execute("GRANT UPDATE, TRUNCATE ON ledger_transfer TO fiducia_app")
        cursor.execute("GRANT UPDATE (exponent) ON ledger_currency TO fiducia_app")
    assert rights_of_the_application() != before
    grant_rights(connections["owner"])
    assert rights_of_the_application() == before


def test_its_role_is_an_ordinary_one():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication FROM pg_roles "
            "WHERE rolname LIKE 'fiducia%' ORDER BY rolname",
        )
        assert cursor.fetchall() == [(role, *[False] * 5) for role in ("fiducia_app", "fiducia_owner")]
        cursor.execute("SELECT count(*) FROM pg_auth_members WHERE member = 'fiducia_app'::regrole")
        assert cursor.fetchone() == (0,)


def test_provision_database_needs_an_administrator(monkeypatch):
    monkeypatch.delenv("ADMIN_DATABASE_URL", raising=False)
    with pytest.raises(CommandError, match="--admin-url"):
        call_command("provision_database")


def test_provision_database_refuses_other_roles(settings, monkeypatch):
    monkeypatch.setitem(settings.DATABASES["default"], "USER", "somebody")
    with pytest.raises(CommandError, match="DATABASE_URL must log in as fiducia_app"):
        call_command("provision_database", admin_url="postgresql://nobody@127.0.0.1:1/postgres")


def test_provision_database_says_in_a_line_that_nobody_answers():
    with pytest.raises(CommandError, match="The server refused"):
        call_command("provision_database", admin_url="postgresql://nobody@127.0.0.1:1/postgres")
