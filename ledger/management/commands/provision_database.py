"""Make the database and its two login roles on a server of one's own."""

from __future__ import annotations

import os
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger import provision


class Command(BaseCommand):
    help = (
        "Create the two login roles and the database that DATABASE_URL and OWNER_DATABASE_URL name, or set the roles' "
        "passwords to those named there. Needs the address of a role that may do so: --admin-url, or "
        "ADMIN_DATABASE_URL. Safe to repeat; run `migrate` afterwards."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--admin-url", default=os.environ.get("ADMIN_DATABASE_URL", ""), help="postgresql://…")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["admin_url"]:
            raise CommandError("Name a role that may create others: --admin-url, or ADMIN_DATABASE_URL.")
        app, owner = settings.DATABASES["default"], settings.DATABASES["owner"]
        if (app["USER"], owner["USER"]) != (provision.APP, provision.OWNER):
            raise CommandError(
                f"DATABASE_URL must log in as {provision.APP}, OWNER_DATABASE_URL as {provision.OWNER}; "
                f"they say {app['USER']} and {owner['USER']}."
            )
        try:
            with psycopg.connect(options["admin_url"], autocommit=True) as connection:
                provision.make_roles(connection, owner_password=owner["PASSWORD"], app_password=app["PASSWORD"])
                provision.make_database(connection, owner["NAME"])
        except psycopg.Error as error:
            raise CommandError(f"The server refused: {error}") from error
        self.stdout.write(f"{owner['NAME']} is there; {provision.OWNER} owns it, {provision.APP} may log in.")
