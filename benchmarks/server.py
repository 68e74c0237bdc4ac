"""The server that is measured: an embedded PostgreSQL with everything durable, and databases made anew for each group.

The environment is set before Django is: workers and web servers that a group starts then use the same database.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from config.embedded.places import place
from config.embedded.postgres import Postgres
from config.embedded.valkey import Valkey

TEMPLATE, DATABASE = "bench_template", "bench"
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


@dataclass(frozen=True, slots=True)
class Bench:
    """The running servers."""

    postgres: Postgres
    valkey: Valkey

    @contextmanager
    def admin(self, database: str = DATABASE) -> Iterator[psycopg.Connection]:
        """The server's administrator, past all triggers: bulk data come in through it, and limits are run by it."""
        with psycopg.connect(self.postgres.url("admin", database), autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            yield connection

    def renew(self) -> None:
        """Put a freshly migrated database in the place of the one that was measured last."""
        from tests.database import close_connections, drop

        close_connections()
        with psycopg.connect(self.postgres.url("admin", "postgres"), autocommit=True) as connection:
            drop(connection, DATABASE)
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER fiducia_owner").format(
                    sql.Identifier(DATABASE), sql.Identifier(TEMPLATE)
                )
            )


@contextmanager
def running() -> Iterator[Bench]:
    """Start both servers, migrate a template, and set Django up on a copy of it."""
    with ExitStack() as stack:
        postgres = stack.enter_context(Postgres(place("bench-postgres"), durable=True).in_use())
        valkey = stack.enter_context(Valkey(place("bench-valkey")).in_use())
        bench = Bench(postgres, valkey)
        require_durable(bench)
        point_environment_at(bench, TEMPLATE)
        make_template(bench)
        point_environment_at(bench, DATABASE)
        point_django_at(DATABASE)
        bench.renew()
        try:
            yield bench
        finally:
            from tests.database import close_connections

            close_connections()


def make_template(bench: Bench) -> None:
    from tests.database import close_connections, drop

    with psycopg.connect(bench.postgres.url("admin", "postgres"), autocommit=True) as connection:
        for name in (DATABASE, TEMPLATE):
            drop(connection, name)
    bench.postgres.provision(TEMPLATE)
    import django

    django.setup()
    from django.core.management import call_command

    from ledger.management.commands import migrate

    call_command(migrate.Command(), verbosity=0, interactive=False)
    close_connections()


def point_environment_at(bench: Bench, database: str) -> None:
    os.environ.update(
        DJANGO_SETTINGS_MODULE="config.settings",
        FIDUCIA_MODE="development",
        LOG_LEVEL="WARNING",
        DATABASE_URL=bench.postgres.url("app", database),
        OWNER_DATABASE_URL=bench.postgres.url("owner", database),
        REDIS_URL=bench.valkey.url(),
    )


def point_django_at(database: str) -> None:
    from django.conf import settings
    from django.db import connections

    for alias in settings.DATABASES:
        settings.DATABASES[alias]["NAME"] = database
        connections[alias].settings_dict["NAME"] = database


def require_durable(bench: Bench) -> None:
    """A figure from a server that may lose what it committed would be a false one."""
    with bench.admin("postgres") as connection:
        for name in DURABLE:
            row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
            if row != ("on",):
                raise SystemExit(f"fiducia: {name} is {row}; the benchmark measures a durable server only")
