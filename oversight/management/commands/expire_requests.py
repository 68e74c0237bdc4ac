"""manage.py expire_requests"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from oversight import services
from oversight.console import held_files


class Command(BaseCommand):
    help = (
        "Expire the four-eyes requests whose time is over, and drop attachments that nobody confirmed. "
        "Safe to run at any moment, as often as wanted."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        expired = services.expire_requests(now=now)
        held_files.purge(now=now)
        self.stdout.write(f"{expired} request{'' if expired == 1 else 's'} expired")
