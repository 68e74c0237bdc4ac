"""manage.py open_ledger --on DATE"""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.commands import command
from core.errors import DomainError
from ledger import days


class Command(BaseCommand):
    help = "Open the first business day of the ledger; every later day opens when the one before is closed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--on", required=True, type=date.fromisoformat, metavar="DATE", help="e.g. 2026-11-01")

    def handle(self, *args: Any, on: date, **options: Any) -> None:
        try:
            command(days.open_ledger)(on)
        except DomainError as refusal:
            raise CommandError(refusal.detail) from refusal
        self.stdout.write(f"The ledger is open: {on} is the first business day.")
