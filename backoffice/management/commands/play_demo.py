"""`manage.py play_demo`: tell the demo's story into an empty platform."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from backoffice.demo import narrator
from backoffice.demo.story import DAYS, Story
from core.errors import DomainError
from ledger import days, verify
from ledger.models import BusinessDay


class Command(BaseCommand):
    help = (
        "Tell a story of 45 business days, ending yesterday, through the services that everybody uses: two hundred "
        "investors, all three catalogues, a pool that runs dry, a loss that is made good. Only into an empty platform, "
        "never in production. Ends with verify_ledger."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo's passwords are known to all: it isn't played in production.")
        with narrator.Narrator(quiet=options["verbosity"] == 0) as teller:
            if BusinessDay.objects.exists():
                teller.console.print("The ledger is open already, so there is nothing to play.")
                return
            logging.getLogger("django_structlog").setLevel(logging.WARNING)
            first = days.platform_today(timezone.now()) - timedelta(days=DAYS)
            try:
                Story(first, teller).play()
            except DomainError as broken:
                raise CommandError(f"{broken.code}: {broken.detail}") from broken
            if breaks := verify.run(on_check=teller.verifying):
                raise CommandError("verify_ledger: " + "; ".join(f"{each.check}: {each.what}" for each in breaks[:10]))
            if settings.DEMO_LOG_INS is not None:
                narrator.leave_log_ins(settings.DEMO_LOG_INS)
            teller.summarise()
            teller.show_log_ins()
