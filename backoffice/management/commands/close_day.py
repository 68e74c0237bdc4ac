"""`manage.py close_day`: close what is over."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from backoffice import end_of_day
from backoffice.models import EndOfDayRun
from backoffice.terminal import Terminal
from core.errors import DomainError

DONE, INCOMPLETE, REFUSED = 0, 1, 2


class Command(BaseCommand):
    help = (
        "Close every business day that is over in the platform's time zone, one by one: accrue, settle, mature, pay "
        "exits, open the next day, compute coverage, seal. Safe to repeat and to run twice at once. Exit codes: "
        "0 all closed, 1 incomplete (see the end-of-day runs in the console), 2 refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--until", type=date.fromisoformat, metavar="DATE", help="last day to close: 2026-11-20")
        parser.add_argument("--workers", action="store_true", help="hand slices to the Celery workers as well")

    def handle(self, *args: Any, until: date | None, workers: bool, **options: Any) -> None:
        with Terminal(quiet=options["verbosity"] == 0) as terminal:
            try:
                closing = end_of_day.close_days(now=timezone.now(), until=until, workers=workers, watch=terminal)
            except DomainError as refusal:
                terminal.refuse(refusal)
                sys.exit(REFUSED)
            terminal.summarise(
                list(EndOfDayRun.objects.filter(pk__in=[run.pk for run in closing.runs]).order_by("day"))
            )
        sys.exit(DONE if closing.is_complete else INCOMPLETE)
