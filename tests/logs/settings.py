"""Production's settings, with mails in files: nothing that a journey says may be meant to be printed."""

from __future__ import annotations

import os
import smtplib
from typing import Any

from django.core.mail.backends.filebased import EmailBackend

from config.settings import *  # noqa: F403

EMAIL_BACKEND = "tests.logs.settings.Files"
EMAIL_FILE_PATH = os.environ["FIDUCIA_TEST_MAILS"]


class Files(EmailBackend):
    """Writes mails into files; one domain refuses its recipients, as mail servers do, by naming them."""

    def send_messages(self, messages: Any) -> int:
        for message in messages:
            if any(to.endswith("@refused.example") for to in message.to):
                raise smtplib.SMTPRecipientsRefused(dict.fromkeys(message.to, (550, b"no such user")))
        return int(super().send_messages(messages))
