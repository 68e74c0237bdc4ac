"""What the commands that run a day's returns share: the day, the dry run, the bar, the exit codes."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from core.errors import DomainError
from investments import slices
from ledger import days

INCOMPLETE = 3


class DayCommand(BaseCommand):
    """A command over one business day, by default the open one."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--on", type=date.fromisoformat, metavar="DATE", help="the day; by default the open one")
        parser.add_argument("--workers", action="store_true", help="hand the slices to the Celery workers")
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="do all of it in one transaction and roll that back; until then postings wait",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.console = Console(file=sys.stdout)
        now = timezone.now()
        try:
            day = options["on"] or days.open_day()
            if options["dry_run"]:
                self._run_dry(day, now)
            else:
                self.finish(
                    self.run(day, now=now, workers=slices.Workers(now) if options["workers"] else None, inside=False)
                )
        except DomainError as refused:
            raise CommandError(f"{refused.code}: {refused.detail}") from refused

    def _run_dry(self, day: date, now: datetime) -> None:
        self.console.print("Dry run: one transaction that is rolled back. Postings wait until it is over.")
        with transaction.atomic(durable=True):
            report = self.run(day, now=now, workers=None, inside=True)
            transaction.set_rollback(True)
        self.finish(report)
        self.console.print("Dry run: nothing was written.")

    def run(self, day: date, *, now: datetime, workers: slices.Workers | None, inside: bool) -> Any:
        """Do the work and return its report."""
        raise NotImplementedError

    def finish(self, report: Any) -> None:
        """Show the report."""
        raise NotImplementedError

    def leave_incomplete(self, problems: list[Any]) -> None:
        """Name what failed and end with the exit code of an incomplete run."""
        for problem in problems:
            subject = problem.position_id or "a slice"
            self.console.print(f"{problem.step} {problem.day}: {subject}: {problem.error}", style="red", markup=False)
        if problems:
            self.stdout.flush()
            sys.exit(INCOMPLETE)


@contextmanager
def bar(console: Console) -> Iterator[Callable[[str], slices.Progress]]:
    """Show slices as they are done; calling what this gives names a bar."""
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:

        def named(title: str) -> slices.Progress:
            task = progress.add_task(title, total=None)
            return lambda done, total: progress.update(task, completed=done, total=total)

        yield named
