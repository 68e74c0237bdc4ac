"""When an officer gave their second factor in the console: a claim in the browser's session, kept on our side."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from oversight import second_factor

CLAIM: Final = "second_factor_at"
PASSWORD_GIVEN: Final = "password_given_at"  # noqa: S105 - the name of a moment


def claim(request: HttpRequest, *, now: datetime) -> None:
    """Note that it was given; the session's key changes, as at a log-in."""
    request.session.cycle_key()
    request.session[CLAIM] = now.isoformat()


def note_password(request: HttpRequest, *, now: datetime) -> None:
    """Note that the password was given."""
    request.session[PASSWORD_GIVEN] = now.isoformat()


def password_counts(request: HttpRequest) -> bool:
    """Answer whether the password was given since anything last changed of how this officer proves who they are."""
    given_at, changed_at = _moment(request, PASSWORD_GIVEN), request.user.access_changed_at  # type: ignore[union-attr]
    return given_at is not None and (changed_at is None or changed_at <= given_at)


def given_at(request: HttpRequest) -> datetime | None:
    """Return when the second factor was given in this browser."""
    return _moment(request, CLAIM)


def _moment(request: HttpRequest, name: str) -> datetime | None:
    text = request.session.get(name)
    return datetime.fromisoformat(text) if text else None


def is_fresh(request: HttpRequest, *, within: timedelta) -> bool:
    """Answer whether it was given lately enough."""
    return second_factor.is_fresh(given_at(request), person=request.user, within=within, now=timezone.now())


def ask_again(request: HttpRequest, *, then: str) -> HttpResponseRedirect:
    """Send the officer to where it is given, and from there to `then`."""
    return HttpResponseRedirect(f"{reverse('admin:second_factor')}?{urlencode({'next': then})}")
