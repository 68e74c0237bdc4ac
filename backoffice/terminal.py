"""A close as a terminal shows it: a bar for the days and the slices, a table of what was done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from backoffice.models import EndOfDayRun
from backoffice.watching import Figures
from core.errors import DomainError


def bars(console: Console) -> Progress:
    """Make the bars that show how far something is; they leave the screen when it is done."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


class Terminal:
    """Watches a close and shows it."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(quiet=quiet)
        self.progress = bars(self.console)
        self.days: TaskID = self.progress.add_task("Days", total=None, visible=False)
        self.inside: TaskID = self.progress.add_task("", total=None, visible=False)
        self.begun = 0

    def __enter__(self) -> Terminal:
        self.progress.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.progress.stop()

    def waiting(self) -> None:
        self.console.print("Another process is closing; this one waits for it.")

    def day(self, day: date, *, left: int) -> None:
        self.progress.update(
            self.days, description=f"Closing {day}", total=self.begun + left + 1, completed=self.begun, visible=True
        )
        self.begun += 1

    def step(self, title: str, *, skipped: bool = False) -> None:
        suffix = " (done before)" if skipped else ""
        self.progress.reset(self.inside, description=f"  {title}{suffix}", total=None, visible=True)

    def slices(self, total: int, done: int) -> None:
        self.progress.update(self.inside, total=total, completed=done)

    def done(self, title: str, figures: Figures, *, milliseconds: int) -> None:
        self.progress.update(self.inside, total=1, completed=1)

    def failed(self, title: str, error: BaseException) -> None:
        self.console.print(f"[red]{escape(title)} failed:[/red] {escape(str(error))}")

    def refuse(self, refusal: DomainError) -> None:
        """Say why nothing was closed."""
        self.console.print(f"[red]Refused:[/red] {escape(refusal.detail)}")

    def summarise(self, runs: Sequence[EndOfDayRun]) -> None:
        """Print a line a day, and every open problem."""
        self.progress.update(self.days, completed=len(runs))
        self.progress.stop()
        if not runs:
            self.console.print("Nothing to close: no day that is over is open.")
            return
        table = Table(title="Closed days")
        for heading in ("Day", "Status", "What was done", "Seconds", "Problems"):
            table.add_column(heading, justify="right" if heading in ("Seconds", "Problems") else "left")
        for run in runs:
            steps = list(run.steps.all())
            figures = ", ".join(f"{label} {value}" for step in steps for label, value in step.figures)
            colour = "green" if run.status == EndOfDayRun.Status.DONE else "red"
            table.add_row(
                run.day.isoformat(),
                f"[{colour}]{run.get_status_display()}[/{colour}]",
                escape(figures),
                f"{sum(step.milliseconds for step in steps) / 1000:.2f}",
                str(run.problems.open().count()),
            )
        self.console.print(table)
        for run in runs:
            for problem in run.problems.open():
                self.console.print(f"[red]{run.day} {escape(str(problem))}:[/red] {escape(problem.error)}")
