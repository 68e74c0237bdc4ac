"""Pushes, through Firebase Cloud Messaging's HTTP v1 interface.

The access token comes from the service account's own token server by a signed JWT (RFC 7523).
Source: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from datetime import timedelta
from time import time
from typing import Any, Final

import jwt
from django.conf import settings

from notifications.channels import Failed, Gone, Refused

TIMEOUT_SECONDS: Final = 10
SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EARLY_SECONDS: Final = 60
UNAUTHORIZED: Final = 401
REFUSALS: Final = frozenset({"INVALID_ARGUMENT", "SENDER_ID_MISMATCH"})
"""What FCM says when this one message is wrong; other answers are about our project, and tried again."""


@dataclass(frozen=True, slots=True)
class Push:
    """What a device shows, and what its app gets with it."""

    title: str
    text: str
    notification: str
    kind: str
    url: str
    is_urgent: bool

    def to(self, token: str) -> dict[str, Any]:
        """The message as FCM wants it. A repeat replaces the first on the device: both carry one tag."""
        tag = self.notification
        return {
            "message": {
                "token": token,
                "notification": {"title": self.title, "body": self.text},
                "data": {"notification_id": tag, "type": self.kind, "action_url": self.url},
                "android": {"priority": "HIGH" if self.is_urgent else "NORMAL", "notification": {"tag": tag}},
                "apns": {"headers": {"apns-priority": "10" if self.is_urgent else "5", "apns-collapse-id": tag}},
                "webpush": {"headers": {"Urgency": "high" if self.is_urgent else "normal"}},
            }
        }


@dataclass
class _Access:
    """The access token that is good now; one a process and account."""

    account: str = ""
    token: str = ""
    until: float = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


_access = _Access()


def is_on() -> bool:
    """Answer whether the settings name a service account."""
    return bool(settings.FCM_CREDENTIALS)


def send(token: str, push: Push) -> None:
    """Push to one device. Raises Gone, Refused, Failed."""
    try:
        _post_message(token, push, access=_access_token())
    except _Unauthorized:
        # The token was withdrawn before its time, or another process's clock is wrong: once more with a new one.
        try:
            _post_message(token, push, access=_access_token(anew=True))
        except _Unauthorized:
            raise Failed("FCM doesn't take our access token") from None


class _Unauthorized(Exception):
    """FCM answered 401."""


def _post_message(token: str, push: Push, *, access: str) -> None:
    project = settings.FCM_CREDENTIALS["project_id"]
    headers = {"Authorization": f"Bearer {access}", "Content-Type": "application/json"}
    body = json.dumps(push.to(token)).encode()
    address = f"{settings.FCM_URL}/v1/projects/{project}/messages:send"
    request = urllib.request.Request(address, body, headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            answer.read()
    except urllib.error.HTTPError as error:
        raise _judged(error) from None
    except OSError as error:
        raise Failed(f"FCM can't be reached: {type(error).__name__}") from None


def _judged(error: urllib.error.HTTPError) -> Exception:
    code = _error_code(error)
    if code == "THIRD_PARTY_AUTH_ERROR":
        return Failed("FCM can't reach Apple or the web's push service with our keys")
    if error.code == UNAUTHORIZED:
        return _Unauthorized()
    if code == "UNREGISTERED":
        return Gone("FCM doesn't know the token any more")
    said = f"FCM answered {error.code} {code}".strip()
    if code in REFUSALS:
        return Refused(said)
    return Failed(said, wait=_asked_wait(error.headers.get("Retry-After") or ""))


def _error_code(error: urllib.error.HTTPError) -> str:
    """FCM's own code stands in the details of Google's error; where there is none, Google's status."""
    try:
        said = json.loads(error.read()).get("error", {})
        details = [str(each["errorCode"]) for each in said.get("details", []) if "errorCode" in each]
        return (details or [str(said.get("status", ""))])[0][:40]
    except (ValueError, AttributeError, TypeError, OSError):
        return ""


def _asked_wait(seconds: str) -> timedelta | None:
    return timedelta(seconds=int(seconds)) if seconds.isascii() and seconds.isdigit() and len(seconds) < 6 else None


def _access_token(*, anew: bool = False) -> str:
    """Return an access token that is good for a while, asking for one where there is none. Raises Failed."""
    account = str(settings.FCM_CREDENTIALS["client_email"])
    with _access.lock:
        if anew or _access.account != account or time() >= _access.until:
            _access.token, lifetime = _ask_token()
            _access.account, _access.until = account, time() + lifetime - EARLY_SECONDS
        return _access.token


def _ask_token() -> tuple[str, int]:
    form = urllib.parse.urlencode({"grant_type": GRANT, "assertion": _assertion()}).encode()
    request = urllib.request.Request(settings.FCM_CREDENTIALS["token_uri"], form)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            given = json.loads(answer.read())
        return str(given["access_token"]), int(given["expires_in"])
    except urllib.error.HTTPError as error:
        raise Failed(f"Google's token server answered {error.code}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failed(f"Google's token server can't be reached: {type(error).__name__}") from None


def _assertion() -> str:
    account, now = settings.FCM_CREDENTIALS, int(time())
    claims = {
        "iss": account["client_email"],
        "scope": SCOPE,
        "aud": account["token_uri"],
        "iat": now,
        "exp": now + 3600,
    }
    key_id = account.get("private_key_id")
    return jwt.encode(claims, account["private_key"], algorithm="RS256", headers={"kid": key_id} if key_id else None)
