"""The Content-Security-Policy of every answer."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

STRICT = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
OWN = (
    "default-src 'self'; img-src 'self' data:; style-src 'self'{style}; script-src 'self'{script}; "
    "font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; frame-ancestors 'none'; "
    "base-uri 'self'; form-action 'self'"
)
# The console's theme evaluates its templates in the browser, and so does the API's documentation: there, and
# nowhere else, scripts may do so.
CONSOLE = OWN.format(style=" 'unsafe-inline'", script=" 'unsafe-eval'")
DOCS = OWN.format(style=" 'unsafe-inline'", script=" 'unsafe-inline'")
PAGES = OWN.format(style="", script="")


class ContentSecurityPolicy:
    """Allow nothing to JSON, own files to pages, and the console's exception under /admin/ alone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", policy(request.path, response))
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
        return response


def policy(path: str, response: HttpResponse) -> str:
    """The policy for this answer."""
    if path.startswith("/admin/"):
        return CONSOLE
    if path.rstrip("/") in {"/docs", "/redoc", "/api/v1/docs", "/api/v1/redoc"}:
        return DOCS
    if response.headers.get("Content-Type", "").startswith("text/html"):
        return PAGES
    return STRICT
