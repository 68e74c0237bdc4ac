"""The console: Django's admin in unfold's dress, with our own pages beside the models'."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.sites import UnfoldAdminSite


class ConsoleSite(UnfoldAdminSite):
    """Officers only; what a page shows depends on the officer's permissions."""

    site_header = "Fiducia"
    site_title = "Fiducia console"
    index_title = "Overview"
    enable_nav_sidebar = True

    def extra_urls(self) -> list[URLPattern]:
        """The pages that belong to no model."""
        from backoffice import pages
        from notifications.admin import notices

        return [
            path("returns/", self.admin_view(pages.returns), name="backoffice_returns"),
            path("pools/", self.admin_view(pages.pools), name="backoffice_pools"),
            path("messages/", self.admin_view(notices.catalogue), name="notifications_messages"),
            path("messages/<slug:code>/", self.admin_view(notices.preview), name="notifications_message"),
        ]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from backoffice import dashboard

        figures = dashboard.read(request.user, now=timezone.now())
        return super().index(request, {"board": figures, **(extra_context or {})})
