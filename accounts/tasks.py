"""What the worker does for accounts."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from accounts import lockout, mails
from accounts.sending import Sending, SendingCode
from accounts.services import addresses, codes, nonces, passkeys, passwords, pins, resets, verification

send_mail = mails.send


@shared_task(name="accounts.tasks.reset_password", base=Sending)
def reset_password(index: str) -> None:
    """Mail a reset link to whoever has this blind index (hex), if anybody."""
    resets.send_link(bytes.fromhex(index), now=timezone.now())


@shared_task(name="accounts.tasks.send_code", base=SendingCode)
def send_code(code_id: str) -> None:
    """Send a code that was asked for."""
    codes.send(UUID(code_id), now=timezone.now())


@shared_task(name="accounts.tasks.tell_old_address", base=Sending)
def tell_old_address(code_id: str) -> None:
    """Tell a change at the address that was left."""
    addresses.tell_old(UUID(code_id))


@shared_task(name="accounts.tasks.forget_old")
def forget_old() -> None:
    """Delete what lapsed long ago: attempts, reset links, codes, PIN tokens, nonces, challenges; twice does no harm."""
    now = timezone.now()
    lockout.forget_old(now=now)
    passwords.forget_old_resets(now=now)
    verification.forget_old_codes(now=now)
    pins.forget_old_tokens(now=now)
    nonces.forget_old(now=now)
    passkeys.forget_old(now=now)
