"""The tests' PostgreSQL: one template a checkout, a copy of it for each worker, two roles as in production.

The database is created, migrated and emptied through the owner (or the server's own administrator); `default`
only ever logs in as the application, so that what the tests see refused is refused in production too.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg import sql

from config.embedded.places import PROJECT, place
from config.embedded.postgres import Postgres, binaries
from ledger import provision
from ledger.management.commands import migrate

TEMPLATE = "test_fiducia_template"
SEEDS = "seeds"
TURNS_TO_TRUNCATE = 40
"""Deleted rows stay in their files until something vacuums them: that is waited for no longer than this."""


@contextmanager
def worker_database(worker: str) -> Iterator[Eraser]:
    """A freshly copied database for this worker, with both aliases pointing at it."""
    with Postgres(place("test-postgres"), durable=False).in_use() as server:
        name = f"test_fiducia_{worker}"
        with template_of(server), psycopg.connect(server.url("admin", "postgres"), autocommit=True) as admin:
            drop(admin, name)
            provision.make_database(admin, name, template=TEMPLATE)
        point_at(server, name)
        eraser = Eraser(server.url("admin", name))
        try:
            yield eraser
        finally:
            eraser.close()
            close_connections()


@contextmanager
def template_of(server: Postgres) -> Iterator[None]:
    """The template, up to date; nobody else uses it while the block lasts."""
    with server.root.joinpath("template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make_template(server)
        yield


def make_template(server: Postgres) -> None:
    """Migrate the template anew if a migration changed; re-emit seeds and rights if any code did."""
    migrations, code = digests()
    made_from = server.root / "template"
    before = made_from.read_text().split() if made_from.exists() else []
    if before == [migrations, code]:
        return
    made_from.unlink(missing_ok=True)
    if before[:1] != [migrations] or not migrated(server):
        with psycopg.connect(server.url("admin", "postgres"), autocommit=True) as admin:
            facts = server.remembered()
            provision.make_roles(admin, owner_password=facts["owner"], app_password=facts["app"])
            drop(admin, TEMPLATE)
            provision.make_database(admin, TEMPLATE)
        if not migrated(server):
            raise RuntimeError("the tests' database can't be migrated")
    made_from.write_text(f"{migrations} {code}")


def migrated(server: Postgres) -> bool:
    """Run `migrate` on the template, and keep a copy of what it sows."""
    point_at(server, TEMPLATE)
    try:
        with psycopg.connect(server.url("admin", TEMPLATE), autocommit=True) as admin:
            admin.execute(f"DROP SCHEMA IF EXISTS {SEEDS} CASCADE")
        call_command(migrate.Command(), verbosity=0, interactive=False)
        with psycopg.connect(server.url("admin", TEMPLATE), autocommit=True) as admin:
            keep_rows(admin, SEEDS)
    finally:
        close_connections()
    return True


def copy_template(server: Postgres, name: str) -> None:
    """Fill an empty database of another server that has the two roles: in a twentieth of the time of `migrate`."""
    with Postgres(place("test-postgres"), durable=False).in_use() as ours, template_of(ours):
        dump = [binaries() / "pg_dump", f"--exclude-schema={SEEDS}", ours.url("admin", TEMPLATE)]
        made = subprocess.run(dump, check=True, stdout=subprocess.PIPE).stdout
    fill = [binaries() / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", server.url("admin", name)]
    subprocess.run(fill, check=True, input=made, stdout=subprocess.DEVNULL)


def keep_rows(admin: psycopg.Connection, schema: str) -> None:
    """Copy every row of the platform's tables into a schema of that name."""
    admin.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    for table in filled_tables(admin):
        admin.execute(
            sql.SQL("CREATE TABLE {} AS SELECT {} FROM {}").format(
                sql.Identifier(schema, table), stored_columns(admin, table), sql.Identifier("public", table)
            )
        )


def filled_tables(admin: psycopg.Connection, schema: str = "public") -> list[str]:
    """The tables that have rows; a partitioned one stands for its partitions."""
    tables = admin.execute(
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'p') "
        "AND NOT c.relispartition ORDER BY c.relname",
        [schema],
    ).fetchall()
    if not tables:
        return []
    probe = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(sql.Literal(name), sql.Identifier(schema, name))
        for (name,) in tables
    )
    return [name for (name,) in admin.execute(probe).fetchall()]


def stored_columns(admin: psycopg.Connection, table: str) -> sql.Composed:
    """Every column of a table that isn't computed by the database."""
    columns = admin.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = format('public.%%I', %s::text)::regclass AND attnum > 0 "
        "AND NOT attisdropped AND attgenerated = ''",
        [table],
    ).fetchall()
    return sql.SQL(", ").join(sql.Identifier(name) for (name,) in columns)


class Eraser:
    """Empties the database after a test that committed, and sows it again as `migrate` had left it."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.connection.execute("SET session_replication_role = replica")
        self.connection.execute("SET lock_timeout = '20s'")
        self.turns = 0
        self.sowing: dict[str, sql.Composed] = {}

    def keep(self, schema: str) -> None:
        """Copy every row that is there into a schema of that name, for `erase` to sow."""
        keep_rows(self.connection, schema)

    def erase(self, sow: str = SEEDS) -> None:
        """Delete every row: in a tenth of the time of TRUNCATE, which makes all files anew and comes now and then."""
        self.turns += 1
        filled = [sql.Identifier("public", name) for name in filled_tables(self.connection)]
        with self.connection.transaction():
            if self.turns % TURNS_TO_TRUNCATE == 0:
                self.connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(filled)))
            else:
                self.connection.execute(sql.SQL("; ").join(sql.SQL("DELETE FROM {}").format(table) for table in filled))
            self.connection.execute(self.sown(sow))

    def sown(self, schema: str) -> sql.Composed:
        """The statements that put back what a schema keeps."""
        if schema not in self.sowing:
            self.sowing[schema] = sql.SQL("; ").join(
                sql.SQL("INSERT INTO {} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {}").format(
                    sql.Identifier("public", table),
                    sql.Identifier(schema, table),
                    columns=stored_columns(self.connection, table),
                )
                for table in filled_tables(self.connection, schema)
            )
        return self.sowing[schema]

    def close(self) -> None:
        self.connection.close()


def drop(admin: psycopg.Connection, name: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def point_at(server: Postgres, name: str) -> None:
    """Lend both aliases the database's address; each keeps its own role."""
    facts = server.remembered()
    for alias, role, user in (("default", "app", provision.APP), ("owner", "owner", provision.OWNER)):
        address = {"HOST": "127.0.0.1", "PORT": facts["port"], "NAME": name, "USER": user, "PASSWORD": facts[role]}
        settings.DATABASES[alias].update(address)
        connections[alias].close()
        connections[alias].settings_dict.update(address)


def close_connections() -> None:
    connections.close_all()
    for alias in connections:
        connection = connections[alias]
        if isinstance(connection, DatabaseWrapper):
            connection.close_pool()


def digests() -> tuple[str, str]:
    """Fingerprints of the migrations alone, and of all code but tests."""
    migrations, code = hashlib.sha256(), hashlib.sha256()
    for folder in sorted({*settings.ROOMS, "config"}):
        for path in sorted([*(PROJECT / folder).rglob("*.py"), *(PROJECT / folder).rglob("*.sql")]):
            if "tests" in path.relative_to(PROJECT).parts:
                continue
            content = str(path.relative_to(PROJECT)).encode() + path.read_bytes()
            code.update(content)
            if path.parent.name == "migrations":
                migrations.update(content)
    migrations.update(Path(PROJECT / "requirements/base.txt").read_bytes())
    return migrations.hexdigest(), code.hexdigest()


def worker_name() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "alone")
