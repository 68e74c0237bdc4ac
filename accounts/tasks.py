"""What the worker does for accounts."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from accounts import lockout, mails, services
from accounts.services import passwords

send_mail = mails.send


@shared_task(name="accounts.tasks.reset_password")
def reset_password(index: str) -> None:
    """Mail a reset link to whoever has this blind index (hex), if anybody."""
    services.request_reset(bytes.fromhex(index), now=timezone.now())


@shared_task(name="accounts.tasks.forget_old")
def forget_old() -> None:
    """Delete what lapsed long ago: counted attempts and reset links; running it twice does no harm."""
    now = timezone.now()
    lockout.forget_old(now=now)
    passwords.forget_old_resets(now=now)
