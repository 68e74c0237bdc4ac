"""Bring the demo's database up to date and play the demo: `python -m config.prepare`, under the supervisor."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import django
import psycopg
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from psycopg import sql
from rich.console import Console

from config import embedded
from config.embedded.places import own_place
from ledger.management.commands import migrate

PLAYING, PLAYED = "playing", "played"
console = Console(highlight=False, soft_wrap=True)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    mark = own_place() / "demo-state"
    state = mark.read_text() if mark.exists() else ""
    begin_anew = state == PLAYING
    if begin_anew:
        console.print("  An earlier run was interrupted while it played the demo: beginning anew.")
        drop_database()
    embedded.demo_postgres().provision(embedded.DATABASE)
    django.setup()
    step("Migrating the database", lambda: call_command(migrate.Command(), verbosity=0, interactive=False))
    if os.environ.get("FIDUCIA_EMPTY"):
        console.print("  FIDUCIA_EMPTY is set: no demo is played.")
    elif state != PLAYED:
        mark.write_text(PLAYING)
        call_command("play_demo")
        mark.write_text(PLAYED)


def step(title: str, work: Callable[[], object]) -> None:
    """Do the work and say so."""
    with console.status(f"{title} …"):
        work()
    console.print(f"  {title}: done")


def drop_database() -> None:
    """Remove what a demo that was never finished had written."""
    with psycopg.connect(embedded.demo_postgres().url("admin", "postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(embedded.DATABASE)))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except CommandError as error:
        sys.exit(f"fiducia: {error}")
    except DatabaseError as error:
        first = str(error).strip().splitlines()[0]
        sys.exit(f"fiducia: the data of an earlier version don't fit ({first}); make demo-reset begins anew")
