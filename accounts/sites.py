"""Where somebody stands with a passkey: the domain that it belongs to, whose pages may ask for it, in which session.

Source: docs/rules/access.md §10.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port

from accounts import tokens


@dataclass(frozen=True, slots=True)
class Site:
    """`domain` is WebAuthn's RP id; `origins` are those of pages and apps, to the letter.

    `visit` names the session, or the log-in under way: a challenge of one is answered in no other.
    """

    domain: str
    origins: tuple[str, ...]
    visit: str

    @property
    def visit_hash(self) -> bytes:
        """What is kept of the visit."""
        return tokens.digest(self.visit)


def site_of(request: HttpRequest, *, visit: str) -> Site:
    """Say where a request comes from: as the settings name it, else the host that was asked, and its own pages alone.

    What a client says of its origin elsewhere than in the passkey's answer isn't looked at.
    """
    if settings.PASSKEY_DOMAIN:
        return Site(settings.PASSKEY_DOMAIN, tuple(settings.PASSKEY_ORIGINS), visit)
    host = request.get_host()
    return Site(split_domain_port(host)[0], (f"{request.scheme}://{host}",), visit)
