"""`python -m benchmarks.curves`: how the day and a statement grow, as the charts of docs/performance.md.

Prints a chart a measure: microseconds a position over positions, milliseconds for three pages over transfers.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from functools import partial

from benchmarks.figures import RUNS
from benchmarks.server import Bench, running

POSITIONS = (10_000, 30_000, 100_000, 300_000)
TRANSFERS = (100, 1_000, 10_000, 100_000, 1_000_000)

_CHART = """
```mermaid
xychart-beta
    title "{title}"
    x-axis "{across}" [{places}]
    y-axis "{up}" 0 --> {top}
    line [{values}]
```
"""


def main() -> int:
    with running() as bench:
        days = {count: _day(bench, count) for count in POSITIONS}
        for name, place in (("Accrual", 0), ("Settlement", 1)):
            values = {count: spent[place] / count * 1e6 for count, spent in days.items()}
            print(chart(f"{name} of a day", "positions", "µs a position", values))
        print(chart("Three pages of a statement", "transfers of the account", "ms", _statements(bench)))
    return 0


def chart(title: str, across: str, up: str, values: dict[int, float]) -> str:
    """Return a chart of values by count as Markdown shows it."""
    return _CHART.format(
        title=title,
        across=across,
        up=up,
        places=", ".join(f'"{count:,}"' for count in values),
        top=f"{max(values.values()) * 1.25:.3g}",
        values=", ".join(f"{value:.3g}" for value in values.values()),
    )


def _day(bench: Bench, positions: int) -> tuple[float, float]:
    from benchmarks.cases.day import Day

    platform = Day(bench, positions)
    platform.close()  # the first settlement finds nobody's row of the day before
    spent = [platform.close() for _ in range(RUNS)]
    return statistics.median(accrual for accrual, _ in spent), statistics.median(payment for _, payment in spent)


def _statements(bench: Bench) -> dict[int, float]:
    from benchmarks.cases import history

    bench.renew()
    books = history.History(bench)
    spent: dict[int, float] = {}
    booked = 0
    with bench.admin() as admin:
        for count in TRANSFERS:
            for _ in range(history.DAYS):
                books.book(admin, "long", (count - booked) // history.DAYS)
                books.close()
            booked = count
            admin.execute("VACUUM (ANALYZE)")
            read: Callable[[], None] = partial(books.read_statement, "long")
            spent[count] = history.median(read) * 1e3
    return spent


if __name__ == "__main__":
    sys.exit(main())
