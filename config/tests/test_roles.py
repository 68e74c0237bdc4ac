"""The two login roles have the rights that they should, and no more."""

import pytest
from django.db import DatabaseError, connection, connections

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
