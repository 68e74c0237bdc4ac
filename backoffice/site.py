"""The console: Django's admin in unfold's dress, with our own pages beside the models'."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.sites import UnfoldAdminSite

from oversight.console import factors
from oversight.second_factor import FOR_STAFF


class ConsoleSite(UnfoldAdminSite):
    """Officers only; what a page shows depends on the officer's permissions."""

    site_header = "Fiducia"
    site_title = "Fiducia console"
    index_title = "Overview"
    enable_nav_sidebar = True

    def extra_urls(self) -> list[URLPattern]:
        """The pages that belong to no model."""
        from accounts.admin import second_factor
        from backoffice import pages
        from notifications.admin import notices

        return [
            *second_factor.urls(),
            path("returns/", self.admin_view(pages.returns), name="backoffice_returns"),
            path("pools/", self.admin_view(pages.pools), name="backoffice_pools"),
            path("messages/", self.admin_view(notices.catalogue), name="notifications_messages"),
            path("messages/<slug:code>/", self.admin_view(notices.preview), name="notifications_message"),
        ]

    def has_permission(self, request: HttpRequest) -> bool:
        """Open to officers whose second factor is fresh; leaving needs none."""
        if not super().has_permission(request):
            return False
        leaves = request.resolver_match is not None and request.resolver_match.url_name == "logout"
        return leaves or factors.is_fresh(request, within=FOR_STAFF)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Ask for the password; whoever gave it already is asked for the second factor."""
        if request.method == "GET" and super().has_permission(request) and not self.has_permission(request):
            return factors.ask_again(request, then=request.GET.get("next", ""))
        answer = super().login(request, extra_context)
        # A refused form comes back as a page, also to a browser that somebody is logged in with still.
        if request.method == "POST" and isinstance(answer, HttpResponseRedirect):
            factors.note_password(request, now=timezone.now())
        return answer

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from backoffice import dashboard

        figures = dashboard.read(request.user, now=timezone.now())
        return super().index(request, {"board": figures, **(extra_context or {})})
