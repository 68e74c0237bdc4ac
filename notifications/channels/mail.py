"""Mails, through Django's backend: a mail server, or a provider by django-anymail. Text and HTML."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from accounts import sending
from notifications.channels import Failed, Refused


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
    judged = sending.judged(error)
    if isinstance(judged, sending.MailRefused):
        return Refused(str(judged))
    return Failed(str(judged), wait=judged.wait) if isinstance(judged, sending.MailFailed) else error
