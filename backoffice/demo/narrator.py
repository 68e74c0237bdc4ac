"""How the demo is told on a terminal, and what it leaves for whoever visits it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from accounts.models import Totp
from accounts.services import people
from backoffice import amounts
from backoffice.demo import cast
from backoffice.demo.story import DAYS
from backoffice.terminal import bars
from investments.models import Position
from ledger.models import Transaction
from oversight.models import ApprovalRequest
from treasury.models import Coverage


class Narrator:
    """Shows a bar over the days, and the events worth a line."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(quiet=quiet)
        self.progress = bars(self.console)
        self.task = self.progress.add_task("The demo's story", total=DAYS)

    def __enter__(self) -> Narrator:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def day(self, number: int, day: date) -> None:
        self.progress.update(self.task, completed=number - 1, description=f"Day {number}, {day:%d %b %Y}")
        self.today = day

    def tell(self, what: str) -> None:
        self.console.print(f"  [dim]{self.today:%d %b}[/dim]  {what}")

    def verifying(self, name: str) -> None:
        self.progress.update(self.task, completed=DAYS, description=f"verify_ledger: {name}")

    def summarise(self) -> None:
        """Print what there is now."""
        self.progress.stop()
        table = Table(title="What the story left", show_header=False)
        table.add_row("Investors", f"{cast.INVESTORS}")
        table.add_row("Positions", f"{Position.objects.count():,}")
        table.add_row("Transactions", f"{Transaction.objects.count():,}")
        table.add_row("Decisions of two", f"{ApprovalRequest.objects.count():,}")
        newest = Coverage.objects.order_by("-day_id").values("day_id")[:1]
        for row in Coverage.objects.filter(day_id__in=newest).order_by("currency_id"):
            table.add_row(f"Coverage {row.currency_id}", amounts.percent(row.ratio))
        self.console.print(table)

    def show_log_ins(self) -> None:
        table = Table(title="Log-ins of the demo")
        for heading in ("Who", "E-mail", "Password"):
            table.add_column(heading)
        for each in cast.SHOWN:
            table.add_row(each.title, each.email, each.password)
        self.console.print(table)


def leave_log_ins(path: Path) -> None:
    """Write the log-ins where the demo's supervisor finds them at every start."""
    shown = [
        {"title": each.title, "email": each.email, "password": each.password, "totp": _secret(each)}
        for each in cast.SHOWN
    ]
    path.write_text(json.dumps(shown, indent=1))


def _secret(each: cast.LogIn) -> str:
    """The secret of somebody's authenticator app, empty for who has none."""
    person = people.find(each.email)
    app = Totp.objects.filter(user=person).first()
    return app.secret if app else ""
