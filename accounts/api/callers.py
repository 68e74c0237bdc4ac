"""Who calls, once `SessionAuthentication` has said so."""

from __future__ import annotations

from rest_framework.request import Request

from accounts.models import Session, User
from accounts.services import Device
from oversight import trace


def person_of(request: Request) -> User:
    """Return the person behind an authenticated request."""
    assert isinstance(request.user, User)
    return request.user


def session_of(request: Request) -> Session:
    """Return the session behind an authenticated request."""
    assert isinstance(request.auth, Session)
    return request.auth


def device_of(request: Request) -> Device:
    """Say where a request comes from."""
    return Device(user_agent=request.META.get("HTTP_USER_AGENT", ""), ip=trace.current().ip)
