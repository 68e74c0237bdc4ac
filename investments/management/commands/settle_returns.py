"""manage.py settle_returns [--on DATE] [--workers] [--dry-run]"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from rich.table import Table

from investments import settlement, slices
from investments.management.running import DayCommand, bar
from investments.settlement import SettlementReport
from ledger import amounts


class Command(DayCommand):
    help = (
        "Pay the returns that are due up to a day from the products' pools: the oldest unpaid day first, each whole or "
        "not at all. Run it again at any time: what is paid stays paid. A pool that is short is no failure; its "
        "product waits. Exits with 0 when all is done, 1 when it is refused, 3 when a slice failed."
    )

    def run(self, day: date, *, now: datetime, workers: slices.Workers | None, inside: bool) -> SettlementReport:
        with bar(self.console) as named:
            return settlement.settle_day(day, now=now, workers=workers, inside=inside, watch=named)

    def finish(self, report: Any) -> None:
        table = Table(title=f"Settled up to {report.day}", show_edge=False)
        for heading in ("product", "due days paid", "positions", "amount", "currency", "short"):
            table.add_column(heading, justify="right" if heading in ("positions", "amount") else "left")
        for outcome in report.products:
            code = outcome.product.currency
            short = f"{amounts.number(outcome.owed, code)} for {outcome.short_on}" if outcome.short_on else ""
            table.add_row(
                outcome.product.display_name,
                ", ".join(day.isoformat() for day in outcome.days) or "none",
                f"{outcome.positions:,}",
                amounts.number(outcome.amount, code),
                code,
                short,
            )
        self.console.print(table)
        if report.closed:
            self.console.print(f"{report.closed:,} positions closed")
        self.leave_incomplete(report.problems)
