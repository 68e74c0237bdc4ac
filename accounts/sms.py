"""Short messages, through whichever sender the settings name (`SMS_URL`).

`console://` prints into the worker's output, `sandbox:///path/to/file` appends lines of JSON to a file (development),
`twilio://SID:TOKEN@FROM` sends. No text and no number goes into a log.
"""

from __future__ import annotations

import base64
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from django.conf import settings

from oversight.encryption import blind_index

TIMEOUT_SECONDS = 10
TWILIO = "https://api.twilio.com"


class SmsFailed(Exception):
    """The sender can't take a message now; it may later."""


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
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                if answer.status != 201:
                    raise SmsFailed(f"Twilio answered {answer.status}")
        except urllib.error.HTTPError as error:
            # Only 400 is about this message: 401, 403 and 404 mean our account, its token or its address.
            raise (SmsRefused if error.code == 400 else SmsFailed)(f"Twilio answered {error.code}") from None
        except OSError as error:
            raise SmsFailed(f"Twilio can't be reached: {type(error).__name__}") from None


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
