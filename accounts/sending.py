"""Tasks that send: which errors of a mail server may pass, how they are tried again, who hears that they don't pass."""

from __future__ import annotations

import smtplib
from datetime import datetime
from typing import Any, Final

from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRecipientsRefused
from celery import Task
from django.utils import timezone

from accounts.sms import SmsFailed
from core.commands import command
from oversight import alerts

PERMANENT_SMTP = range(500, 600)
REFUSING_STATUSES = frozenset({400, 413, 422})
"""What a provider's API answers when this one message is wrong; other refusals are about our account with it."""
FAILS: Final = "accounts.messages_fail"


class MailFailed(Exception):
    """The mail can't be sent now; it may be later. The text holds no address."""


class MailRefused(Exception):
    """The server doesn't take this mail; trying again would change nothing. The text holds no address."""


def judged(error: Exception) -> Exception:
    """Tell a refusal of this mail from a failure that may pass; what is neither is a bug, and stays what it is."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = {code for code, _ in error.recipients.values()}
        final = all(code in PERMANENT_SMTP for code in codes)
        return (MailRefused if final else MailFailed)(f"the mail server refused the recipient: {sorted(codes)}")
    if isinstance(error, smtplib.SMTPDataError):
        final = error.smtp_code in PERMANENT_SMTP
        return (MailRefused if final else MailFailed)(f"the mail server refused the mail: {error.smtp_code}")
    if isinstance(error, AnymailRecipientsRefused):
        return MailRefused("the mail provider refused the recipient")
    if isinstance(error, AnymailAPIError):
        final = error.status_code in REFUSING_STATUSES
        return (MailRefused if final else MailFailed)(f"the mail provider answered {error.status_code or 'nothing'}")
    if isinstance(error, (smtplib.SMTPException, AnymailError, OSError)):
        return MailFailed(f"the mail server can't be reached: {type(error).__name__}")
    return error


class Sending(Task):
    """A task that sends: tried again after 5 seconds, then each time twice as late; given up, officers are told."""

    autoretry_for = (MailFailed, SmsFailed)
    retry_backoff = 5
    retry_jitter = False
    max_retries = 9  # Half an hour: a server that makes strangers come back later wants five minutes or more.

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        if isinstance(exc, self.autoretry_for):
            tell_given_up(exc, now=timezone.now())


@command
def tell_given_up(failure: Exception, *, now: datetime) -> None:
    """Tell officers that a mail or SMS of accounts was given up: it isn't this one message that is wrong."""
    channel = "SMS" if isinstance(failure, SmsFailed) else "mail"
    title = f"A {channel} with a code or link, or to an address that was left, can't be sent"
    alerts.raise_alert(FAILS, dedupe=channel, title=title, detail=f"The newest was given up: {failure}.", at=now)
