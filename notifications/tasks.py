"""What the worker does for notifications."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from notifications.services import keeping, sending

KICK_EXPIRES_SECONDS = 60
"""Beat asks each minute anyway: what the worker hadn't time for by then needn't be done twice."""


@shared_task(name="notifications.tasks.send_due")
def send_due() -> None:
    """Send what is due, unless that is done already; running it again sends nothing twice."""
    sending.send_in_turn(clock=timezone.now)


@shared_task(name="notifications.tasks.forget_old")
def forget_old() -> None:
    """Delete what nobody needs any more: old notifications and deliveries, counts, devices that logged out long ago."""
    keeping.forget_old(now=timezone.now())
