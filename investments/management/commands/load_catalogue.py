"""manage.py load_catalogue --by OFFICER [--dry-run]"""

from __future__ import annotations

from argparse import ArgumentParser
from io import StringIO
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from accounts import identifiers
from accounts.models import User
from core.errors import DomainError
from investments.services import catalogue, versions
from ledger.amounts import percent, show
from oversight.encryption import blind_index


class Command(BaseCommand):
    help = (
        "Load the reference catalogue. Each product that is new or changed becomes a draft, and its activation is "
        "asked for; other officers approve it in the console. Run it again at any time: what is there stays."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--by", required=True, metavar="OFFICER", help="e-mail address or phone of who asks")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            loaded = self._load(_officer(options["by"]), dry_run=options["dry_run"])
        except DomainError as refused:
            raise CommandError(f"{refused.code}: {refused.detail}") from refused
        self._show(loaded, dry_run=options["dry_run"])

    def _load(self, officer: User, *, dry_run: bool) -> list[catalogue.Loaded]:
        entries, now = catalogue.read(), timezone.now()
        if not dry_run:
            return catalogue.load_catalogue(entries, by=officer, now=now)
        with transaction.atomic(durable=True):
            loaded = catalogue.load_catalogue.inside(entries, by=officer, now=now)
            transaction.set_rollback(True)
        return loaded

    def _show(self, loaded: list[catalogue.Loaded], *, dry_run: bool) -> None:
        table = Table(title="Catalogue" + (" (dry run: nothing was written)" if dry_run else ""))
        for heading in ("product", "version", "rate", "a year", "minimum", "outcome"):
            table.add_column(heading)
        for each in loaded:
            version = each.version
            table.add_row(
                version.product.display_name,
                str(version.number),
                versions.rate(version),
                percent(version.yearly_equivalent) + (" above the ceiling" if each.above_ceiling else ""),
                show(version.minimum, version.product.currency),
                each.outcome,
            )
        drawn = StringIO()
        Console(file=drawn, width=120).print(table)
        self.stdout.write(drawn.getvalue())
        asked = sum(each.outcome != "unchanged" for each in loaded)
        self.stdout.write(f"{asked} asked for, {len(loaded) - asked} unchanged")


def _officer(address: str) -> User:
    try:
        index = blind_index(identifiers.normalise(address))
    except identifiers.InvalidIdentifier as refused:
        raise CommandError(f"--by takes an e-mail address or a phone number: {refused}") from refused
    officer = User.objects.officers().with_index(index).first()
    if officer is None:
        raise CommandError("No officer is known by that address.")
    return officer
