"""Pushes, through Firebase Cloud Messaging's HTTP v1 interface.

The access token comes from the service account's own token server by a signed JWT (RFC 7523).
Source: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages.
"""

from __future__ import annotations

import json
import threading
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from http import HTTPStatus
from time import time
from typing import Any, Final

import jwt
from django.conf import settings

from accounts import providers
from notifications import rules
from notifications.channels import Failed, Gone, Refused

TIMEOUT_SECONDS: Final = 10
SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EARLY_SECONDS: Final = 60
LIFETIME_SECONDS: Final = int(rules.STALE_AFTER["push"].total_seconds())
"""How long FCM keeps a push for a phone that is off; it would be four weeks, and whose the phone is by then is open."""
REFUSALS: Final = frozenset({"INVALID_ARGUMENT"})
"""What FCM says when this one message is wrong; other answers are about our project, and tried again.

SENDER_ID_MISMATCH is said of every message once the credentials are another project's.
"""


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
                "android": {
                    "priority": "HIGH" if self.is_urgent else "NORMAL",
                    "ttl": f"{LIFETIME_SECONDS}s",
                    "notification": {"tag": tag},
                },
                "apns": {
                    "headers": {
                        "apns-priority": "10" if self.is_urgent else "5",
                        "apns-collapse-id": tag,
                        "apns-expiration": str(int(time()) + LIFETIME_SECONDS),
                    }
                },
                "webpush": {
                    "headers": {"Urgency": "high" if self.is_urgent else "normal", "TTL": str(LIFETIME_SECONDS)},
                    "notification": {"tag": tag},
                },
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
        answer = providers.ask(request, timeout=TIMEOUT_SECONDS)
    except providers.NoAnswer as error:
        raise Failed(f"FCM can't be reached: {error}") from None
    if answer.status != HTTPStatus.OK:
        raise _judged(answer)
    said = answer.json()
    if not isinstance(said, dict) or "name" not in said:
        raise Failed("FCM answered 200 without the message's name")


def _judged(answer: providers.Answer) -> Exception:
    code = _error_code(answer)
    if code == "THIRD_PARTY_AUTH_ERROR":
        return Failed("FCM can't reach Apple or the web's push service with our keys")
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return _Unauthorized()
    if code == "UNREGISTERED":
        return Gone("FCM doesn't know the token any more")
    said = f"FCM answered {answer.status} {code}".strip()
    if code in REFUSALS:
        return Refused(said)
    return Failed(said, wait=providers.asked_wait(answer.headers))


def _error_code(answer: providers.Answer) -> str:
    """FCM's own code stands in the details of Google's error; where there is none, Google's status."""
    try:
        said = answer.json()["error"]
        details = [str(each["errorCode"]) for each in said.get("details", []) if "errorCode" in each]
        return (details or [str(said.get("status", ""))])[0][:40]
    except (KeyError, AttributeError, TypeError):
        return ""


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
        answer = providers.ask(request, timeout=TIMEOUT_SECONDS)
    except providers.NoAnswer as error:
        raise Failed(f"Google's token server can't be reached: {error}") from None
    if answer.status != HTTPStatus.OK:
        raise Failed(f"Google's token server answered {answer.status}", wait=providers.asked_wait(answer.headers))
    try:
        given = answer.json()
        return str(given["access_token"]), int(given["expires_in"])
    except (ValueError, KeyError, TypeError):
        raise Failed("Google's token server gave no access token") from None


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
