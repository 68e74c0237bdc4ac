"""The mails of accounts: plain text, written from templates by the worker, after the commit."""

from __future__ import annotations

import functools
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from celery import shared_task
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string

from accounts import sms
from accounts.models import User

SUBJECTS = {
    "welcome": "Welcome to Fiducia",
    "sign_up_attempted": "Somebody tried to sign up with your address",
    "password_changed": "Your password was changed",
    "reset": "Set a new password",
    "new_device": "A log-in from a new device",
    "verify_email": "Is this address yours?",
    "pin_set": "Your PIN was set",
    "factor_changed": "Your second factor was changed",
    "recovery_code_used": "A recovery code was used",
    "address_changed": "Your address or number was changed",
    "pin_code": "A code to set a new PIN",
    "data_exported": "Everything we hold about you was handed out",
}

MUST_BE_HEARD = frozenset(
    {
        "password_changed",
        "pin_set",
        "new_device",
        "address_changed",
        "factor_changed",
        "recovery_code_used",
        "data_exported",
    }
)


def queue(kind: str, user: User, *, session_id: UUID | None = None) -> None:
    """Have the worker write this mail once the transaction has committed; a broker that is down is logged.

    A mail about a log-in names its session, so that no address goes through the broker.
    """
    about = [] if session_id is None else [str(session_id)]
    transaction.on_commit(functools.partial(send.delay, kind, str(user.pk), *about), robust=True)


@shared_task(name="accounts.mails.send", **sms.AGAIN)
def send(kind: str, user_id: str, session_id: str | None = None) -> None:
    """Write one mail to a person who has an address; sending it twice does no harm."""
    user = User.objects.filter(pk=UUID(user_id)).first()
    if user is None:
        return
    if session_id is None:
        deliver(kind, user)
    else:
        deliver(kind, user, session=user.sessions.get(pk=UUID(session_id)), zone=ZoneInfo(user.time_zone))


def deliver(kind: str, user: User, *, to: str = "", **facts: Any) -> None:
    """Send the mail at once, outside any transaction, to the person's address or another of theirs.

    What everybody must hear of goes by SMS to those without an address. Raises SmsFailed, SmsRefused.
    """
    to = to or user.email
    if not to:
        if kind in MUST_BE_HEARD and user.phone:
            sms.send(user.phone, f"Fiducia: {SUBJECTS[kind]}. If it wasn't you, write to support at once.")
        return
    body = render_to_string(f"accounts/mail/{kind}.txt", {"user": user, **facts})
    send_mail(SUBJECTS[kind], body, settings.DEFAULT_FROM_EMAIL, [to])
