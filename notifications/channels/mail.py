"""Mails, through Django's backend: a mail server, or a provider by django-anymail. Text and HTML."""

from __future__ import annotations

import smtplib
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRecipientsRefused
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from notifications.channels import Failed, Refused

PERMANENT_SMTP = range(500, 600)
REFUSING_STATUSES = frozenset({400, 413, 422})
"""What a provider's API answers when this one message is wrong; other refusals are about our account with it."""


class Mailer:
    """Sends mails over one connection, which is opened with the first and, after a failure, anew."""

    def __init__(self) -> None:
        self._connection: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._hang_up()

    def send(self, to: str, *, subject: str, text: str, html: str, delivery: UUID) -> None:
        """Send one mail; a repeat has the same Message-ID. Raises Refused, Failed."""
        if self._connection is None:
            self._connection = get_connection()
        mail = EmailMultiAlternatives(subject, text, settings.DEFAULT_FROM_EMAIL, [to], connection=self._connection)
        mail.attach_alternative(html, "text/html")
        mail.extra_headers["Message-ID"] = _message_id(delivery)
        mail.extra_headers["Auto-Submitted"] = "auto-generated"
        try:
            self._connection.open()
            mail.send()
        except Exception as error:
            self._hang_up()
            raise _judged(error) from error

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _message_id(delivery: UUID) -> str:
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip("> ") or "localhost"
    return f"<{delivery.hex}@{domain}>"


def _judged(error: Exception) -> Exception:
    """Tell a refusal of this mail from a failure that may pass; what is neither is a bug, and stays what it is."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = {code for code, _ in error.recipients.values()}
        final = all(code in PERMANENT_SMTP for code in codes)
        return (Refused if final else Failed)(f"the mail server refused the recipient: {sorted(codes)}")
    if isinstance(error, smtplib.SMTPDataError):
        final = error.smtp_code in PERMANENT_SMTP
        return (Refused if final else Failed)(f"the mail server refused the mail: {error.smtp_code}")
    if isinstance(error, AnymailRecipientsRefused):
        return Refused("the mail provider refused the recipient")
    if isinstance(error, AnymailAPIError):
        final = error.status_code in REFUSING_STATUSES
        return (Refused if final else Failed)(f"the mail provider answered {error.status_code or 'nothing'}")
    if isinstance(error, (smtplib.SMTPException, AnymailError, OSError)):
        return Failed(f"the mail server can't be reached: {type(error).__name__}")
    return error
