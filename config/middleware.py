"""What every answer says of itself to a browser, and the log's line of every request."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware

from config import discretion
from oversight.middleware import is_harmless

STRICT = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
OWN = (
    "default-src 'self'; img-src 'self' data:; style-src 'self'{style}; script-src 'self'{script}; "
    "font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; frame-ancestors 'none'; "
    "base-uri 'self'; form-action 'self'"
)
# The console's theme evaluates its templates in the browser: there, and nowhere else, scripts may do so.
CONSOLE = OWN.format(style=" 'unsafe-inline'", script=" 'unsafe-eval'")
# ReDoc brings two style elements: an empty one, into which its scripts insert rules, and the rules of its scroll bars.
# Another version of it may bring others: the browser's test then names their hashes.
EMPTY = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
SCROLL_BARS = "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='"
REDOC = OWN.format(style=f" {EMPTY} {SCROLL_BARS}", script="")
PAGES = OWN.format(style="", script="")


class AnswerHeaders:
    """Allow nothing to JSON, own files to pages, and the console's exception under /admin/ alone.

    What the API answers is somebody's own unless its view says otherwise: no proxy and no browser keeps it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", policy(request.path, response))
        if request.path.startswith("/api/"):
            response.headers.setdefault("Cache-Control", "private, no-store")
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
        return response


class RequestLog(RequestMiddleware):
    """Log a request by method and path; what is asked of it may name a person, or be a token. So may the path's end."""

    def prepare(self, request: HttpRequest) -> None:
        """Take over no id that says more than an id would."""
        if not is_harmless(request.META.get("HTTP_X_REQUEST_ID", "")):
            request.META.pop("HTTP_X_REQUEST_ID", None)
        request.META.pop("HTTP_X_CORRELATION_ID", None)
        vars(request).pop("headers", None)  # Django keeps them as it first read them.
        super().prepare(request)

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {discretion.address(request)}"


def policy(path: str, response: HttpResponse) -> str:
    """The policy for this answer."""
    if path.startswith("/admin/"):
        return CONSOLE
    if path.rstrip("/") in {"/redoc", "/api/v1/redoc"}:
        return REDOC
    if response.headers.get("Content-Type", "").startswith("text/html"):
        return PAGES
    return STRICT
