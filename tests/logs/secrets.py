"""What must not be found in a log, in whatever writing, and where it was found."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

_BASE64 = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")


@dataclass
class Secrets:
    """Texts by what they are; whatever goes out or comes in under a telling name is one."""

    known: dict[str, str] = field(default_factory=dict)

    NAMES = frozenset(
        {"email", "phone", "identifier", "password", "new_password", "current_password", "first_name", "last_name",
         "code", "token", "pin", "current_pin", "access", "refresh", "mfa_token", "pin_token", "secret", "uri",
         "recovery_codes", "ip", "challenge", "rawId", "clientDataJSON", "attestationObject", "authenticatorData",
         "signature"}
    )  # fmt: skip

    def learn(self, content: Any, *, name: str = "", answered: bool = False) -> None:
        """Take in what a body holds; the `code` of an answer is a refusal's."""
        if isinstance(content, dict):
            telling = self.NAMES - ({"code"} if answered else set())
            for key, value in content.items():
                self.learn(value, name=key if key in telling else "", answered=answered)
        elif isinstance(content, list):
            for value in content:
                self.learn(value, name=name, answered=answered)
        elif isinstance(content, str) and name and len(content) > 2:
            self.known.setdefault(content, name)

    def found_in(self, text: str) -> list[tuple[str, str, str]]:
        """Which stand in a text: what it is, the text itself, the line."""
        text = f"{text}\n{decoded(text)}"
        found = []
        for secret, name in self.known.items():
            for form in writings(secret):
                if form in text and (match := re.search(standing(form), text)):  # `in` is quicker by far.
                    start = text.rfind("\n", 0, match.start()) + 1
                    found.append((name, secret, text[start : text.find("\n", match.end())][:400]))
                    break
        return found


def writings(secret: str) -> Iterator[str]:
    """The ways in which it may be written."""
    forms = {
        secret,
        json.dumps(secret)[1:-1],
        quote(secret),
        quote(secret, safe=""),
        secret.lower(),
        ascii(secret)[1:-1],
    }
    forms |= {json.dumps(form)[1:-1] for form in tuple(forms)}
    yield from sorted(forms)


def standing(form: str) -> str:
    """The pattern of a form that stands for itself: a short one isn't part of a word or of a time."""
    escaped = re.escape(form)
    return rf"(?<![\w.\-])(?<!\d\d:){escaped}(?![\w\-]|:\d)" if len(form) < 10 else escaped


def decoded(text: str) -> str:
    """What stands in it in base64, as a broker's messages do."""
    found = []
    for part in _BASE64.findall(text):
        try:
            found.append(base64.b64decode(part + "=" * (-len(part) % 4)).decode())
        except (binascii.Error, UnicodeDecodeError):
            continue
    return "\n".join(found)
