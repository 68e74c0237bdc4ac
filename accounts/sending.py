"""Tasks that send: which errors of a mail server may pass, how they are tried again, who hears that they don't pass."""

from __future__ import annotations

import re
import smtplib
from datetime import datetime, timedelta
from typing import Any, Final

from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRecipientsRefused
from celery import Task
from django.utils import timezone

from accounts.providers import asked_wait
from accounts.sms import SmsFailed
from core.commands import command
from oversight import alerts

PERMANENT_SMTP = range(500, 600)
_ABOUT_US: Final = re.compile(r"\b5\.[3457]\.\d")
"""A server's system, route, protocol or policy: relaying is denied, or our name is on a list. Source: RFC 3463 §3."""
TOO_LARGE: Final = 413
FAILS: Final = "accounts.messages_fail"


class MailFailed(Exception):
    """The mail can't be sent now; it may be later, after what the provider asks for. The text holds no address."""

    def __init__(self, reason: str, *, wait: timedelta | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class MailRefused(Exception):
    """The server doesn't take this mail; trying again would change nothing. The text holds no address."""


def judged(error: Exception) -> Exception:
    """Tell a refusal of this mail from a failure that may pass; what is neither is a bug, and stays what it is."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        final = all(_is_final(code, said) for code, said in error.recipients.values())
        codes = sorted({code for code, _ in error.recipients.values()})
        return (MailRefused if final else MailFailed)(f"the mail server refused the recipient: {codes}")
    if isinstance(error, smtplib.SMTPDataError):
        final = _is_final(error.smtp_code, error.smtp_error)
        return (MailRefused if final else MailFailed)(f"the mail server refused the mail: {error.smtp_code}")
    if isinstance(error, AnymailRecipientsRefused):
        return MailRefused("the mail provider refused the recipient")
    if isinstance(error, AnymailAPIError):
        return _of_provider(error)
    if isinstance(error, (smtplib.SMTPException, AnymailError, OSError)):
        return MailFailed(f"the mail server can't be reached: {type(error).__name__}")
    return error


def _is_final(code: int, said: bytes | str) -> bool:
    """Answer whether a server refuses this mail or recipient for good, and not us."""
    text = said.decode("latin-1") if isinstance(said, bytes) else said
    return code in PERMANENT_SMTP and _ABOUT_US.search(text) is None


def _of_provider(error: AnymailAPIError) -> Exception:
    """A refused recipient comes as AnymailRecipientsRefused; a 400 or 422 is as well about our sender's address."""
    if error.status_code == TOO_LARGE:
        return MailRefused(f"the mail provider answered {TOO_LARGE}")
    headers = getattr(error.response, "headers", None) or {}
    return MailFailed(f"the mail provider answered {error.status_code or 'nothing'}", wait=asked_wait(headers))


class Sending(Task):
    """A task that sends: tried again after 5 seconds, then each time twice as late, or when the provider asks for it.

    Given up, officers are told.
    """

    autoretry_for = (MailFailed, SmsFailed)
    retry_backoff = 5
    retry_backoff_max = 600  # Far less than the broker's visibility_timeout.
    retry_jitter = False
    max_retries = 9  # Half an hour: a server that makes strangers come back later wants five minutes or more.
    sms_retries = max_retries

    def retry(self, *args: Any, **options: Any) -> Any:
        """Put the task off; what was tried often enough fails with its own error."""
        error = options.get("exc")
        if isinstance(error, SmsFailed) and self.request.retries >= self.sms_retries:
            raise error
        wait = getattr(error, "wait", None)
        if wait is not None:
            asked = min(wait.total_seconds(), self.retry_backoff_max)
            options["countdown"] = max(options.get("countdown") or 0, asked)
        return super().retry(*args, **options)

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        if isinstance(exc, self.autoretry_for):
            tell_given_up(exc, now=timezone.now())


class SendingCode(Sending):
    """One that sends a code: by SMS it is given up while the code is good, as afterwards there is nothing to send."""

    sms_retries = 6


@command
def tell_given_up(failure: Exception, *, now: datetime) -> None:
    """Tell officers that a mail or SMS of accounts was given up: it isn't this one message that is wrong."""
    channel = "SMS" if isinstance(failure, SmsFailed) else "mail"
    title = f"A {channel} with a code or link, or to an address that was left, can't be sent"
    alerts.raise_alert(FAILS, dedupe=channel, title=title, detail=f"The newest was given up: {failure}.", at=now)
