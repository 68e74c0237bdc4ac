"""What the worker does for every endpoint."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from api import idempotency


@shared_task(name="api.tasks.forget_answers")
def forget_answers() -> None:
    """Delete kept answers whose 24 hours are over; running it twice does no harm."""
    idempotency.forget_answers(now=timezone.now())
