"""What the worker does for accounts."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from accounts import mails, services

send_mail = mails.send


@shared_task(name="accounts.tasks.reset_password")
def reset_password(index: str) -> None:
    """Mail a reset link to whoever has this blind index (hex), if anybody."""
    services.request_reset(bytes.fromhex(index), now=timezone.now())
