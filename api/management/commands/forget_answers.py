"""manage.py forget_answers"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from api import idempotency


class Command(BaseCommand):
    help = "Delete the answers kept for idempotent requests that are older than 24 hours. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        forgotten = idempotency.forget_answers(now=timezone.now())
        self.stdout.write(f"{forgotten} kept answer{'' if forgotten == 1 else 's'} forgotten")
