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


def claim(request: HttpRequest, *, now: datetime) -> None:
    """Note that it was given; the session's key changes, as at a log-in."""
    request.session.cycle_key()
    request.session[CLAIM] = now.isoformat()


def is_fresh(request: HttpRequest, *, within: timedelta) -> bool:
    """Answer whether it was given lately enough."""
    text = request.session.get(CLAIM)
    given_at = datetime.fromisoformat(text) if text else None
    return second_factor.is_fresh(given_at, person=request.user, within=within, now=timezone.now())


def ask_again(request: HttpRequest, *, then: str) -> HttpResponseRedirect:
    """Send the officer to where it is given, and from there to `then`."""
    return HttpResponseRedirect(f"{reverse('admin:second_factor')}?{urlencode({'next': then})}")
