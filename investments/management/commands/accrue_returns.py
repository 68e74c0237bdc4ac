"""manage.py accrue_returns [--on DATE] [--workers] [--dry-run]"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from rich.table import Table

from investments import accrual, slices
from investments.accrual import AccrualReport
from investments.management.running import DayCommand, bar
from investments.models import ProductAccrual


class Command(DayCommand):
    help = (
        "Accrue what every position earned on a day that is over. Run it again at any time: what is there stays, what "
        "is missing is added, what the terms would give otherwise now is reported. Exits with 0 when all is done, 1 "
        "when it is refused, 3 when positions failed alone."
    )

    def run(self, day: date, *, now: datetime, workers: slices.Workers | None, inside: bool) -> AccrualReport:
        with bar(self.console) as named:
            report = accrual.accrue_day(day, now=now, workers=workers, inside=inside, progress=named(f"accrue {day}"))
        self.table = _table(day)
        return report

    def finish(self, report: Any) -> None:
        self.console.print(self.table)
        self.console.print(f"{report.positions:,} positions accrued in {report.slices} slices")
        self._show_differences(report.differences)
        self.leave_incomplete(report.problems)

    def _show_differences(self, differences: Any) -> None:
        if differences is None or not differences.positions:
            return
        self.console.print(
            f"{differences.positions:,} positions would earn {differences.amount:+f} otherwise now. Nothing was "
            "changed. Once the day is closed an officer asks for the adjustment of each on the position's page: "
            "Bring a day to its terms (four eyes)."
        )
        for each in differences.shown:
            self.console.print(f"  {each.position_id}: {each.stands:f} stands, {each.expected:f} expected")


def _table(day: date) -> Table:
    table = Table(title=f"Accrued on {day}", show_edge=False)
    for heading in ("product", "positions", "amount", "currency"):
        table.add_column(heading, justify="right" if heading in ("positions", "amount") else "left")
    rows = ProductAccrual.objects.filter(day=day).values_list(
        "product__display_name", "product__currency", "positions", "amount"
    )
    sums: dict[tuple[str, str], list[Any]] = {}
    for name, currency, positions, amount in rows:
        of_product = sums.setdefault((name, currency), [0, 0])
        of_product[0] += positions
        of_product[1] += amount
    for (name, currency), (positions, amount) in sorted(sums.items()):
        table.add_row(name, f"{positions:,}", f"{amount:,.6f}", currency)
    return table
