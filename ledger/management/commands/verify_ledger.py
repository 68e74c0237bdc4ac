"""manage.py verify_ledger [--against FILE]"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ledger import verify


class Command(BaseCommand):
    help = (
        "Recompute every balance, snapshot, fund, rule, fingerprint and seal from the rows. Exits with 1 and names "
        "each break if anything isn't as it must be, with 0 if all is well."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--against",
            type=Path,
            metavar="FILE",
            help="published seals as JSON ({day: hex}, or a saved /transparency/coverage): finds a recomputed chain",
        )

    def handle(self, *args: Any, against: Path | None, **options: Any) -> None:
        if against is not None:
            _require_readable(against)
        console = Console(file=sys.stdout)
        breaks = self._run(console, against)
        table = Table(title="Ledger", show_edge=False)
        table.add_column("check")
        table.add_column("result")
        for name in verify.checks(against):
            found = [broken for broken in breaks if broken.check == name]
            table.add_row(name, "[green]ok[/green]" if not found else f"[red]{len(found)} broken[/red]")
        console.print(table)
        for broken in breaks:
            console.print(f"{broken.check}: {broken.what}", style="red", markup=False, soft_wrap=True)
        if breaks:
            sys.exit(1)

    def _run(self, console: Console, against: Path | None) -> list[verify.Break]:
        columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            days = progress.add_task("days", total=None)
            checks = progress.add_task("checks", total=len(verify.checks(against)))
            return verify.run(
                against=against,
                on_check=lambda name: progress.update(checks, description=name, advance=1),
                on_day=lambda day, of: progress.update(days, description=day, total=of, advance=1),
            )


def _require_readable(path: Path) -> None:
    try:
        json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} can't be read as JSON: {error}") from error
