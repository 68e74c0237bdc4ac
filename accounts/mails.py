"""The mails of accounts that carry a secret, answer a request, or go to an address that was left.

Plain text, written by the worker after the commit; no inbox keeps them. What else people hear is `signals.person_told`.
"""

from __future__ import annotations

import functools
from typing import Any, Final
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.core.cache import cache
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string

from accounts import sending, sms, words
from accounts.models import User

ONCE_AN_HOUR: Final = frozenset({"sign_up_attempted"})


def queue(kind: str, user: User) -> None:
    """Have the worker write this mail once the transaction has committed; a broker that is down is logged."""
    transaction.on_commit(functools.partial(send.delay, kind, str(user.pk)), robust=True)


@shared_task(name="accounts.mails.send", base=sending.Sending)
def send(kind: str, user_id: str) -> None:
    """Write one mail to a person who has an address; sending it twice does no harm.

    What strangers can have sent as often as they like is sent once an hour.
    """
    user, told = User.objects.filter(pk=UUID(user_id)).first(), f"accounts:told:{kind}:{user_id}"
    if user is None or (kind in ONCE_AN_HOUR and cache.get(told)):
        return
    deliver(kind, user)
    if kind in ONCE_AN_HOUR:
        cache.set(told, 1, timeout=3600)


def deliver(kind: str, user: User, *, to: str = "", **facts: Any) -> None:
    """Send the mail at once, outside any transaction, to the person's address or another of theirs.

    Raises MailFailed, MailRefused, SmsFailed, SmsRefused.
    """
    to, language = to or user.email, words.language_of(user.language)
    if to:
        body = render_to_string(f"accounts/mail/{language}/{kind}.txt", {"user": user, **facts})
        try:
            send_mail(words.SUBJECTS[language][kind], body, settings.DEFAULT_FROM_EMAIL, [to])
        except Exception as error:
            raise sending.judged(error) from error
    elif kind == "account_deleted" and user.phone:  # Who was deleted has no inbox.
        sms.send(user.phone, words.DELETED[language])
