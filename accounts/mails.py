"""The mails of accounts that carry a secret, answer a request, or go to an address that was left.

Plain text, written by the worker after the commit; no inbox keeps them. What else people hear is `signals.person_told`.
"""

from __future__ import annotations

import functools
from datetime import datetime
from typing import Any
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from accounts import rules, sending, sms, words
from accounts.models import SmsCount, User

SIGN_UP_ATTEMPTED = "sign_up_attempted"


def queue(kind: str, user: User) -> None:
    """Have the worker write this mail once the transaction has committed; a broker that is down is logged."""
    transaction.on_commit(functools.partial(send.delay, kind, str(user.pk)), robust=True)


@shared_task(name="accounts.mails.send", base=sending.Sending, bind=True)
def send(task: Any, kind: str, user_id: str) -> None:
    """Write one mail to a person who has an address; sending it twice does no harm."""
    user = User.objects.filter(pk=UUID(user_id)).first()
    if user is None:
        return
    if kind == SIGN_UP_ATTEMPTED and not task.request.retries and not _is_news(user, now=timezone.now()):
        return
    deliver(kind, user)


def _is_news(user: User, *, now: datetime) -> bool:
    """Count an attempt, whoever makes it: whoever signs up with an address again and again fills no mailbox."""
    return SmsCount.objects.spend(f"sign-ups:{user.pk}", most=rules.SIGN_UPS_TOLD_A_DAY, now=now)


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
