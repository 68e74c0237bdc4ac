"""`python -m benchmarks [--size small|full] [--only WORD]`: measure, print one table, write results/latest.json."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure
from benchmarks.server import running

GROUPS = ("posting", "day", "workers", "year", "history", "verify", "web", "offers")
RESULTS = Path(__file__).parent / "results" / "latest.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--size", choices=("small", "full"), default="small")
    parser.add_argument("--only", choices=GROUPS, action="append", help="measure this group alone; may be repeated")
    asked = parser.parse_args()
    console = Console(stderr=True, highlight=False)
    figures: list[Figure] = []
    began = time.monotonic()
    with running() as bench:
        for group in asked.only or GROUPS:
            group_began = time.monotonic()
            with console.status(f"measuring {group} …"):
                case = importlib.import_module(f"benchmarks.cases.{group}")
                for figure in case.measure(bench, asked.size):
                    figures.append(figure)
                    console.print(f"  {figure.name}: {figure.ratio:.2f}", style="red" if figure.missed else "green")
            console.print(f"  {group} took {time.monotonic() - group_began:.0f} s", style="dim")
    Console(highlight=False).print(table(figures))
    console.print(f"{time.monotonic() - began:.0f} s on the embedded server, everything durable")
    if not asked.only:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps([figure.as_json() for figure in figures], indent=1) + "\n")
    return 1 if any(figure.missed for figure in figures) else 0


def table(figures: list[Figure]) -> Table:
    shown = Table("Figure", "Value", "Limit", "Ratio", "Must be", "", "Beside it")
    for column in shown.columns[1:5]:
        column.justify = "right"
    for one in figures:
        shown.add_row(
            one.name,
            f"{one.value:,.4g} {one.unit}",
            "" if one.limit is None else f"{one.limit:,.4g}",
            f"{one.ratio:.2f}",
            f"{'≤' if one.at_most else '≥'} {one.target:g}",
            "FAILED" if one.missed else "ok" if one.ok else "full only",
            one.beside,
            style="red" if one.missed else "",
        )
    return shown


if __name__ == "__main__":
    sys.exit(main())
