"""Short messages, through whichever sender the settings name (`SMS_URL`).

`console://` prints into the worker's output, `sandbox:///path/to/file` appends lines of JSON to a file (development),
`twilio://SID:TOKEN@FROM` sends. No text and no number goes into a log.
"""

from __future__ import annotations

import base64
import json
import sys
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, Protocol

from django.conf import settings

from accounts import providers
from oversight.encryption import blind_index

TIMEOUT_SECONDS = 10
TWILIO = "https://api.twilio.com"
REFUSALS = frozenset({21211, 21214, 21217, 21265, 21266, 21610, 21614, 21617, 21635})
"""What Twilio says of this one number or text. Its other refusals are about our account (a country that isn't switched
on, a sender that isn't ours), whatever their status. Source: https://www.twilio.com/docs/api/errors."""


class SmsFailed(Exception):
    """The sender can't take a message now; it may later, after what it asks for."""

    def __init__(self, reason: str, *, wait: timedelta | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class SmsRefused(Exception):
    """The sender doesn't take this message; trying again would change nothing."""


class Sender(Protocol):
    """Sends one message. Raises SmsFailed, SmsRefused."""

    def send(self, number: str, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Console:
    """Prints messages, for development."""

    def send(self, number: str, text: str) -> None:
        sys.stdout.write(f"SMS to {number}: {text}\n")
        sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Appends messages to a file, a JSON object a line, for development and tests."""

    path: Path

    def send(self, number: str, text: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"to": number, "text": text}) + "\n")


@dataclass(frozen=True, slots=True)
class Twilio:
    """Twilio's Messages resource. Source: https://www.twilio.com/docs/messaging/api/message-resource (2010-04-01)."""

    sid: str
    token: str
    sender: str
    base: str

    def send(self, number: str, text: str) -> None:
        form = urllib.parse.urlencode({"To": number, "From": self.sender, "Body": text}).encode()
        basic = base64.b64encode(f"{self.sid}:{self.token}".encode()).decode()
        address = f"{self.base}/2010-04-01/Accounts/{self.sid}/Messages.json"
        request = urllib.request.Request(address, form, {"Authorization": f"Basic {basic}"})  # noqa: S310
        try:
            answer = providers.ask(request, timeout=TIMEOUT_SECONDS)
        except providers.NoAnswer as error:
            raise SmsFailed(f"Twilio can't be reached: {error}") from None
        if answer.status != 201:
            raise _judged(answer)


def _judged(answer: providers.Answer) -> Exception:
    said = answer.json()
    code = said.get("code") if isinstance(said, dict) else None
    if not isinstance(code, int):
        return SmsFailed(f"Twilio answered {answer.status}", wait=providers.asked_wait(answer.headers))
    reason = f"Twilio answered {answer.status} ({code})"
    return SmsRefused(reason) if code in REFUSALS else SmsFailed(reason, wait=providers.asked_wait(answer.headers))


class Caps(NamedTuple):
    """How many messages a day go to one number, to one country, and in all."""

    number: int
    country: int
    all: int


def caps() -> Caps:
    return Caps(*settings.SMS_A_DAY)


def send(number: str, text: str) -> None:
    """Send a message. Raises SmsFailed, SmsRefused."""
    sender_of(settings.SMS_URL).send(number, text)


def sender_of(url: str) -> Sender:
    """Return the sender that an address names. Raises ValueError."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "console":
        return Console()
    if parts.scheme == "sandbox" and parts.path:
        return Sandbox(Path(parts.path))
    if parts.scheme == "twilio" and parts.username and parts.password and parts.netloc:
        base = dict(urllib.parse.parse_qsl(parts.query)).get("base", TWILIO)
        sender = urllib.parse.unquote(parts.netloc.rpartition("@")[2])
        return Twilio(parts.username, urllib.parse.unquote(parts.password), sender, base)
    raise ValueError("SMS_URL is console://, sandbox:///path/to/file or twilio://SID:TOKEN@FROM")


def mark(number: str) -> str:
    """Stand for a number where it is counted."""
    return blind_index(number).hex()
