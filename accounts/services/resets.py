"""Reset links by mail, as the worker sends them."""

from __future__ import annotations

from datetime import datetime

from accounts.models import PasswordResetToken, User
from accounts.services import passwords
from core.commands import command


def send_link(index: bytes, *, now: datetime) -> None:
    """Mail a reset link to whoever has this identifier's index; one that couldn't be mailed isn't counted.

    Raises MailFailed, MailRefused.
    """
    try:
        passwords.request_reset(index, now=now)
    except Exception:
        withdraw(index, opened_at=now)
        raise


@command
def withdraw(index: bytes, *, opened_at: datetime) -> None:
    """Take back the link that was opened at this moment."""
    for person in User.objects.present().with_index(index):
        PasswordResetToken.objects.filter(user=person, used_at=None, created_at=opened_at).delete()
