"""`migrate` as the owner of the tables; afterwards the application's role gets its rights."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands import migrate
from django.db import connections

from ledger.provision import grant_rights

OWNER_ALIAS = "owner"


class Command(migrate.Command):
    """Migrate through the alias `owner` unless told otherwise."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database=OWNER_ALIAS)

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if options["database"] == OWNER_ALIAS and not (options["plan"] or options["check_unapplied"]):
            grant_rights(connections[OWNER_ALIAS])
